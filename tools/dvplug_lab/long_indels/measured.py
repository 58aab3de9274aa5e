"""Called long indels against true ones, by the rule of `truvari bench`: near, of like size and like sequence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam

from dvplug.kernel import kernel
from dvplug.sequence.arrays import UInt8s
from dvplug.sequence.codes import encode_bases
from dvplug.system.htslib import isolated_htslib

SHORTEST, SHORTEST_CALLED = 50, 30
"""bp of the indels that count in the truth; calls of fewer, down to the second, may match them, and are not false."""
NEAR, LIKE = 500, 0.7
"""bp between them, and the least ratio of their sizes and share of equal bases: truvari's defaults."""
CLASSES = (50, 100, 200, 400, 800, 1501)
"""bp at which classes of size begin."""


class Indel(NamedTuple):
    """One long indel of a VCF."""

    start: int
    ref: str
    alt: str
    copies: int  # of the genotype

    @property
    def change(self) -> int:
        """Bp by which it changes the length."""
        return len(self.alt) - len(self.ref)

    @property
    def kind(self) -> str:
        """INS or DEL."""
        return "INS" if self.change > 0 else "DEL"

    @property
    def size_class(self) -> str:
        """From and to how many bp."""
        at = int(np.searchsorted(CLASSES, min(abs(self.change), CLASSES[-1] - 1), side="right"))
        return f"{CLASSES[at - 1]} to {CLASSES[at] - 1}" if at else f"below {CLASSES[0]}"


class IndelMeasures(NamedTuple):
    """How many are found, missed and false, and, of those that are found, have another genotype."""

    found: int
    missed: int
    false: int
    genotype: int

    @property
    def recall(self) -> float:
        """Share of the true ones that are found."""
        return self.found / max(self.found + self.missed, 1)

    @property
    def precision(self) -> float:
        """Share of the called ones that are true."""
        return self.found / max(self.found + self.false, 1)


@isolated_htslib()
def long_indels(vcf: Path, shortest: int, contig: str) -> list[Indel]:
    """Read the called indels of so many bp and more; an alt with `<INS>` or the like is left out."""
    found = []
    with pysam.VariantFile(str(vcf)) as file:
        for record in file:
            genotype = record.samples[0]["GT"]
            if record.chrom != contig or set(record.filter.keys()) - {"PASS"}:
                continue
            for number, alt in enumerate(record.alts or (), 1):
                copies = sum(allele == number for allele in genotype)
                if copies and "<" not in alt and abs(len(alt) - len(record.ref)) >= shortest:
                    found.append(Indel(record.start, record.ref.upper(), alt.upper(), copies))
    return found


def measure(truth: list[Indel], called: list[Indel], reference: str) -> dict[tuple[str, str], IndelMeasures]:
    """Match each true indel with a call, the likest first; count by kind and class of size."""
    pairs = sorted(_pairs(truth, called, reference), reverse=True)
    match: dict[int, int] = {}
    taken: set[int] = set()
    for _, one, other in pairs:
        if one not in match and other not in taken:
            match[one] = other
            taken.add(other)
    found = Counter(_key(truth[one]) for one in match)
    missed = Counter(_key(one) for at, one in enumerate(truth) if at not in match)
    wrong = Counter(
        _key(truth[one]) for one, other in match.items() if truth[one].copies != called[other].copies
    )
    false = Counter(
        _key(one) for at, one in enumerate(called) if at not in taken and abs(one.change) >= SHORTEST
    )
    keys = sorted({*found, *missed, *false}, key=lambda key: (key[0], int(key[1].split()[0])))
    return {key: IndelMeasures(found[key], missed[key], false[key], wrong[key]) for key in keys}


def added(measures: Iterable[IndelMeasures]) -> IndelMeasures:
    """Add up."""
    return IndelMeasures._make(map(sum, zip((0, 0, 0, 0), *measures, strict=True)))


def _key(indel: Indel) -> tuple[str, str]:
    return indel.kind, indel.size_class


def _pairs(truth: list[Indel], called: list[Indel], reference: str) -> Iterator[tuple[float, int, int]]:
    """Yield how like each pair is that may be one, and the indexes of the two."""
    start = np.array([one.start for one in called], np.int64)
    for at, one in enumerate(truth):
        for other in np.flatnonzero(np.abs(start - one.start) <= NEAR).tolist():
            call = called[other]
            sizes = sorted((abs(one.change), abs(call.change)))
            if call.kind != one.kind or sizes[0] < LIKE * sizes[1]:
                continue
            like = similarity(one, call, reference)
            if like >= LIKE:
                yield like, at, other


def similarity(one: Indel, other: Indel, reference: str) -> float:
    """Share of equal bases of the two haplotypes, over the stretch that either changes."""
    first, last = min(one.start, other.start), max(one.start + len(one.ref), other.start + len(other.ref))
    texts = [
        reference[first : x.start] + x.alt + reference[x.start + len(x.ref) : last] for x in (one, other)
    ]
    a, b = (encode_bases(text.encode()) for text in texts)
    changed = max(abs(one.change), abs(other.change))
    return 1 - _edits(a, b) / changed


@kernel
def _edits(one: UInt8s, other: UInt8s) -> int:
    """Levenshtein's distance of two texts of codes."""
    row = np.arange(len(other) + 1)
    for i in range(len(one)):
        diagonal = row[0]
        row[0] = i + 1
        for j in range(len(other)):
            above = row[j + 1]
            row[j + 1] = min(min(above, row[j]) + 1, diagonal + (one[i] != other[j]))
            diagonal = above
    return row[len(other)]
