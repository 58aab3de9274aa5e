"""Odds by the run's own profile against a slow twin, and what they make of runs that err otherwise."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.images.features.read_odds import ODDS_FEATURES, molecule_weights, odds_features
from dvplug.line.candidate_batch import UNINFORMATIVE, ReadSupport
from dvplug.line.read_batch import ALONE
from dvplug.line.run_profile import NO_QUALITY, RunProfile, usual_profile
from dvplug.line.scene import Scene
from dvplug.reads.molecules import with_molecules
from dvplug.sequence.codes import encode_bases
from helpers.image_sites import random_candidates, site_of
from helpers.read_batches import Read, read_batch
from oracles.read_odds import twin_odds

ODDS = ("one_to_none", "two_to_none", "two_to_one", "one_to_none_phased", "two_to_one_phased")
REFERENCE = "ACGTTGCAACGTCATGCAAAAAAAGTCCATGACGATCGATCA"


def of(row: np.ndarray) -> dict[str, float]:
    return dict(zip(ODDS_FEATURES, row.tolist(), strict=True))


def as_logarithm(scaled: float) -> float:
    """What `_scaled` was given."""
    return math.copysign(math.expm1(abs(scaled) * math.log1p(300)), scaled)


def mismapped(quality: int) -> float:
    return 1e-3 if quality == 255 else min(0.45, max(1e-5, 10 ** (-quality / 10)))


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1))
def test_odds_of_snps_are_those_of_the_twin(seed: int) -> None:
    reference, reads, batch, candidates = random_candidates(seed)
    run = replace(usual_profile(), mismatch_p=np.linspace(0.4, 1e-5, 256))
    found = odds_features(Scene(batch, candidates, encode_bases(reference.encode()), 0, run))
    site, alt_set = Scene(batch, candidates, encode_bases(reference.encode()), 0).images
    for row, i, alts in zip(found, site.tolist(), alt_set.tolist(), strict=True):
        if any(len(candidates.alts[i][a]) != len(candidates.refs[i]) for a in alts if a >= 0):
            continue
        entries = range(candidates.read_offset[i], candidates.read_offset[i + 1])
        told, at = [], int(candidates.start[i])
        for k in entries:
            allele, r = int(candidates.read_allele[k]), int(candidates.read_index[k])
            if allele == UNINFORMATIVE:
                continue
            p = float(run.mismatch_p[base_quality(reads[r], at)])
            also = mismapped(reads[r].mapq) / 2
            false, missed = min(0.45, p / 3 + also), min(0.45, p + also)
            told.append((allele > 0 and allele - 1 in alts, false, missed, reads[r].hp or 0))
        expected = twin_odds(told, None)
        for name in ODDS:
            assert as_logarithm(of(row)[name]) == pytest.approx(expected[name], rel=1e-3, abs=1e-4)
        assert (
            of(row)["odds_surprise"] == pytest.approx(min(1, expected["odds_surprise"]), abs=1e-5) or not told
        )


def base_quality(read: Read, at: int) -> int:
    """Quality at a reference position, of the base before where it is deleted."""
    batch = read_batch([read])
    position, base = read.start, 0
    for op in batch.cigar.tolist():
        code, length = op & 15, op >> 4
        for _ in range(length):
            if code in (0, 7, 8):
                if position == at:
                    return int(batch.qual[base])
                position, base = position + 1, base + 1
            elif code in (1, 4):
                base += 1
            elif code in (2, 3):
                if position == at:
                    return int(batch.qual[base - 1]) if code == 2 else int(batch.qual[0])
                position += 1
    return int(batch.qual[0])


def snp_reads(quality: int, alt: int, ref: int) -> tuple:
    seqs = [REFERENCE[:20]] * ref + [REFERENCE[:10] + "G" + REFERENCE[11:20]] * alt
    reads = read_batch([Read(0, "20M", seq, qual=quality) for seq in seqs])
    return reads, site_of(reads, 10, REFERENCE[10], ("G",), [0] * ref + [1] * alt)


def odds_of(reads, candidates, run: RunProfile) -> dict[str, float]:
    return of(odds_features(Scene(reads, candidates, encode_bases(REFERENCE.encode()), 0, run))[0])


def test_a_flat_quality_means_what_it_was_found_to_mean() -> None:
    """Reads that say 20 and err as reads of 37 do tell as much as reads of 37 that say so."""
    p = usual_profile().mismatch_p.copy()
    p[20] = p[37]
    understated = replace(usual_profile(), mismatch_p=p)
    plain = odds_of(*snp_reads(37, 4, 16), usual_profile())
    assert odds_of(*snp_reads(20, 4, 16), understated) == plain
    assert odds_of(*snp_reads(20, 4, 16), usual_profile())["one_to_none"] < plain["one_to_none"]


def test_reads_without_qualities_have_odds() -> None:
    p = usual_profile().mismatch_p.copy()
    p[NO_QUALITY] = 0.001
    found = odds_of(*snp_reads(NO_QUALITY, 10, 10), replace(usual_profile(), mismatch_p=p))
    assert as_logarithm(found["one_to_none"]) > 40


def pairs(fragment: int) -> tuple:
    """Four fragments from 0 on with the alt at 10, and four with REF, each read from both ends by 15 bp."""
    alleles = [REFERENCE[:40], REFERENCE[:10] + "G" + REFERENCE[11:40]]
    found = sorted(
        (
            (Read(start, "15M", alleles[alt][start : start + 15], flag=flag, tlen=tlen), alt)
            for alt in (0, 1)
            for start, tlen, flag in ((0, fragment, 99), (fragment - 15, -fragment, 147))
            for _ in range(4)
        ),
        key=lambda one: one[0].start,
    )
    over = [(read, alt) for read, alt in found if read.start <= 10 < read.end]
    reads = with_molecules(read_batch([read for read, _ in over]), copies_told=False)
    return reads, site_of(reads, 10, REFERENCE[10], ("G",), [alt for _, alt in over])


def test_mates_that_overlap_tell_as_one_read() -> None:
    """Of 20 bp, both reads lie over the site; of 40 bp, the first does."""
    together, apart = odds_of(*pairs(20), usual_profile()), odds_of(*pairs(40), usual_profile())
    for name in (*ODDS, "odds_surprise", "expected_errors"):
        assert together[name] == pytest.approx(apart[name], abs=1e-6)


def test_reads_without_a_mate_count_whole() -> None:
    reads, candidates = pairs(20)
    alone = replace(reads, molecule=np.full(len(reads), ALONE))
    found, both = (odds_of(one, candidates, usual_profile()) for one in (alone, reads))
    assert as_logarithm(found["two_to_none"]) == pytest.approx(
        2 * as_logarithm(both["two_to_none"]), abs=1e-3
    )


def test_copies_of_a_molecule_tell_as_one_read() -> None:
    alts = [REFERENCE[:15], REFERENCE[:10] + "G" + REFERENCE[11:15]]
    copied = [Read(0, "15M", alts[k % 2], flag=99, tlen=20 + k % 2) for k in range(8)]

    def odds(reads: list[Read]) -> dict[str, float]:
        batch = with_molecules(read_batch(reads), copies_told=True)
        alleles = [k % 2 for k in range(len(reads))]
        return odds_of(batch, site_of(batch, 10, REFERENCE[10], ("G",), alleles), usual_profile())

    once, several = odds(copied[:2]), odds(copied)
    for name in (*ODDS, "odds_surprise", "expected_errors"):
        assert several[name] == pytest.approx(once[name], abs=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_reads_of_a_molecule_share_one_weight_at_each_site(seed: int) -> None:
    """Reads over several sites, most of them in company; sites without reads, and reads that are alone."""
    rng = np.random.default_rng(seed)
    molecule = rng.integers(ALONE, 12, 40)
    over = [np.sort(rng.choice(40, n, replace=False)).astype(np.int32) for n in rng.integers(0, 30, 9)]
    entries = np.concatenate(over)
    offset = np.concatenate(([0], np.cumsum([len(reads) for reads in over])))
    weight = molecule_weights(ReadSupport(offset, entries, np.zeros(len(entries), np.int8)), molecule)
    expected = []
    for reads in over:
        told = Counter(molecule[reads].tolist())
        expected += [1 if own == ALONE else 1 / told[own] for own in molecule[reads].tolist()]
    assert weight.tolist() == expected


@pytest.mark.parametrize("units", [4, 8, 12])
def test_a_length_is_as_doubtful_as_such_lengths_were_found_to_be(units: int) -> None:
    reference = "ACGTTGCAACG" + "A" * units + "CGTCATTGCATCC"
    seqs = [reference] * 12 + [reference[:11] + reference[12:]] * 8
    cigars = [f"{len(reference)}M"] * 12 + [f"11M1D{len(reference) - 12}M"] * 8
    reads = read_batch([Read(0, c, s) for c, s in zip(cigars, seqs, strict=True)])
    candidates = site_of(reads, 10, "GA", ("G",), [0] * 12 + [1] * 8)
    codes = encode_bases(reference.encode())
    odds = []
    for wrong in (1e-4, 1e-2, 0.2):
        run = usual_profile()
        length_p = run.length_p.copy()
        length_p[0] = [0, 0, wrong, 1 - wrong, 0, 0, 0]
        run = replace(run, length_p=length_p, length_spread=0.7)
        row = of(odds_features(Scene(reads, candidates, codes, 0, run))[0])
        rates = [
            (has, wrong + 5e-7 * (60 > 59) * 0 + 0.5e-5, wrong + 0.5e-5) for has in [False] * 12 + [True] * 8
        ]
        twin = twin_odds([(has, wrong, max(wrong, 1e-7), 0) for has, *_ in rates], 0.7)
        odds.append(as_logarithm(row["one_to_none"]))
        assert odds[-1] == pytest.approx(twin["one_to_none"], rel=0.02, abs=0.05)
    assert odds == sorted(odds, reverse=True)
    assert odds[0] > 20 > 5 > odds[-1]


def test_a_base_of_a_repeat_is_a_homopolymer_and_two_are_a_unit() -> None:
    """In ACACACAC one C less is as rare as a run of one C misread, AC less as a dinucleotide misread."""
    reference = "TTGCATG" + "AC" * 6 + "GTTCATTGCATCCGA"
    run = usual_profile()
    length_p = run.length_p.copy()
    length_p[0, 1] = [0, 0, 0.02, 0.98, 0, 0, 0]
    length_p[2, 6] = [0, 0, 0.2, 0.8, 0, 0, 0]
    run = replace(run, length_p=length_p, length_spread=0.0, deletion_p=1e-6, insertion_p=1e-6)
    for deleted, wrong, kind, left in (("A", 0.02, 0, 0), ("AC", 0.2, 2, 5)):
        n = len(deleted)
        seqs = [reference] * 10 + [reference[:7] + reference[7 + n :]] * 5
        cigars = [f"{len(reference)}M"] * 10 + [f"7M{n}D{len(reference) - 7 - n}M"] * 5
        reads = read_batch([Read(0, c, s) for c, s in zip(cigars, seqs, strict=True)])
        candidates = site_of(reads, 6, "G" + deleted, ("G",), [0] * 10 + [1] * 5)
        row = of(odds_features(Scene(reads, candidates, encode_bases(reference.encode()), 0, run))[0])
        missed = max(run.misread_p(kind, left), 1e-7)
        twin = twin_odds([(has, wrong, missed, 0) for has in [False] * 10 + [True] * 5], None)
        assert as_logarithm(row["one_to_none"]) == pytest.approx(twin["one_to_none"], rel=0.02, abs=0.05)


def test_depth_is_relative_to_the_run() -> None:
    reads = read_batch([Read(0, "20M", REFERENCE[:20]) for _ in range(20)])
    candidates = site_of(reads, 10, REFERENCE[10], ("G",), [0] * 10 + [1] * 10)
    run = replace(usual_profile(), depth=20.0)
    row = odds_of(reads, candidates, run)
    assert row["depth_to_usual"] == 0
    half = odds_of(reads, candidates, replace(run, depth=41.0))
    assert half["depth_to_usual"] == pytest.approx(-math.log(2) / math.log(8))
    assert row["unknown_mapping_fraction"] == 0
