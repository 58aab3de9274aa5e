"""Measure what real reads cost per Mb, beside bcftools, the floor of decoding, and other versions (Linux).

    python tools/benchmark_real.py
    python tools/benchmark_real.py --sets 30x --programs dvplug floor --other before=../before --repeats 3

Slices of the real data are laid on as many contigs as make 3 Mb; the same on .2 Mb is subtracted, so that the start-up
does not count. One worker; the CPU time of all processes. The programs take turns, and each has its median.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

from cyclopts import App, Parameter

from dvplug.errors import InputError
from dvplug.system.rich_console import stdout
from dvplug_lab.commands import require
from dvplug_lab.costs.genomes import between
from dvplug_lab.places import REPOSITORY
from dvplug_lab.script import run
from dvplug_lab.speed.real_reads import BEGIN, END, SETS, PerMegabase, keep, measure_set, table

app = App(help=__doc__, help_format="plaintext")
PROGRAMS = ("dvplug", "gvcf", "bcftools", "floor")


@app.default
def main(
    *,
    sets: Annotated[list[str], Parameter(consume_multiple=True)] = [one.name for one in SETS],  # noqa: B006
    programs: Annotated[list[str], Parameter(consume_multiple=True)] = list(PROGRAMS),  # noqa: B006
    other: Annotated[list[str], Parameter(consume_multiple=True)] = [],  # noqa: B006
    repeats: int = 5,
    folder: Path | None = None,
    history: Path | None = None,
    page: Path | None = None,
) -> None:
    """Measure what real reads cost per Mb.

    Parameters
    ----------
    sets
        Names of sets of reads.
    programs
        dvplug, gvcf (dvplug with a gVCF), bcftools (mpileup and call), floor (samtools view -u).
    other
        Other versions of dvplug, as NAME=FOLDER of a working tree.
    repeats
        Turns, after one that only compiles.
    folder
        Where reads are laid out; a temporary folder when not given.
    history
        File to which the figures are added, a JSON object a line: docs/speed.jsonl is that of the project.
    page
        Page whose table is written anew: docs/performance.md.
    """
    known = {one.name: one for one in SETS}
    if unknown := [name for name in sets if name not in known] + [n for n in programs if n not in PROGRAMS]:
        raise InputError(f"unknown: {', '.join(unknown)}", repair=f"Sets are {', '.join(known)}.")
    trees = {name: Path(tree) for name, _, tree in (text.partition("=") for text in other)}
    require(
        *({"bcftools": "bcftools", "floor": "samtools"}[n] for n in programs if n in ("bcftools", "floor"))
    )
    rows: list[PerMegabase] = []
    with TemporaryDirectory(prefix="benchmark-") as temporary:
        for name in sets:
            found = measure_set(known[name], folder or Path(temporary), programs, trees, repeats)
            rows += found
            if history:
                keep(history, found, REPOSITORY)
            if page:  # at once: a set may take long, and the run be stopped in the next
                page.write_text(between(page.read_text(), (BEGIN, END), table(rows)))
    stdout.print(table(rows), markup=False, soft_wrap=True)


if __name__ == "__main__":
    run(app)
