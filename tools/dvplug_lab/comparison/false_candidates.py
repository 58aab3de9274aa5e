"""How many false candidates real and simulated reads give, and what those are like: what the network must reject.

Where simulated reads give fewer of a kind, or other ones, the network takes real ones for variants. The truth only
tells which candidates are false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from dvplug.errors import InputError
from dvplug.line.region import Region
from dvplug.simulate.genome import write_bed
from dvplug.system.rich_console import stdout
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.store import ExampleReader
from dvplug_lab.comparison.sets import ValidationSet, confident_regions, mean_depth

FRACTIONS = (0.0, 0.08, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4, 1.0)
"""Edges of the classes of the alt's share of the reads."""
SURE = 0.12
"""From this share on false candidates are described: of fewer reads nobody makes a call."""
LONG_RUN = 6 / 20
"""Of the feature ``homopolymer``: indels in runs of so many bp and more are counted apart."""
DESCRIBED = (
    "alt_mapping_quality", "alt_mismatches", "alt_clipped_fraction", "alt_fragments", "alt_starts",
    "alt_base_quality", "nearby_differences", "one_to_none",
)  # fmt: skip
QUARTILES = (10, 25, 50, 75, 90)


PIECE = 5000
"""bp of the pieces whose depth is looked at."""
ABOUT = 1.33
"""Pieces are compared whose depth is that which was asked for, up to this factor."""


class FalseCandidates(NamedTuple):
    """Those of one set."""

    per_100_kb: Mapping[str, NDArray[np.float64]]  # by kind: [classes of FRACTIONS]
    like: Mapping[str, NDArray[np.float64]]  # by feature: its [QUARTILES] over those of `SURE`


def false_candidates(chosen: ValidationSet, depth: float) -> FalseCandidates:
    """Find the candidates of a set that are of the reference, where it is about so deep.

    A set that is deeper on the whole is thinned. Simulated sets have all depths, and at half the depth an error is
    twice the share of the reads.
    """
    confident = confident_regions(chosen)
    keep = min(1.0, depth / mean_depth(chosen.reads, confident))
    pieces = about_as_deep(chosen.reads, confident, depth / keep)
    with TemporaryDirectory() as folder:
        made, bed = Path(folder) / "examples.h5", Path(folder) / "pieces.bed"
        write_bed(bed, pieces)
        reads = LabeledReads(chosen.reference, (chosen.reads,), chosen.truth, bed, keep)
        make_examples(chosen.tech, reads, made, workers=1, source=chosen.name)
        examples = ExampleReader([made])
        features = np.concatenate([part.features for part in examples.in_order()])
        columns = dict(zip(examples.header.features, features.T, strict=True))
        return describe(columns, examples.labels, sum(end - start for _, start, end in pieces))


def about_as_deep(reads: Path, regions: Sequence[Region], depth: float) -> list[tuple[str, int, int]]:
    """Cut regions into pieces of at most `PIECE` bp, and return those of about that mean depth.

    Raises
    ------
    InputError
        There are none.
    """
    pieces = [
        Region(region.contig, start, min(start + PIECE, region.end))
        for region in regions
        for start in range(region.start, region.end, PIECE)
    ]
    found = [one for one in pieces if depth / ABOUT <= mean_depth(reads, [one]) <= depth * ABOUT]
    if not found:
        raise InputError(
            f"{reads} is nowhere about {depth:.0f}x deep",
            cause="false candidates are compared at equal depth",
            repair="Give another --depth.",
        )
    return [(one.contig, one.start, one.end) for one in found]


def describe(
    columns: Mapping[str, NDArray[np.float32]], labels: NDArray[np.int8], bases: int
) -> FalseCandidates:
    """Count the images without a copy of their alts, float32[images] of each feature, on so many bases."""
    false, fraction = labels == 0, columns["alt_fraction"]
    is_snp, in_run = columns["is_snp"] > 0, columns["homopolymer"] >= LONG_RUN - 1e-6
    kinds = {"SNP": is_snp, "indel in a run": ~is_snp & in_run, "other indel": ~is_snp & ~in_run}
    return FalseCandidates(
        {
            name: np.histogram(fraction[false & of_kind], FRACTIONS)[0] * 1e5 / bases
            for name, of_kind in kinds.items()
        },
        {
            name: np.percentile(columns[name][false & (fraction >= SURE)], QUARTILES)
            for name in DESCRIBED
            if name in columns and (false & (fraction >= SURE)).any()
        },
    )


def tables(found: Mapping[str, FalseCandidates]) -> list[Table]:
    """Return the counts and the features of sets by name, side by side."""
    counts = Table("kind", "share of the alt", *found, title="false candidates per 100 kb")
    kinds: Sequence[str] = list(next(iter(found.values())).per_100_kb)
    for kind in kinds:
        for k, (low, high) in enumerate(pairwise(FRACTIONS)):
            cells = (f"{one.per_100_kb[kind][k]:.1f}" for one in found.values())
            counts.add_row(kind, f"{low:.2f} to {high:.2f}", *cells)
    like = Table(
        "feature",
        *found,
        title=f"of those of {SURE:.0%} and more: " + ", ".join(f"{q} %" for q in QUARTILES),
    )
    for name in DESCRIBED:
        if all(name in one.like for one in found.values()):
            like.add_row(name, *(" ".join(f"{q:.2f}" for q in one.like[name]) for one in found.values()))
    return [counts, like]


def compare_candidates(sets: Sequence[ValidationSet], depth: float) -> None:
    """Print the tables of sets, where each is about so deep."""
    for table in tables({chosen.name: false_candidates(chosen, depth) for chosen in sets}):
        stdout.print(table)
