"""Alignments by their MD tags."""

from __future__ import annotations

import numpy as np

from dvplug.simulate.learn.alignments import alignments
from helpers.shared_data import SHARED, needs_shared


@needs_shared
def test_md_tags_give_the_reference_of_real_reads() -> None:
    bam = SHARED / "ont" / "HG008.r10_ul.profile_only.bam"
    found = list(alignments(bam, None))
    assert len(found) >= 8
    for one in found:
        same = (one.read == one.reference) & (one.read < 4)
        assert 0.9 < same.mean() < 1
        assert (np.diff(one.position) >= 0).all()
