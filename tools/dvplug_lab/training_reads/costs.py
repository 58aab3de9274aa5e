"""What the worlds of a technology cover and cost, before any is made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from dvplug.simulate.world_ranges import examples_per_bp
from dvplug_lab.recipes import recipe_of
from dvplug_lab.world_sets import WorldSet, worlds_of

PER_WORLD = 10.0
"""CPU s to make the genome and the decoys of a world and to index them."""
PER_SHARD = 3.0
"""CPU s until the first example of a shard is drawn, in two processes."""
PER_MB = {"bwa-mem": 1.4, "bwa-mem-single": 1.4, "bwa-aln": 1.4, "sr": 0.5, "map-hifi": 0.6, "map-ont": 0.9}
"""CPU s to write, map and sort 1 Mb of reads, by aligner. Those of `bwa aln` and of `bwa mem` of single reads are taken
from `bwa mem` of pairs, not measured."""
PER_EXAMPLE = {"illumina-wgs": 0.006, "illumina-wes": 0.0035, "pacbio": 0.01, "ont": 0.003, "ion": 0.004}
"""CPU s of an example, from reading to compression. One or two worlds of each technology gave these, on two busy cores
and some tenfold apart (PacBio .0015 and .017); that of Ion Torrent is assumed."""


@dataclass(frozen=True)
class Cost:
    """Estimates for one world, or sums of them."""

    covered: float  # bp with reads
    bases: float  # of all reads
    examples: float
    read_seconds: float  # CPU
    example_seconds: float  # CPU


def cost_of(chosen: WorldSet) -> Cost:
    """Estimate one world: the first shard covers it at full depth, others again at less."""
    recipe = recipe_of(chosen.technology)
    shards = 2 + (recipe.least_run > 0)
    covered = chosen.bases / chosen.world.library.depth
    examples = 2 * covered * examples_per_bp(chosen.world)
    return Cost(
        covered,
        chosen.bases,
        examples,
        PER_WORLD + chosen.bases / 1e6 * PER_MB[chosen.aligner],
        shards * PER_SHARD + examples * PER_EXAMPLE[chosen.technology],
    )


def total(costs: Iterable[Cost]) -> Cost:
    """Add estimates up."""
    rows = [(c.covered, c.bases, c.examples, c.read_seconds, c.example_seconds) for c in costs]
    return Cost(*(float(column) for column in np.sum(rows, axis=0)))


def plan_text(technologies: Iterable[str], *, every: bool = False) -> str:
    """Return a table of technologies, and with ``every`` of their worlds, tab-separated."""
    lines = ["set\tworlds\tMb covered\tMb of reads\texamples\tCPU min of reads\tCPU min of examples"]
    for technology in technologies:
        sets = worlds_of(technology)
        if every:
            lines += [_line(chosen.name, 1, cost_of(chosen)) for chosen in sets]
        lines.append(_line(technology, len(sets), total(map(cost_of, sets))))
    return "\n".join(lines)


def _line(name: str, worlds: int, cost: Cost) -> str:
    return (
        f"{name}\t{worlds}\t{cost.covered / 1e6:.2f}\t{cost.bases / 1e6:.0f}\t{cost.examples:.0f}"
        f"\t{cost.read_seconds / 60:.1f}\t{cost.example_seconds / 60:.1f}"
    )
