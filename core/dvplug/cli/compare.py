"""`dvplug compare`."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from dvplug.cli.parameters import Several

if TYPE_CHECKING:
    from rich.table import Table

    from dvplug.evaluate.callsets import CallsetComparison


def compare(
    callsets: Annotated[list[Path], Several],
    *,
    ref: Path,
    truth: Path | None = None,
    confident: Path | None = None,
    report: Path | None = None,
    json: bool = False,
    all_filters: bool = False,
) -> None:
    """Compare callsets of one genome: how many variants, their ratios, how far they agree, and how far they spread.

    Callsets of other reads of one genome show how well results are repeated; those of several callers, on what they
    agree. Haplotypes are compared, as by `dvplug evaluate`.

    Parameters
    ----------
    callsets
        VCFs or gVCFs of one sample each, two or more.
    ref
        Reference FASTA, indexed.
    truth
        VCF of the truth: precision, recall and F1 are counted, too.
    confident
        BED of the regions in which variants count, by default all of the reference; needed with --truth.
    report
        Web page to write: .html. It needs no network.
    json
        Print JSON instead of tables.
    all_filters
        Count calls that their FILTER rejects, too (RefCall and hom-ref calls never count).
    """
    from dvplug.evaluate.callsets import compare_callsets
    from dvplug.report.callsets import compare_and_report
    from dvplug.system.console import warn
    from dvplug.system.rich_console import stdout

    if report is None:
        found = compare_callsets(callsets, ref, truth=truth, confident=confident, all_filters=all_filters)
    else:
        found = compare_and_report(
            callsets, ref, report, truth=truth, confident=confident, all_filters=all_filters
        )
    for line in found.empty:
        warn(line)
    if json:
        stdout.print_json(json_format.dumps(found.as_dict()))
        return
    stdout.print(table(found))


def table(found: CallsetComparison) -> Table:
    """Measures of each callset, and their spread."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from dvplug.evaluate.callsets import MEASURES
    from dvplug.report.callsets import measures_of, shown

    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    measured = measures_of(found)
    made.add_column("")
    for name in measured:
        made.add_column(MEASURES[name], justify="right")
    for one in found.callsets:
        made.add_row(one.name, *(str(shown(name, one.measures[name])) for name in measured))
    made.add_section()
    for label, field in (("mean", "mean"), ("SD", "sd"), ("least", "least"), ("most", "most")):
        values = (getattr(found.spread[name], field) if name in found.spread else None for name in measured)
        made.add_row(label, *(str(shown(name, v)) for name, v in zip(measured, values, strict=True)))
    return made
