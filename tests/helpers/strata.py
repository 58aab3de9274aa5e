"""Strata of real slices, made of the reference and of nothing else, so that anybody makes the same ones."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pysam

REPEATS = re.compile(r"([ACGT])\1{6,}|([ACGT]{2,4}?)\2{3,}")
"""Homopolymers of 7 bp or more, and units of 2 to 4 bp four times or more."""


def repeats(text: str) -> Iterator[tuple[int, int]]:
    """Tandem repeats and 5 bp on either side."""
    for found in REPEATS.finditer(text):
        yield max(0, found.start() - 5), min(len(text), found.end() + 5)


def rich_in_gc(text: str) -> Iterator[tuple[int, int]]:
    """Windows of 100 bp, of which half or more are G or C."""
    for start in range(0, len(text) - 100, 100):
        if sum(map(text[start : start + 100].count, "GC")) >= 50:
            yield start, start + 100


def every_other(text: str) -> Iterator[tuple[int, int]]:
    """Every second window of 37 bp: borders fall into many variants."""
    return ((start, start + 37) for start in range(0, len(text) - 37, 74))


STRATA: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "repeats": repeats,
    "rich_in_gc": rich_in_gc,
    "every_other": every_other,
}


def write_strata(folder: Path, reference: Path, confident: Path) -> Path:
    """Write a BED for each stratum, of the sequence within 100 bp of the confident regions, and the list of them."""
    regions = [line.split()[:3] for line in confident.read_text().splitlines()]
    with pysam.FastaFile(str(reference)) as fasta:
        for name, intervals in STRATA.items():
            with (folder / f"{name}.bed").open("w") as bed:
                for contig, start, end in regions:
                    low = max(0, int(start) - 100)
                    text = fasta.fetch(contig, low, int(end) + 100).upper()
                    bed.writelines(f"{contig}\t{low + a}\t{low + b}\n" for a, b in intervals(text))
    listed = folder / "strata.tsv"
    listed.write_text("".join(f"{name}\t{name}.bed\n" for name in STRATA))
    return listed
