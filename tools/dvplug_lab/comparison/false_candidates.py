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

from dvplug.system.rich_console import stdout
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.store import ExampleReader
from dvplug_lab.comparison.sets import ValidationSet, confident_regions

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


class FalseCandidates(NamedTuple):
    """Those of one set."""

    per_100_kb: Mapping[str, NDArray[np.float64]]  # by kind: [classes of FRACTIONS]
    like: Mapping[str, NDArray[np.float64]]  # by feature: its [QUARTILES] over those of `SURE`


def false_candidates(chosen: ValidationSet, keep: float = 1.0) -> FalseCandidates:
    """Find the candidates of a set that are of the reference, of a share of its fragments."""
    with TemporaryDirectory() as folder:
        made = Path(folder) / "examples.h5"
        reads = LabeledReads(chosen.reference, (chosen.reads,), chosen.truth, chosen.confident, keep)
        make_examples(chosen.tech, reads, made, workers=1, source=chosen.name)
        examples = ExampleReader([made])
        features = np.concatenate([part.features for part in examples.in_order()])
        columns = dict(zip(examples.header.features, features.T, strict=True))
        bases = sum(region.end - region.start for region in confident_regions(chosen))
        return describe(columns, examples.labels, bases)


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


def compare_candidates(sets: Sequence[tuple[ValidationSet, float]]) -> None:
    """Print the tables of sets, each with a share of its fragments."""
    for table in tables({chosen.name: false_candidates(chosen, keep) for chosen, keep in sets}):
        stdout.print(table)
