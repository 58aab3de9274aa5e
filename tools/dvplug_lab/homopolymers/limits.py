"""How well homopolymers could be called: a caller that knows how the reads err.

In each homopolymer every read that spans it tells a length; the genotype with the fewest expected errors is taken, by
Bayes, from how often homopolymers of that length have each genotype (in all others of the set) and how often a read of
an allele shows each length (the profile, averaged over its classes of reads and over strands). Reads are not phased, so
a network that sees haplotypes may do better.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from dvplug.simulate.learn.alignments import alignments, long_runs
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.error_counts import LONGEST_RUN, MOST_CHANGE
from dvplug_lab.homopolymers.confident_runs import REFERENCE, Genotype, confident_runs, genotypes

FARTHEST = 5
"""Alleles are at most so many bp from the reference."""
FEWEST_READS = 5
LEAST_P = 1e-4
"""Of any length of a read: what the profile does not know of."""
LENGTHS = (10, 12, 14, 16, 18)
"""Rows of the table begin at these."""


@dataclass(frozen=True)
class Run:
    """A homopolymer: its base, its length, how far each read is from it, and what is true."""

    contig: str
    anchor: int
    """1-based position of the base before, where its indels are written."""
    base: int
    length: int
    changes: NDArray[np.int64]
    truth: Genotype


def find_runs(folder: Path) -> list[Run]:
    """Find the confident homopolymers that have no other variant near and that enough reads span."""
    seen: dict[tuple[str, int], list[int]] = defaultdict(list)
    for one in alignments(folder / "reads.bam", folder / "ref.fa"):
        for start, change in long_runs(one.read, one.reference, one.position, LENGTHS[0]):
            seen[one.contig, start].append(change)
    files = (folder / name for name in ("ref.fa", "truth.vcf.gz", "confident.bed"))
    return [
        Run(contig, at, base, length, np.array(seen[contig, at], np.int64), truth)
        for contig, at, base, length, truth in confident_runs(*files, shortest=LENGTHS[0])
        if length < LONGEST_RUN and len(seen[contig, at]) >= FEWEST_READS
    ]


def errors(truth: Genotype, called: Genotype) -> int:
    """FP + FN: a wrong genotype of a variant is both."""
    return 0 if truth == called else (truth != REFERENCE) + (called != REFERENCE)


def best_genotypes(runs: list[Run], profile: ContextProfile) -> list[Genotype]:
    """Return the genotype of each homopolymer that has the fewest expected errors."""
    read_as = np.diff(profile.run_change, axis=-1, prepend=0).mean(axis=0)  # [base, length, change]
    read_as = (read_as + read_as[::-1]) / 2  # codes of complements add up to 3
    offsets = range(-FARTHEST, FARTHEST + 1)
    candidates = [(one, other) for one in offsets for other in offsets if one <= other]
    cost = np.array([[errors(truth, called) for truth in candidates] for called in candidates])
    known = Counter((run_.length // 2, run_.truth) for run_ in runs)
    best = []
    for run_ in runs:
        p_read = {
            offset: _p_reads(read_as[run_.base], run_.length, run_.changes, offset) for offset in offsets
        }
        # its own truth is not told; a genotype that no other has is unlikely, not impossible
        prior = np.array([known[run_.length // 2, g] - (g == run_.truth) + 0.02 for g in candidates])
        told = np.array([np.log((p_read[one] + p_read[other]) / 2).sum() for one, other in candidates])
        p = prior * np.exp(told - told.max())
        p /= p.sum()
        best.append(candidates[int(np.argmin(cost @ p))])
    return best


def _p_reads(
    read_as: NDArray[np.float64], length: int, changes: NDArray[np.int64], offset: int
) -> NDArray[np.float64]:
    """P(each read | an allele so much longer than the reference)."""
    of_allele = np.clip(changes - offset, -MOST_CHANGE, MOST_CHANGE) + MOST_CHANGE
    return np.maximum(read_as[int(np.clip(length + offset, 1, LONGEST_RUN)), of_allele], LEAST_P)


def limits_table(reads: Path, profile: Path, calls: Sequence[Path]) -> Table:
    """Count errors (FP + FN; a wrong genotype is both) of the best caller and of VCFs of the same reads.

    ``reads`` is the folder of a simulated set, ``profile`` the file that it was simulated with.
    """
    runs = find_runs(reads)
    best = best_genotypes(runs, ContextProfile.load(profile))
    names = [path.name.removesuffix(".vcf.gz") for path in calls]
    found = [best, *(_called(runs, genotypes(path)) for path in calls)]
    table = Table("length, bp", "homopolymers", "varied", "best caller", *names)
    for low, high in zip(LENGTHS, (*LENGTHS[1:], LONGEST_RUN), strict=True):
        chosen = [i for i, run in enumerate(runs) if low <= run.length < high]
        varied = sum(runs[i].truth != REFERENCE for i in chosen)
        wrong = [sum(errors(runs[i].truth, of_caller[i]) for i in chosen) for of_caller in found]
        table.add_row(f"{low}-{high - 1}", str(len(chosen)), str(varied), *map(str, wrong))
    return table


def _called(runs: list[Run], found: dict[tuple[str, int], Genotype]) -> list[Genotype]:
    """The genotypes of a VCF at these homopolymers."""
    return [found.get((run.contig, run.anchor), REFERENCE) for run in runs]
