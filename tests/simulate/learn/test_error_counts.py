"""Counts of errors: rare ones are as often as planted, long homopolymers whole."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import InputError
from dvplug.simulate import SimulatedDataset
from dvplug.simulate.learn import error_counts
from dvplug.simulate.learn.error_counts import CLASSES, MOST_CHANGE
from helpers.planted_reads import aligned, planted, simulated


def test_rare_errors_are_drawn_as_often_as_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inserted base that lengthened its neighbour would be learnt as a misread homopolymer."""
    profile = planted(substitution_p=0.0)
    change = np.diff(profile.run_change, axis=-1, prepend=0)
    change[:, :, 2, MOST_CHANGE - 1 : MOST_CHANGE + 2] = 0.002, 0.994, 0.004
    profile = replace(profile, run_change=np.cumsum(change, axis=-1), insertion_p=np.full(CLASSES, 0.004))
    found, _ = simulated(profile, np.random.default_rng(6))
    monkeypatch.setattr(error_counts, "alignments", lambda bam, fasta: iter(found))
    counts, *_ = error_counts.count_errors(Path("reads.bam"))
    learnt = counts.run_change.sum(axis=(0, 1))
    shorter, longer = learnt[2, [MOST_CHANGE - 1, MOST_CHANGE + 1]] / learnt[2].sum()
    assert (shorter, longer) == (pytest.approx(0.002, rel=0.3), pytest.approx(0.004, rel=0.25))
    assert counts.indels.sum(axis=0)[0] / counts.bases.sum() == pytest.approx(0.004, rel=0.25)
    assert learnt[1, MOST_CHANGE + 1] / learnt[1].sum() < 0.0005


def test_long_homopolymers_that_mostly_err_are_learnt_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masking would drop every place where a third of the reads agree; the sample's own length counts as right."""
    rng = np.random.default_rng(7)
    p = {0: 0.5, -1: 0.35, 1: 0.15}
    found = []
    for place in range(8):
        left, right = (rng.integers(1, 4, 30).astype(np.uint8) for _ in range(2))
        own = 12 if place < 6 else 13
        target = np.concatenate([left, np.zeros(12, np.uint8), right])
        for _ in range(150):
            length = own + int(rng.choice(list(p), p=list(p.values())))
            read = np.concatenate([left, np.zeros(length, np.uint8), right])
            quality = np.full(len(read), 20, np.uint8)
            found.append(aligned(read, quality, target, 1000 * place, bool(rng.random() < 0.5)))
    monkeypatch.setattr(error_counts, "alignments", lambda bam, fasta: iter(found))
    counts, *_ = error_counts.count_errors(Path("reads.bam"))
    for length, reads in ((12, 900), (13, 300)):
        seen = counts.run_change.sum(axis=(0, 1))[length]
        assert seen.sum() == reads
        for change, share in p.items():
            assert seen[MOST_CHANGE + change] / reads == pytest.approx(share, abs=0.07)


def test_reads_without_a_reference_are_refused(dataset: SimulatedDataset) -> None:
    with pytest.raises(InputError, match=r"no primary alignment has base qualities and an MD tag"):
        error_counts.count_errors(dataset.reads)
