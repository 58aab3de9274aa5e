"""Profiles of unpaired reads: what is planted in simulated reads is learnt again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.simulate.learn import error_counts
from dvplug.simulate.learn.alignments import GAP
from dvplug.simulate.learn.context import learn_context_profile
from dvplug.simulate.learn.error_counts import MOST_CHANGE, PLAIN, SUBSTITUTED
from helpers.planted_reads import SHORTER_P, planted, simulated


def test_what_was_planted_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    profile = planted()
    found, _ = simulated(profile, rng)
    monkeypatch.setattr(error_counts, "alignments", lambda bam, fasta: iter(found))
    learnt = learn_context_profile(Path("reads.bam"))
    assert learnt.substitution_p.mean() == pytest.approx(0.02, rel=0.15)
    change = np.diff(learnt.run_change, axis=-1, prepend=0).mean(axis=(0, 1))
    assert change[3, MOST_CHANGE - 1] == pytest.approx(SHORTER_P, rel=0.2)
    assert change[1, MOST_CHANGE] > 0.99
    assert change[3, MOST_CHANGE + 1 :].sum() < 0.02
    assert learnt.length.mean() == pytest.approx(np.mean([(a.reference != GAP).sum() for a in found]))
    quality = np.diff(learnt.quality, axis=-1, prepend=0)
    assert quality[:, PLAIN, 0].argmax(axis=-1)[:, 3:].min() == 30
    assert set(quality[:, SUBSTITUTED, 0, 5].argmax(axis=-1).tolist()) == {10}
