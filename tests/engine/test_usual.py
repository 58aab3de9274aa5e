"""What stands for what a network was not trained on: in reads, features and channels, and nothing else."""

from __future__ import annotations

import numpy as np

from dvplug.engine.usual import AS_THEY_ARE, UsualChannel, UsualFeature, UsualValues
from dvplug.line.image_batch import ImageBatch
from dvplug.line.read_batch import REVERSE
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
    same, _ = AS_THEY_ARE.images(batch, 1)
    assert same.images is images
    assert same.features is features
