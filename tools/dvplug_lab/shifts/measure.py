"""What unusual reads cost: errors on a validation set as it is and under each shift, and on unusual libraries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from dvplug.errors import InputError
from dvplug_lab.comparison.callers import depths, run_caller
from dvplug_lab.comparison.compared import OURS, Compared
from dvplug_lab.comparison.sets import (
    ValidationSet,
    as_long_as_aligned,
    confident_regions,
    find_set,
    mean_depth,
)
from dvplug_lab.shifts.libraries import amplicons, dense, stretches
from dvplug_lab.shifts.reads import shift_reads

FACTOR, MORE = 1.5, 3
"""A shift may cost so many times the errors of the reads as they are, and so many more."""
AS_IS = "as it is"
SPACINGS, STRETCHES, AMPLICONS = (20, 40, 60), (40, 55), ((150, 32), (250, 20))
"""Bp between SNPs, everywhere and in stretches; bp and depth of amplicons."""


class ShiftCost(NamedTuple):
    """Errors (FP + FN) on one set under one shift; ``allowed`` follows from those without it."""

    set: str
    shift: str
    depth: float
    variants: int
    errors: int
    allowed: float

    @property
    def row(self) -> str:
        """A line of a Markdown table."""
        mark = "" if self.errors <= self.allowed else " **more than allowed**"
        return f"| {self.set} | {self.shift} | {self.depth:.0f}x | {self.variants} | {self.errors}{mark} |"


def measure_shifts(
    names: Sequence[str], shifts: Sequence[str], thin: Sequence[float], shared: Path, out: Path
) -> Iterator[ShiftCost]:
    """Call each set at full depth and thinned, as it is and under each shift.

    Parameters
    ----------
    names
        As `find_set` takes them.
    shifts
        Names in `SHIFTS`; several joined by ``+`` are done one after the other.
    out
        Folder for reads and calls.
    """
    for name in names:
        chosen = as_long_as_aligned(find_set(name, shared), out)
        for at_depth, _ in depths(chosen, thin, out):
            plain = errors_of(at_depth, AS_IS, out / at_depth.name / "plain", None)
            yield plain
            for shift in shifts:
                folder = out / at_depth.name / shift
                folder.mkdir(parents=True, exist_ok=True)
                reads = at_depth.reads
                for part in shift.split("+"):
                    reads = shift_reads(part, reads, folder / f"{part}.bam")
                yield errors_of(replace(at_depth, reads=reads), shift, folder, plain.errors)


def measure_libraries(tech: str, shared: Path, out: Path) -> Iterator[ShiftCost]:
    """Call libraries with a SNP every few bases, and amplicons: both would be called without an error at all."""
    fasta = shared / "reference" / "grch38.extra_20M.fa.gz"
    if not fasta.is_file():
        raise InputError(f"{fasta} is missing", repair="Say with --shared where it is.")
    made = {f"SNPs every {n} bp": dense(out / f"dense{n}", fasta, n) for n in SPACINGS}
    made |= {f"stretches of {n} bp": stretches(out / f"stretches{n}", fasta, n) for n in STRETCHES}
    made |= {f"amplicons of {n} bp": amplicons(out / f"amplicons{n}", fasta, n, x) for n, x in AMPLICONS}
    for what, folder in made.items():
        yield errors_of(find_set(str(folder), shared, tech), what, folder / "calls", 0)


def errors_of(chosen: ValidationSet, shift: str, folder: Path, plain: int | None) -> ShiftCost:
    """Call one set and count what is wrong; ``plain`` errors were made of the reads as they are."""
    compared = Compared(chosen.name, mean_depth(chosen.reads, confident_regions(chosen)))
    run_caller(compared, chosen, OURS, folder, None, 1)
    result = compared.of[OURS]
    variants = sum(counts.tp_truth + counts.fn for counts in (result.snp, result.indel))
    wrong = compared.wrong(OURS)
    allowed = FACTOR * (wrong if plain is None else plain) + MORE
    return ShiftCost(chosen.name, shift, compared.depth, variants, wrong, allowed)
