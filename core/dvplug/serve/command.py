"""The command of a run: `dvplug call` with what a request says, in the folder of the run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dvplug.serve.inputs import LaidInputs
from dvplug.serve.requests import RunRequest, SettingValue
from dvplug.serve.settings import ServiceSettings

LOG, STDOUT, STDERR, LOCK = "events.jsonl", "stdout.txt", "stderr.txt", "child.lock"
OUT = "out"
FILES = {
    "vcf": "calls.vcf.gz",
    "vcf_index": "calls.vcf.gz.tbi",
    "gvcf": "calls.g.vcf.gz",
    "gvcf_index": "calls.g.vcf.gz.tbi",
    "report": "report.html",
}
"""Outputs by what they are, in the folder `OUT`; an index may be a .csi in place of a .tbi."""
_SAME = (
    "tech", "model", "sex", "sample", "sample_name", "read_group", "haploid_contigs", "min_qual", "min_gq",
    "keep_ref_calls", "force",
)  # fmt: skip
"""Fields of a request that are options of `dvplug call` by the same name."""
_OF_COHORT = (
    "tech", "model", "haploid_contigs", "min_qual", "min_gq", "keep_ref_calls", "force", "non_ref", "joint",
)  # fmt: skip
"""Those that are options of `dvplug cohort`."""
COHORT_PAGE = "cohort.html"


def options_of(request: RunRequest, laid: LaidInputs) -> dict[str, Any]:
    """Options of `dvplug call`, or `cohort`, by name, paths within the folder of the run; the rest are defaults."""
    regions = [*request.regions, *([laid.bed] if laid.bed else [])]
    settings = [f"{name}={_as_text(value)}" for name, value in sorted(request.set.items())]
    found: dict[str, Any]
    if laid.sheet:
        named = {name: getattr(request, name) for name in _OF_COHORT}
        found = {
            "samples": laid.sheet,
            "ref": laid.ref,
            "out": OUT,
            "regions": regions,
            "set": settings,
            **named,
        }
        return {name: value for name, value in found.items() if value not in (None, False, [])}
    found = {"ref": laid.ref, "reads": list(laid.reads), "out": f"{OUT}/{FILES['vcf']}"}
    found |= {name: getattr(request, name) for name in _SAME}
    found |= {"regions": regions, "set": settings}
    if request.gvcf:
        found |= {"gvcf": f"{OUT}/{FILES['gvcf']}", "non_ref": request.non_ref}
    if request.report:
        found["report"] = f"{OUT}/{FILES['report']}"
    return {name: value for name, value in found.items() if value not in (None, False, [])}


def _as_text(value: SettingValue) -> str:
    """As the command takes the value of a setting."""
    return value if isinstance(value, str) else json.dumps(value)


def command_of(request: RunRequest, laid: LaidInputs, settings: ServiceSettings) -> list[str]:
    """The words of the command; each value is of one word with its option, so that none can be taken for another."""
    options = options_of(request, laid) | {"workers": settings.workers, "log_json": LOG}
    if not laid.sheet:
        options["resume"] = True  # a cohort does so in any case
    if settings.max_memory is not None:
        options["max_memory"] = settings.max_memory // settings.runs
    words = [sys.executable, "-m", "dvplug", "cohort" if laid.sheet else "call"]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        else:
            words += [f"{flag}={one}" for one in (value if isinstance(value, list) else [value])]
    return words


def page_of(request: RunRequest) -> str:
    """The output that is there once all of a run is."""
    return COHORT_PAGE if request.samples else FILES["vcf"]


def make_folders(folder: Path) -> None:
    """Make what the command writes into."""
    (folder / OUT).mkdir(parents=True, exist_ok=True)
