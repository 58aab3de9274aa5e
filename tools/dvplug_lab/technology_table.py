"""As what `--tech auto` recognises files of reads, and by what: a Markdown table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pysam

from dvplug.errors import InputError
from dvplug.inputs.read_evidence import gather
from dvplug.inputs.recognition import describe, judge, pick
from dvplug.plugins.loading import installed_plugins


def rows(paths: Iterable[Path]) -> list[str]:
    """Return a row for each BAM file: its name, what was measured, what decides, what it is recognised as."""
    technologies = installed_plugins().technologies()
    lines = ["| file | reads | what decides | `--tech auto` | refused as |", "|---|---|---|---|---|"]
    for path in paths:
        with pysam.AlignmentFile(str(path)) as alignments:
            evidence = gather(alignments)
        try:
            choice = pick(technologies, {path.name: evidence})
            picked, why = f"`{choice.profile.name}`", choice.why
        except InputError as error:
            picked, why = "refused", error.cause
        refused = [p.name for p in technologies if judge(p, evidence, technologies).contradictions]
        lines.append(
            f"| {path.name} | {describe(evidence)} | {why.replace('|', ' ')} | {picked} | {', '.join(refused)} |"
        )
    return lines
