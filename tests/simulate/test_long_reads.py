"""Profiles of unpaired reads: what is planted in simulated reads is learnt again, and real tags are read right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dvplug.sequence.pairwise import align_globally
from dvplug.simulate.genome import encode
from dvplug.simulate.learn import context
from dvplug.simulate.learn.context import (
    CLASSES,
    GAP,
    LONG_RUN,
    LONGEST_RUN,
    MOST_CHANGE,
    Alignment,
    ContextProfile,
)
from dvplug.simulate.long_reads import _slipping, _tilted, long_fastq_batches, prepare_long, read_spans
from dvplug.simulate.short_reads import LocusNoise
from dvplug.simulate.variants import apply_variants
from helpers.shared_data import SHARED, needs_shared

QUIET = LocusNoise(indel_sd=0.0, site_p=0.0)
SHORTER_P = 0.08  # of homopolymers of 3 bp and more, by one base


def planted(substitution_p: float = 0.02) -> ContextProfile:
    """Reads of 900 bp: substitutions, and homopolymers of 3 and more read one short; quality 30, 10 where wrong."""
    change = np.zeros((CLASSES, 4, LONGEST_RUN + 1, 2 * MOST_CHANGE + 1))
    change[..., MOST_CHANGE] = 1.0
    change[:, :, 3:, MOST_CHANGE] = 1 - SHORTER_P
    change[:, :, 3:, MOST_CHANGE - 1] = SHORTER_P
    quality = np.zeros((CLASSES, 4, len(context.RUN_EDGES), len(context.PREVIOUS_EDGES), context.QUALITIES))
    quality[:, context.PLAIN, ..., 30] = 1
    quality[:, 1:, ..., 10] = 1
    length = np.zeros((2, context.LONGEST_INDEL + 1))
    length[:, 1] = 1
    return ContextProfile(
        np.full(50, 900),
        np.arange(50) % CLASSES,
        np.full(CLASSES, substitution_p),
        np.cumsum((np.ones((4, 4)) - np.eye(4)) / 3, axis=1),
        np.cumsum(change, axis=-1),
        np.zeros(CLASSES),
        np.zeros(CLASSES),
        np.cumsum(length, axis=1),
        np.cumsum(quality, axis=-1).astype(np.float32),
    )


def simulated(profile: ContextProfile, rng: np.random.Generator) -> tuple[list[Alignment], int]:
    """Reads of a random genome, aligned with where they were drawn from; and the genome's length."""
    codes = rng.integers(0, 4, 30_000).astype(np.uint8)
    haplotype = apply_variants(codes, [], 0)
    blocks = np.array([0]), np.array([20.0])
    spans = read_spans(haplotype, profile, blocks, rng)
    texts = b"".join(
        t.tobytes() for t in long_fastq_batches(prepare_long(codes, QUIET, 1), spans, profile, rng, 0)
    )
    lines, found = texts.decode().splitlines(), []
    assert len(lines) == 4 * len(spans[0])
    for name, seq, _, qual in zip(lines[::4], lines[1::4], lines[2::4], lines[3::4], strict=True):
        k = int(name[2:])
        low, high = int(spans[0][k]), int(spans[1][k])
        read, quality = encode(seq), np.frombuffer(qual.encode(), np.uint8) - 33
        reverse = (3 - read[::-1]).astype(np.uint8)
        forward_score, reverse_score = ((x[:50] == codes[low : low + 50]).mean() for x in (read, reverse))
        if reverse_score > forward_score:
            read, quality = reverse, quality[::-1]
        found.append(aligned(read, quality, codes[low:high], low, reverse_score > forward_score))
    return found, len(codes)


def aligned(read: np.ndarray, quality: np.ndarray, target: np.ndarray, low: int, reverse: bool) -> Alignment:
    cigar = align_globally(read, target)
    code = np.repeat(cigar & 15, cigar >> 4)
    columns = [np.full(len(code), GAP, np.uint8) for _ in range(2)]
    columns[0][code != 2], columns[1][code != 1] = read, target
    spread = np.zeros(len(code), np.uint8)
    spread[code != 2] = quality
    position = low + np.cumsum(code != 1) - (code != 1)
    return Alignment("c", *columns, spread, position, reverse)


def test_what_was_planted_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    profile = planted()
    found, _ = simulated(profile, rng)
    monkeypatch.setattr(context, "alignments", lambda bam, fasta: iter(found))
    learnt = context.learn_context_profile(Path("reads.bam"))
    assert learnt.substitution_p.mean() == pytest.approx(0.02, rel=0.15)
    change = np.diff(learnt.run_change, axis=-1, prepend=0).mean(axis=(0, 1))
    assert change[3, MOST_CHANGE - 1] == pytest.approx(SHORTER_P, rel=0.2)
    assert change[1, MOST_CHANGE] > 0.99
    assert change[3, MOST_CHANGE + 1 :].sum() < 0.02
    assert learnt.length.mean() == pytest.approx(np.mean([(a.reference != GAP).sum() for a in found]))
    quality = np.diff(learnt.quality, axis=-1, prepend=0)
    assert quality[:, context.PLAIN, 0].argmax(axis=-1)[:, 3:].min() == 30
    assert set(quality[:, context.SUBSTITUTED, 0, 5].argmax(axis=-1).tolist()) == {10}


def test_rare_errors_are_drawn_as_often_as_planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An inserted base that lengthened its neighbour would be learnt as a misread homopolymer."""
    profile = planted(substitution_p=0.0)
    change = np.diff(profile.run_change, axis=-1, prepend=0)
    change[:, :, 2, MOST_CHANGE - 1 : MOST_CHANGE + 2] = 0.002, 0.994, 0.004
    profile = replace(profile, run_change=np.cumsum(change, axis=-1), insertion_p=np.full(CLASSES, 0.004))
    found, _ = simulated(profile, np.random.default_rng(6))
    monkeypatch.setattr(context, "alignments", lambda bam, fasta: iter(found))
    counts, *_ = context.count_errors(Path("reads.bam"))
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
    monkeypatch.setattr(context, "alignments", lambda bam, fasta: iter(found))
    counts, *_ = context.count_errors(Path("reads.bam"))
    for length, reads in ((12, 900), (13, 300)):
        seen = counts.run_change.sum(axis=(0, 1))[length]
        assert seen.sum() == reads
        for change, share in p.items():
            assert seen[MOST_CHANGE + change] / reads == pytest.approx(share, abs=0.07)


def test_places_differ_less_where_most_reads_err() -> None:
    slips = np.random.default_rng(8).normal(0, 0.8, 20_000)
    spread = {
        p: np.std([np.log(_slipping(p, s) / (1 - _slipping(p, s))) for s in slips]) for p in (0.01, 0.7)
    }
    assert spread[0.01] == pytest.approx(0.8 * 0.99, rel=0.05)
    assert spread[0.7] == pytest.approx(0.8 * 0.3, rel=0.05)
    assert _slipping(0.3, 0.0) == pytest.approx(0.3)


def test_depth_is_what_was_asked_for() -> None:
    rng = np.random.default_rng(6)
    found, length = simulated(planted(), rng)
    depth = sum(int((a.reference != GAP).sum()) for a in found) / length
    assert depth == pytest.approx(10.0, rel=0.15)  # one haplotype of two


def test_short_single_reads_reach_their_depth() -> None:
    profile = replace(planted(), length=np.full(50, 120))
    codes = np.random.default_rng(2).integers(0, 4, 20_000).astype(np.uint8)
    spans = read_spans(
        apply_variants(codes, [], 0), profile, (np.array([0]), np.array([30.0])), np.random.default_rng(1)
    )
    assert (spans[1] - spans[0]).sum() / len(codes) == pytest.approx(15, rel=0.1)


def test_reads_end_where_n_begins() -> None:
    codes = np.zeros(9_000, np.uint8)
    codes[4_000:5_000] = 4
    spans = read_spans(
        apply_variants(codes, [], 0), planted(), (np.array([0]), np.array([40.0])), np.random.default_rng(1)
    )
    assert len(spans[0]) > 50
    assert all((codes[low:high] < 4).all() for low, high in zip(spans[0], spans[1], strict=True))


@needs_shared
def test_md_tags_give_the_reference_of_real_reads() -> None:
    bam = SHARED / "ont" / "HG008.r10_ul.profile_only.bam"
    found = list(context.alignments(bam, None))
    assert len(found) >= 8
    for one in found:
        same = (one.read == one.reference) & (one.read < 4)
        assert 0.9 < same.mean() < 1
        assert (np.diff(one.position) >= 0).all()


def test_some_places_read_long_homopolymers_rather_too_long() -> None:
    p = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
    tilted = np.diff(_tilted(np.cumsum(p), 0.5), prepend=0)
    log_odds = np.log(tilted / tilted[2]) - np.log(p / p[2])
    np.testing.assert_allclose(log_odds, [-1, -0.5, 0, 0.5, 1])
    assert tilted.sum() == pytest.approx(1)
    rng = np.random.default_rng(9)
    codes = np.repeat(rng.integers(0, 4, 4000), rng.integers(1, 16, 4000)).astype(np.uint8)
    source = prepare_long(codes, replace(QUIET, tilt_sd=0.2), 1)
    long = source.run >= LONG_RUN
    assert not source.tilt[~long].any()
    assert source.tilt[long].std() == pytest.approx(0.2, rel=0.1)
    again = prepare_long(codes[5000:], replace(QUIET, tilt_sd=0.2), 1)
    np.testing.assert_array_equal(again.tilt[100:], source.tilt[5100:])
