"""`dvplug cohort`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from dvplug.calling.keywords import SharedKeywords
from dvplug.calling.options import CallOptions
from dvplug.cli.call import command_parameters
from dvplug.cli.plain_call import ONE_PER_CORE, available_cores


def cohort(samples: Path, **given: Any) -> None:
    """Call all samples of a sheet, in one queue, and compare them: the same command goes on where it was ended."""
    import dvplug
    from dvplug.system.console import info

    out = given.pop("out")
    defaults = {name: available_cores() for name in ONE_PER_CORE}
    done = dvplug.call_cohort(samples, out=out, **defaults | given)
    before = f", {len(done.called_before)} of them before" if done.called_before else ""
    info(f"{out}: {len(done.records)} samples were called{before}. {len(done.flagged)} things stand out.")


_OWN = {
    "samples": (
        Path,
        "Sample sheet, TSV or CSV: sample, reads, and tech, sex, father, mother, model if known.",
    ),
    "out": (Path, "Folder for the outputs of all samples, and the page of the cohort."),
    "joint": (bool, "Genotype all samples together at the end, into cohort.vcf.gz."),
}
"""Parameters that `dvplug call` does not have, or has otherwise: type and help."""


def _signature() -> inspect.Signature:
    def own(name: str, default: object, kind: Any = inspect.Parameter.KEYWORD_ONLY) -> inspect.Parameter:
        type_, text = _OWN[name]
        says = Parameter(help=text, negative=() if type_ is bool else None)
        return inspect.Parameter(name, kind, default=default, annotation=Annotated[type_, says])

    shared = [
        one.replace(default="auto") if one.name == "tech" else one
        for one in command_parameters(
            CallOptions,
            ["tech", "ref", *SharedKeywords.__annotations__],
            {
                "tech": "Of samples of which the sheet says none.",
                "model": "Of samples of which the sheet says none.",
            },
        )
    ]
    first = own("samples", inspect.Parameter.empty, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return inspect.Signature([first, own("out", inspect.Parameter.empty), *shared, own("joint", False)])


cohort.__signature__ = _signature()  # type: ignore[attr-defined]
