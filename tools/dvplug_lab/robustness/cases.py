"""Sets and shifts: which reads are measured, and where they lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pysam

from dvplug.line.region import Region
from dvplug_lab.comparison.callers import is_newer, where_to_call
from dvplug_lab.comparison.peers import plain_fasta
from dvplug_lab.comparison.sets import (
    ValidationSet,
    as_long_as_aligned,
    confident_regions,
    find_set,
    mean_depth,
    thinned,
)
from dvplug_lab.robustness.found import AS_IS
from dvplug_lab.shifts.reads import shift_reads

QUALITIES = tuple(f"quality{how}" for how in ("-5", "-8", "-12", "-flat20", "-flat25", "-flat30", "-flat40"))
MAPPING = ("mapq-50", "mapq-255")
SHORT = (*QUALITIES, "quality-nextseq", "quality-novaseq", *MAPPING, "length-75")
SHIFTS_OF = {
    "illumina-wgs": (*SHORT, "single"),
    "illumina-wes": (*SHORT, "single"),
    "ion": (*QUALITIES, *MAPPING, "length-75"),
    "pacbio": (*QUALITIES, *MAPPING, "pieces-2000"),
    "ont": (*QUALITIES, *MAPPING, "pieces-2000"),
}
"""By technology; the bins of Illumina's instruments are for its reads alone."""
DEPTHS = (15.0, 8.0)
ALL_READS = "all of them"
DEEP, USUAL = 60.0, 30.0
"""A set deeper than the first is thinned to the second before it is shifted, and called at full depth besides."""
MOST_BASES = 600_000
"""Of the confident regions of a set; more would take long and say little more."""


@dataclass(frozen=True)
class Case:
    """Reads to be made and called.

    Attributes
    ----------
    base
        A set as it is; its reference is not compressed.
    whole, full
        With all reads, before it was thinned to `USUAL`, and their mean depth. Other depths are made of these: the same
        seed keeps the same fragments of a share of them as of all.
    reads
        What is done to its reads: `AS_IS`, a name that `shift_reads` knows, or a depth such as 15x.
    callers
        Whom to compare.
    """

    base: ValidationSet
    whole: ValidationSet
    full: float
    reads: str
    folder: Path
    callers: Sequence[str]

    def shifted(self) -> ValidationSet:
        """Make the reads, unless they are there and newer than the set's; give the set with them."""
        if self.reads == AS_IS:
            return self.base
        if self.reads == ALL_READS:
            return replace(self.base, reads=self.whole.reads)
        self.folder.mkdir(parents=True, exist_ok=True)
        made = self.folder / "reads.bam"
        if not is_newer(made.with_suffix(".bam.bai"), self.base.reads):
            if self.reads.endswith("x"):
                where = where_to_call(self.base, confident_regions(self.base))
                thinned(self.whole.reads, float(self.reads[:-1]) / self.full, where, made)
            else:
                shift_reads(self.reads, self.base.reads, made)
        return replace(self.base, reads=made)


def find_cases(
    name: str, shared: Path, tech: str, out: Path, callers: Sequence[str], shifts: Sequence[str]
) -> Iterator[Case]:
    """Yield the cases of one set, the reads as they are first."""
    out.mkdir(parents=True, exist_ok=True)
    given = as_long_as_aligned(find_set(name, shared, tech), out)
    given = replace(given, reference=plain_fasta(given.reference, out))
    given = at_most(given, MOST_BASES, out)
    full = mean_depth(given.reads, confident_regions(given))
    base = given if full <= DEEP else thinned_to(given, USUAL, full, out)
    what = [AS_IS, *shifts, *(f"{depth:g}x" for depth in DEPTHS if depth < 0.9 * full)]
    if base is not given:
        what.append(ALL_READS)
    for reads in what:
        yield Case(base, given, full, reads, out / base.name / reads.replace(" ", "_"), callers)


def at_most(given: ValidationSet, bases: int, out: Path) -> ValidationSet:
    """Return the set with no more than so many confident bases, the first ones, and the reads near them."""
    kept: list[Region] = []
    left = bases
    for contig, start, end in confident_regions(given):
        if left > 0:
            kept.append(Region(contig, start, min(end, start + left)))
            left -= end - start
    if left >= 0:
        return given
    folder = out / f"{given.name}.first"
    folder.mkdir(parents=True, exist_ok=True)
    confident, reads = folder / "confident.bed", folder / "reads.bam"
    confident.write_text("".join(f"{contig}\t{start}\t{end}\n" for contig, start, end in kept))
    if not is_newer(reads.with_suffix(".bam.bai"), given.reads):
        where = map(str, where_to_call(given, kept))
        pysam.view("-b", "-o", str(reads), str(given.reads), *where, catch_stdout=False)
        pysam.index(str(reads))
    return replace(given, confident=confident, reads=reads)


def thinned_to(given: ValidationSet, depth: float, full: float, out: Path) -> ValidationSet:
    """Return a set of a mean depth ``full``, thinned to another."""
    name = f"{given.name}_{depth:g}x"
    folder = out / name
    folder.mkdir(parents=True, exist_ok=True)
    reads = folder / "reads.bam"
    if not is_newer(reads.with_suffix(".bam.bai"), given.reads):
        thinned(given.reads, depth / full, where_to_call(given, confident_regions(given)), reads)
    return replace(given, name=name, reads=reads)
