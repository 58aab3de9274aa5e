"""The best possible caller of homopolymers: right where reads are, and never worse than the commonest lengths."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from length_limits import Run, best_genotypes, errors
from simulate.context import CLASSES, LONGEST_RUN, MOST_CHANGE, ContextProfile

GENOTYPES = [(0, 0)] * 6 + [(-1, 0)] * 2 + [(-1, -1), (0, 1), (1, 1), (-2, 0)]
READS = 24


def profile_of(changes):
    """A profile of which only the changes of length matter: P(-MOST_CHANGE), ... of all bases and lengths."""
    nothing = np.zeros(1)
    run_change = np.broadcast_to(np.cumsum(changes), (CLASSES, 4, LONGEST_RUN + 1, len(changes)))
    return ContextProfile(
        nothing.astype(np.int64), nothing.astype(np.int64), nothing, nothing, run_change, nothing, nothing,
        nothing, nothing.astype(np.float32),
    )  # fmt: skip


def drawn_runs(rng, changes, count):
    for _ in range(count):
        truth = GENOTYPES[rng.integers(len(GENOTYPES))]
        alleles = np.array(truth)[np.arange(READS) % 2]
        read = alleles + rng.choice(np.arange(-MOST_CHANGE, MOST_CHANGE + 1), READS, p=changes)
        yield Run("c", 1, int(rng.integers(4)), 14, read, truth)


def commonest(run):
    """A plain caller: the commonest length, and the next if a quarter of the reads have it."""
    (one, _), *rest = Counter(run.changes.tolist()).most_common(2)
    other = rest[0][0] if rest and rest[0][1] >= READS / 4 else one
    return min(one, other), max(one, other)


def spread(sd):
    p = np.exp(-0.5 * (np.arange(-MOST_CHANGE, MOST_CHANGE + 1) / sd) ** 2)
    return p / p.sum()


def test_reads_without_errors_are_called_right():
    exact = np.eye(2 * MOST_CHANGE + 1)[MOST_CHANGE]
    runs = list(drawn_runs(np.random.default_rng(1), exact, 100))
    assert best_genotypes(runs, profile_of(exact)) == [run.truth for run in runs]


@pytest.mark.parametrize("sd", [0.7, 1.5])
def test_scattered_reads_are_called_better_than_by_the_commonest_length(sd):
    runs = list(drawn_runs(np.random.default_rng(2), spread(sd), 300))
    best = sum(map(errors, (run.truth for run in runs), best_genotypes(runs, profile_of(spread(sd)))))
    plain = sum(errors(run.truth, commonest(run)) for run in runs)
    assert 0 < best < plain


def test_a_wrong_genotype_is_a_false_and_a_missed_one():
    assert [errors((-1, 0), g) for g in [(-1, 0), (0, 0), (-1, -1)]] == [0, 1, 2]
    assert errors((0, 0), (0, 1)) == 1
