"""Features of repeat lengths against a slow twin, and what they tell of a site."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.images.features.length_summary import LENGTH_FEATURES, length_features
from dvplug.line.image_batch import NO_ALT
from dvplug.line.read_batch import ReadBatch
from dvplug.line.scene import Scene
from dvplug.sequence.codes import encode_bases
from helpers.image_sites import random_candidates, site_of
from helpers.read_batches import Read, read_batch
from oracles.length_changes import changes_of
from oracles.length_summary import twin_summary


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1))
def test_features_are_those_of_the_twin(seed: int) -> None:
    reference, reads, batch, candidates = random_candidates(seed)
    haplotype = np.random.default_rng(seed).integers(0, 3, len(reads)).astype(np.uint8)
    batch = ReadBatch(**{**vars(batch), "haplotype": haplotype})
    scene = Scene(batch, candidates, encode_bases(reference.encode()), 0)
    found, (site, alt_set) = length_features(scene), scene.images
    assert found.shape == (len(site), len(LENGTH_FEATURES))
    for row, i, (a, b) in zip(found, site.tolist(), alt_set.tolist(), strict=True):
        ref, alts = candidates.refs[i], candidates.alts[i]
        changes = [len(alt) - len(ref) for alt in alts]
        if not any(changes):
            assert not row.any()
            continue
        of_reads = changes_of(reads, reference, haplotype, candidates, i)
        expected = twin_summary(of_reads, changes[a], changes[b] if b != NO_ALT else None)
        assert row.tolist() == pytest.approx(expected, abs=1e-5)


def test_a_homozygote_that_no_allele_shows_in_most_reads_stands_out() -> None:
    """Eight T; reads scatter around ten."""
    reference = "ACGTACGCATTTTTTTTCGATCGTACG"
    cigars = {"TT": 5, "TTT": 3, "T": 3, "": 1}
    reads = [
        Read(0, f"9M{len(more)}I18M" if more else "27M", f"ACGTACGCA{more}TTTTTTTTCGATCGTACG")
        for more, n in cigars.items()
        for _ in range(n)
    ]
    batch = read_batch(reads)
    alleles = [1] * 5 + [2] * 3 + [3] * 3 + [0]
    candidates = site_of(batch, 8, "A", ("ATT", "ATTT", "AT"), alleles)
    found = length_features(Scene(batch, candidates, encode_bases(reference.encode()), 0))
    first = dict(zip(LENGTH_FEATURES, found[0].tolist(), strict=True))
    assert first["alt_length_change"] == pytest.approx(0.2)
    assert first["length_change"] == pytest.approx((5 * 2 + 3 * 3 + 3 * 1) / 12 / 10)
    assert first["length_change_median"] == pytest.approx(0.2)
    pair = dict(zip(LENGTH_FEATURES, found[3].tolist(), strict=True))
    assert (pair["alt_length_change"], pair["second_alt_length_change"]) == pytest.approx((0.2, 0.3))
