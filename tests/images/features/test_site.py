"""Features: sums and means against a slow twin, and what single features tell."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.candidates.finder import find_candidates
from dvplug.images.features.site import FEATURES, nearby_differences, site_features
from dvplug.images.pileup import alt_sets
from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE, CandidateBatch
from dvplug.line.image_batch import NO_ALT
from dvplug.line.region import Region
from dvplug.sequence.codes import encode_bases
from dvplug.sequence.repeats import repeat_tracts
from dvplug.technology import CandidateThresholds
from helpers.image_sites import random_candidates, site_of
from helpers.read_batches import (
    Read,
    aligned_pairs,
    operations,
    random_reads,
    random_sequence,
    read_batch,
    walk,
)


def features_of(
    reads: list[Read], candidates: CandidateBatch, reference: str, alts: tuple[int, int] = (0, NO_ALT)
) -> dict[str, float]:
    """Features by name of one image of the first site."""
    one = site_features(
        read_batch(reads), candidates, encode_bases(reference.encode()), 0, np.array([0], np.int32),
        np.array([alts], np.int8),
    )  # fmt: skip
    return dict(zip(FEATURES, one[0].tolist(), strict=True))


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def base_quality(read: Read, site: int) -> int:
    """Quality at a position; of the base before it where it is deleted, 0 where the read skips it."""
    aligned = dict(aligned_pairs(read))
    if site in aligned:
        return min(read.qualities[aligned[site]], 40)
    for op, position, index, length in walk(read):
        if op == "D" and position <= site < position + length and index:
            return min(read.qualities[index - 1], 40)
    return 0


def differences(read: Read, reference: str) -> float:
    """Per 100 bp."""
    wrong = sum(read.seq[index] != reference[position] for position, index in aligned_pairs(read))
    indels = sum(op in "ID" for _, op in operations(read.cigar))
    return min(10, 100 * (wrong + indels) / (read.end - read.start))


def nearby(reads: list[Read], reference: str, site: int) -> int:
    """Positions within 500 bp with three reads or more, and a fifth of those there, that show another base."""
    shown: dict[int, list[str]] = {}
    for read in reads:
        for position, index in aligned_pairs(read):
            shown.setdefault(position, []).append(read.seq[index])
    wrong = {p: sum(base != reference[p] for base in bases) for p, bases in shown.items()}
    return sum(n >= 3 and 5 * n >= len(shown[p]) for p, n in wrong.items() if abs(p - site) <= 500)


def fragment(read: Read, index: int) -> object:
    """Where the fragment lies; reads without a mate are fragments of their own."""
    first = read.end + read.tlen if read.tlen < 0 else read.start
    return (first, abs(read.tlen)) if read.tlen else index


def of_reads(prefix: str, reads: list[Read], reference: str, site: int) -> dict[str, float]:
    """The features that are counted for the alts and for the reference alike."""
    clips = [sum(n for n, op in operations(r.cigar) if op == "S") for r in reads]
    distance = [max(0, min(site - r.start, r.end - 1 - site)) for r in reads]
    return {
        f"{prefix}_fraction": 0.0,
        f"{prefix}_reverse_fraction": mean([bool(r.flag & 16) for r in reads]),
        f"{prefix}_mapping_quality": mean([min(r.mapq, 60) / 60 for r in reads]),
        f"{prefix}_base_quality": mean([base_quality(r, site) / 40 for r in reads]),
        f"{prefix}_end_distance": mean([min(d, 75) / 75 for d in distance]),
        f"{prefix}_mismatches": mean([differences(r, reference) / 5 for r in reads]),
        f"{prefix}_clipped_fraction": mean([clip >= 4 for clip in clips]),
    }


def twin(
    reads: list[Read], candidates: CandidateBatch, reference: str, site: int, alts: tuple[int, int]
) -> dict[str, float]:
    rows = range(candidates.read_offset[site], candidates.read_offset[site + 1])
    listed = [(int(candidates.read_index[k]), int(candidates.read_allele[k])) for k in rows]
    supporting = {a + 1 for a in alts if a != NO_ALT}
    alt = [i for i, allele in listed if allele in supporting]
    ref = [i for i, allele in listed if allele == 0]
    unknown = sum(allele == UNINFORMATIVE for _, allele in listed)
    depth, start = len(listed) - unknown, int(candidates.start[site])
    expected = of_reads("alt", [reads[i] for i in alt], reference, start)
    expected |= of_reads("ref", [reads[i] for i in ref], reference, start)
    lengths = [len(a) - len(candidates.refs[site]) for a in candidates.alts[site]]
    change = lengths[alts[0]]
    expected |= {
        "depth": math.log1p(depth) / math.log1p(500),
        "alt_reads": math.log1p(len(alt)) / math.log1p(500),
        "alt_fraction": len(alt) / depth if depth else 0,
        "first_alt_fraction": sum(a == alts[0] + 1 for _, a in listed) / depth if depth else 0,
        "other_fraction": (depth - len(alt) - len(ref)) / depth if depth else 0,
        "ref_fraction": len(ref) / depth if depth else 0,
        "unknown_fraction": unknown / len(listed) if listed else 0,
        "alt_low_mapping_fraction": mean([reads[i].mapq < 20 for i in alt]),
        "alt_starts": len({reads[i].start for i in alt}) / max(1, len(alt)),
        "alt_fragments": len({fragment(reads[i], i) for i in alt}) / max(1, len(alt)),
        "nearby_differences": math.log1p(nearby(reads, reference, start)) / math.log1p(50),
        "is_snp": float(change == 0),
        "is_insertion": float(change > 0),
        "is_deletion": float(change < 0),
        "indel_length": math.log1p(abs(change)) / math.log1p(100),
        "alts": len(lengths) / 4,
        "is_pair": float(alts[1] != NO_ALT),
    }
    return expected


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_features_agree_with_sums_over_reads(seed: int) -> None:
    reference, reads, batch, candidates = random_candidates(seed)
    site, alts = alt_sets([len(a) for a in candidates.alts])
    features = site_features(batch, candidates, encode_bases(reference.encode()), 0, site, alts)
    assert features.shape == (len(site), len(FEATURES))
    for row, i, pair in zip(features.tolist(), site.tolist(), alts.tolist(), strict=True):
        found = dict(zip(FEATURES, row, strict=True))
        expected = twin(reads, candidates, reference, i, tuple(pair))
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
    site, alts = alt_sets([len(a) for a in candidates.alts])
    features = site_features(batch, candidates, codes, 0, site, alts)
    assert len(features) > 100
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
