"""Features of repeat lengths against a slow twin, and what they tell of a site."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.images import NO_ALT, alt_sets
from dvplug.lengths import FLANK, LENGTH_FEATURES, length_features
from dvplug.read_batch import ReadBatch
from dvplug.reference import encode_bases
from read_batches import Read, read_batch, walk
from test_images import random_candidates, site_of


def twin_window(reference: str, start: int, ref: str) -> tuple[int, int]:
    """First and last position plus one of the longest periodic tract after the anchor, widened."""
    high, first = start + len(ref), start + 1
    for period in range(1, 7):
        end = first + period
        while end < len(reference) and reference[end] == reference[end - period]:
            end += 1
        if period == 1 or end - first >= 2 * period:
            high = max(high, end)
    return start - FLANK, high + FLANK


def twin_change(read: Read, low: int, high: int) -> int | None:
    if read.start > low or read.end < high:
        return None
    sign = {"I": 1, "D": -1}
    return sum(sign[op] * n for op, position, _, n in walk(read) if op in sign and low <= position < high)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_features_are_those_of_the_twin(seed: int) -> None:
    reference, reads, batch, candidates = random_candidates(seed)
    haplotype = np.random.default_rng(seed).integers(0, 3, len(reads)).astype(np.uint8)
    batch = ReadBatch(**{**vars(batch), "haplotype": haplotype})
    site, alt_set = alt_sets([len(alts) for alts in candidates.alts])
    found = length_features(batch, candidates, encode_bases(reference.encode()), 0, site, alt_set)
    assert found.shape == (len(site), len(LENGTH_FEATURES))
    for row, i, (a, b) in zip(found, site.tolist(), alt_set.tolist(), strict=True):
        ref, alts = candidates.refs[i], candidates.alts[i]
        changes = [len(alt) - len(ref) for alt in alts]
        if not any(changes):
            assert not row.any()
            continue
        window = twin_window(reference, int(candidates.start[i]), ref)
        of_reads = [
            (change / 10, int(haplotype[k]))
            for k in candidates.read_index[candidates.read_offset[i] : candidates.read_offset[i + 1]].tolist()
            if (change := twin_change(reads[k], *window)) is not None
        ]
        scaled = [max(-2.0, min(2.0, change)) for change, _ in of_reads]
        own = [max(-2.0, min(2.0, changes[k] / 10)) if k != NO_ALT else 0.0 for k in (a, b)]
        summary = [0.0] * 6
        if scaled:
            parts = [[c for c, (_, h) in zip(scaled, of_reads, strict=True) if h == side] for side in (1, 2)]
            summary = [
                statistics.fmean(scaled),
                statistics.median(scaled),
                statistics.pstdev(scaled),
                *(statistics.fmean(part) if part else 0.0 for part in parts),
                sum(h > 0 for _, h in of_reads) / len(of_reads),
            ]
        assert row.tolist() == pytest.approx([*own, *summary], abs=1e-5)


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
    site, alt_set = alt_sets([3])
    found = length_features(batch, candidates, encode_bases(reference.encode()), 0, site, alt_set)
    first = dict(zip(LENGTH_FEATURES, found[0].tolist(), strict=True))
    assert first["alt_length_change"] == pytest.approx(0.2)
    assert first["length_change"] == pytest.approx((5 * 2 + 3 * 3 + 3 * 1) / 12 / 10)
    assert first["length_change_median"] == pytest.approx(0.2)
    pair = dict(zip(LENGTH_FEATURES, found[3].tolist(), strict=True))
    assert (pair["alt_length_change"], pair["second_alt_length_change"]) == pytest.approx((0.2, 0.3))
