"""Features: sums and means against a slow twin, and what single features tell."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.finder import find_candidates
from dvplug.images.features.differences import nearby_differences
from dvplug.images.features.site import FEATURES, relative_site_features, site_features
from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE, CandidateBatch
from dvplug.line.image_batch import NO_ALT
from dvplug.line.region import Region
from dvplug.line.run_profile import usual_profile
from dvplug.line.scene import Scene
from dvplug.sequence.codes import encode_bases
from dvplug.sequence.repeats import repeat_tracts
from dvplug.technology import CandidateThresholds
from helpers.image_sites import random_candidates, site_of
from helpers.read_batches import (
    Read,
    random_reads,
    random_sequence,
    read_batch,
)
from oracles.site import twin_features

AS_REPORTED = replace(
    usual_profile(),
    mismatch_p=10 ** (-np.arange(256) / 10),
    mapping_quality=np.eye(256)[60],
    distinct_starts=1.0,
    differing_positions=0.0,
)
"""A run of which each number is what it says: as a network sees it that is not told of its run."""


def features_of(
    reads: list[Read], candidates: CandidateBatch, reference: str, alts: tuple[int, int] = (0, NO_ALT)
) -> dict[str, float]:
    """Features by name of one image of the first site."""
    scene = Scene(read_batch(reads), candidates, encode_bases(reference.encode()), 0)
    image = scene.images.alt_set.tolist().index(list(alts))
    return dict(zip(FEATURES, site_features(scene)[image].tolist(), strict=True))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_features_agree_with_sums_over_reads(seed: int) -> None:
    reference, reads, batch, candidates = random_candidates(seed)
    rng = np.random.default_rng(seed)
    run = replace(
        usual_profile(),
        mismatch_p=rng.uniform(1e-6, 0.9, 256),
        mapping_quality=rng.dirichlet(np.ones(256)),
        distinct_starts=rng.uniform(0.05, 1),
        differing_positions=rng.uniform(0, 60),
    )
    scene = Scene(batch, candidates, encode_bases(reference.encode()), 0, run)
    for features, meant in ((relative_site_features(scene), run), (site_features(scene), AS_REPORTED)):
        site, alts = scene.images
        assert features.shape == (len(site), len(FEATURES))
        for row, i, pair in zip(features.tolist(), site.tolist(), alts.tolist(), strict=True):
            found = dict(zip(FEATURES, row, strict=True))
            expected = twin_features(reads, candidates, reference, i, tuple(pair), meant)
            assert set(found) - set(expected) == {"homopolymer", "tandem_repeat"}
            assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_features_stay_within_0_to_2_on_long_reads_and_deep_sites() -> None:
    rng = random.Random(1)
    reference = "A" * 150 + random_sequence(rng, 2000) + "CA" * 100
    reads = [r for _ in range(3) for r in random_reads(rng, reference, 250, 2000)]
    reads.sort(key=lambda r: r.start)
    codes, thresholds = encode_bases(reference.encode()), CandidateThresholds(max_alts=6)
    batch = read_batch(reads)
    candidates = find_candidates(batch, codes, 0, Region("c", 0, len(reference)), thresholds)
    features = site_features(Scene(batch, candidates, codes, 0))
    assert len(features) > 50
    assert np.isfinite(features).all()
    assert features.min() >= 0
    assert features.max() <= 2


def test_names_are_unique_and_site_features_come_last() -> None:
    assert len(set(FEATURES)) == len(FEATURES)
    first_of_site = FEATURES.index("is_snp")
    of_site = "is_snp is_insertion is_deletion indel_length homopolymer tandem_repeat alts is_pair"
    assert list(FEATURES[first_of_site:]) == of_site.split()


@pytest.mark.parametrize(
    ("wrong", "reads", "counts"), [(3, 3, True), (2, 2, False), (3, 15, True), (3, 16, False)]
)
def test_a_position_counts_as_nearby_difference_from_three_reads_and_a_fifth_on(
    wrong: int, reads: int, counts: bool
) -> None:
    mismatches, depth = np.zeros((2, 2000), np.int32)
    mismatches[[499, 500, 1500, 1501]], depth[:] = wrong, reads
    starts = np.array([1000, 0, 1999])
    expected = [2, 2, 2]  # 500 bp on either side, and what the reference has of that
    found = nearby_differences(mismatches, depth, starts) * math.log1p(50)
    assert found.tolist() == pytest.approx([math.log1p(n * counts) for n in expected])


LINE = "ACGTACGTACGTACGTACGT"


def test_a_pair_counts_both_alts_and_the_first_alone() -> None:
    reads = [Read(0, "20M", LINE)] * 10
    alleles = [1, 1, 1, 2, 2, 0, 0, OTHER, UNINFORMATIVE, UNINFORMATIVE]
    candidates = site_of(read_batch(reads), 9, "C", ("A", "G"), alleles)
    one, pair = (features_of(reads, candidates, LINE, alts) for alts in ((1, NO_ALT), (0, 1)))
    assert one["alt_fraction"] == one["first_alt_fraction"] == pytest.approx(2 / 8)
    assert one["other_fraction"] == pytest.approx(4 / 8)
    assert (pair["alt_fraction"], pair["first_alt_fraction"]) == pytest.approx((5 / 8, 3 / 8))
    assert pair["other_fraction"] == pytest.approx(1 / 8)
    assert one["unknown_fraction"] == pair["unknown_fraction"] == pytest.approx(2 / 10)
    assert (one["is_pair"], pair["is_pair"]) == (0, 1)


def test_mates_that_overlap_are_one_fragment() -> None:
    mates = [Read(0, "15M", LINE[:15], flag=99, tlen=18), Read(3, "15M", LINE[3:18], flag=147, tlen=-18)]
    others = [Read(3, "15M", LINE[3:18], flag=99, tlen=18), Read(3, "15M", LINE[3:18])]
    for reads, share in ((mates, 1 / 2), (mates + others, 3 / 4), ([*mates[:1], *others], 1)):
        candidates = site_of(read_batch(reads), 9, "C", ("A",), [1] * len(reads))
        assert features_of(reads, candidates, LINE)["alt_fragments"] == pytest.approx(share)


def test_without_reads_all_means_are_0() -> None:
    candidates = site_of(read_batch([]), 9, "C", ("CA",), [])
    features = features_of([], candidates, LINE)
    told = {name for name, value in features.items() if value}
    assert told == {"is_insertion", "indel_length", "homopolymer", "tandem_repeat", "alts"}


@pytest.mark.parametrize(
    ("reference", "start", "homopolymer", "tandem"),
    [
        (
            "GATCAAAAAATCGT",
            3,
            6,
            6,
        ),  # from the base after the anchor on
        ("GATCAAAAAATCGT", 6, 6, 0),  # within it
        ("GATCAAAAAATCGT", 10, 1, 0),  # beyond it
        ("GATCACACACACTGTT", 2, 1, 9),  # (CA)4 C
        ("GTTAGACAGACAGACTT", 2, 2, 12),
        ("GTTAGACAGATTT", 2, 2, 0),  # less than two units
        ("ACGTACGNNNNACGT", 8, 0, 0),
        ("ACGTTTTT", 7, 5, 0),  # the contig's end
        ("A" * 100, 50, 40, 49),  # 40 at most
    ],
)
def test_repeats_beside_the_anchor(reference: str, start: int, homopolymer: int, tandem: int) -> None:
    tracts = repeat_tracts(encode_bases(reference.encode()), np.array([start]))
    assert tracts.tolist() == [pytest.approx([homopolymer / 20, tandem / 60])]
