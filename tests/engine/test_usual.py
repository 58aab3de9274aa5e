"""What stands for what a network was not trained on: in reads, features and channels, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dvplug.engine.usual import AS_THEY_ARE, UNKNOWN_RUN, KnownRun, UsualChannel, UsualFeature, UsualValues
from dvplug.line.image_batch import ImageBatch
from dvplug.line.read_batch import REVERSE
from dvplug.line.run_profile import RunProfile, claimed_p, usual_profile
from dvplug.technology import ImageLayout, ReadFilter, TechnologyProfile, UsualErrors
from helpers.read_batches import Read, read_batch

READS = read_batch(
    [
        Read(0, "4M", "ACGT", qual=20, flag=REVERSE | 0x400, tlen=0, name="a"),
        Read(1, "4M", "ACGT", qual=30, flag=0, tlen=-250, name="b"),
        Read(2, "4M", "ACGT", qual=30, flag=0, tlen=0, name="c"),
    ]
)


def test_reads_get_what_they_lack_and_keep_the_rest() -> None:
    table = tuple(range(7, 263))[:249] + (255,) * 7
    changed = UsualValues(fragment_length=312, base_quality=table).reads(READS)
    assert changed.fragment_length.tolist() == [312, -250, 312]
    assert changed.qual.tolist() == [27] * 4 + [37] * 8
    assert changed.qual.dtype == READS.qual.dtype
    assert changed.fragment_length.dtype == READS.fragment_length.dtype
    for name in ("start", "flag", "mapping_quality", "seq", "cigar"):
        assert np.array_equal(getattr(changed, name), getattr(READS, name))
    assert AS_THEY_ARE.reads(READS) is READS


def test_strands_are_drawn_by_the_reads_own_hash() -> None:
    """Not by its place in the batch, which depends on where a region begins; other flags stay."""
    usual = UsualValues(draw_strands=True)
    changed, part = usual.reads(READS), usual.reads(READS.part(1, 3))
    assert changed.flag[1:].tolist() == part.flag.tolist()
    assert (changed.flag | REVERSE).tolist() == (READS.flag | REVERSE).tolist()
    assert ((changed.flag & REVERSE) != 0).tolist() == ((READS.name_hash & 1) != 0).tolist()


def test_features_and_channels_of_reads() -> None:
    images = np.zeros((2, 4, 3, 2), np.uint8)
    images[:, 0] = 254  # a row of the reference
    images[:, 1, 1:, 0] = 9  # a read of two bases, whose second channel is unknown
    features = np.array([[0.1, 0.9], [0.85, 0.9]], np.float32)
    batch = ImageBatch(images, features, np.zeros(2, np.int32), np.zeros((2, 2), np.int8))
    usual = UsualValues(
        features=(
            UsualFeature("near", 0, -np.inf, 0.8, 0.2),
            UsualFeature("starts", 1, np.inf, -np.inf, 0.5),
        ),
        channels=(UsualChannel("size", 1, 79),),
    )
    changed, outside = usual.images(batch, reference_rows=1)
    assert changed.features.tolist() == np.array([[0.1, 0.5], [0.2, 0.5]], np.float32).tolist()
    assert outside == {"near": 1}
    expected = images.copy()
    expected[:, 1, 1:, 1] = 79
    assert np.array_equal(changed.images, expected)
    assert features[1, 0] == np.float32(0.85)
    kept = UsualValues(features=(UsualFeature("near", 0, -np.inf, 0.8, 0.2, ((1, 0.85),)),))
    changed, outside = kept.images(batch, reference_rows=1)
    assert np.array_equal(changed.features, features)  # since the other feature lies above its number
    assert outside == {"near": 0}
    same, _ = AS_THEY_ARE.images(batch, 1)
    assert same.images is images
    assert same.features is features


TECHNOLOGY = TechnologyProfile(
    name="x",
    description="",
    model="x@1",
    image=ImageLayout(height=8, width=11, channels=("read_base",)),
    read_filter=ReadFilter(missing_base_quality=25),
    usual_errors=UsualErrors(insertion=0.03),
)


def run_of(bases: dict[int, tuple[int, float]]) -> RunProfile:
    """Bases of these qualities, and how many of them are wrong."""
    counts, p = np.zeros((256, 2), np.int64), claimed_p()
    for quality, (n, wrong) in bases.items():
        counts[quality] = n, round(n * wrong)
        p[quality] = wrong
    return replace(usual_profile(), base_counts=counts, mismatch_p=p)


def test_a_run_that_was_not_measured_is_as_the_technology_says() -> None:
    assert UNKNOWN_RUN.as_drawn(TECHNOLOGY).insertion_p == 0.03


def test_a_run_that_is_drawn_as_it_is_keeps_its_qualities() -> None:
    run = run_of({20: (1000, 0.004), 37: (3000, 0.001)})
    np.testing.assert_allclose(KnownRun(run).as_drawn(TECHNOLOGY).mismatch_p[:94], run.mismatch_p[:94])


def test_reads_without_qual_have_what_the_read_filter_gives_them() -> None:
    run = run_of({255: (1000, 0.02), 25: (3000, 0.001)})
    drawn = KnownRun(run).as_drawn(TECHNOLOGY)
    assert drawn.mismatch_p[25] == pytest.approx((1000 * 0.02 + 3000 * 0.001) / 4000)
    assert drawn.base_counts[25].tolist() == [4000, 23]
    alone = KnownRun(run_of({255: (1000, 0.02)})).as_drawn(TECHNOLOGY)
    assert alone.mismatch_p[25] == pytest.approx(0.02)


def test_qualities_that_are_mapped_take_their_meaning_along() -> None:
    run = replace(run_of({12: (1000, 0.1), 20: (1000, 0.004), 22: (3000, 0.002)}), reverse_strand=1.0)
    table = tuple(min(255, q + 15) if q < 21 else 37 for q in range(256))
    drawn = KnownRun(run, UsualValues(base_quality=table, draw_strands=True)).as_drawn(TECHNOLOGY)
    assert drawn.mismatch_p[27] == pytest.approx(0.1)
    assert drawn.mismatch_p[35] == pytest.approx(0.004)
    assert drawn.mismatch_p[37] == pytest.approx(0.002)
    assert 0.002 < drawn.mismatch_p[36] < 0.004
    assert drawn.base_counts.sum() == run.base_counts.sum()
    assert drawn.reverse_strand == 0.5
