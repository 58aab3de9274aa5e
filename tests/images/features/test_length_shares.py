"""Features of shares of lengths against a slow twin, and what they tell of a site."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.images.features.length_shares import SHARE_FEATURES, share_features
from dvplug.line.image_batch import NO_ALT
from dvplug.line.read_batch import ReadBatch
from dvplug.line.scene import Scene
from dvplug.sequence.codes import encode_bases
from helpers.image_sites import random_candidates, site_of
from helpers.read_batches import Read, read_batch
from oracles.length_changes import changes_of
from oracles.length_shares import twin_shares


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_shares_are_those_of_the_twin(seed: int) -> None:
    reference, reads, batch, candidates = random_candidates(seed)
    haplotype = np.random.default_rng(seed).integers(0, 3, len(reads)).astype(np.uint8)
    batch = ReadBatch(**{**vars(batch), "haplotype": haplotype})
    scene = Scene(batch, candidates, encode_bases(reference.encode()), 0)
    found, (site, alt_set) = share_features(scene), scene.images
    assert found.shape == (len(site), len(SHARE_FEATURES))
    for row, i, (a, b) in zip(found, site.tolist(), alt_set.tolist(), strict=True):
        changes = [len(alt) - len(candidates.refs[i]) for alt in candidates.alts[i]]
        if not any(changes):
            assert not row.any()
            continue
        of_reads = changes_of(reads, reference, haplotype, candidates, i)
        expected = twin_shares(of_reads, changes[a], changes[b] if b != NO_ALT else None)
        assert dict(zip(SHARE_FEATURES, row.tolist(), strict=True)) == pytest.approx(expected, abs=1e-5)


def test_shares_tell_two_alleles_side_by_side_from_one_that_scatters() -> None:
    """Eight T; four reads have nine and eight have ten, and the haplotypes say whether those are two alleles."""
    reference = "ACGTACGCATTTTTTTTCGATCGTACG"
    added = ["T"] * 4 + ["TT"] * 8
    reads = [Read(0, f"9M{len(more)}I18M", f"ACGTACGCA{more}TTTTTTTTCGATCGTACG") for more in added]
    batch = read_batch(reads)
    candidates = site_of(batch, 8, "A", ("ATT", "AT"), [2] * 4 + [1] * 8)

    def pair_with(haplotype: list[int]) -> dict[str, float]:
        phased = ReadBatch(**{**vars(batch), "haplotype": np.array(haplotype, np.uint8)})
        row = share_features(Scene(phased, candidates, encode_bases(reference.encode()), 0))[-1]
        return dict(zip(SHARE_FEATURES, row.tolist(), strict=True))

    two = pair_with([1] * 4 + [2] * 8)
    assert (two["near_alt_0"], two["near_second_alt_1"], two["near_fraction"]) == pytest.approx((1, 1, 2 / 3))
    assert (two["far_alt_0"], two["far_alt_-1"], two["far_second_alt_0"]) == (0, 1, 1)
    one = pair_with([1, 2] * 6)
    assert (one["near_alt_0"], one["far_alt_0"]) == pytest.approx((2 / 3, 2 / 3))
    assert (two["share_alt_0"], two["share_alt_-1"]) == (one["share_alt_0"], one["share_alt_-1"])
