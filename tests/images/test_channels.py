"""Pixel values: DeepVariant's formulas, and ours where the module says that they differ."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.images import channels
from dvplug.line.image_batch import (
    EMPTY,
)
from dvplug.line.run_profile import usual_profile
from helpers.image_sites import HEIGHT, draw, random_candidates, site_of
from helpers.read_batches import Read, read_batch
from oracles.channels import pixel

CHANNELS = (
    "read_base",
    "base_quality",
    "mapping_quality",
    "strand",
    "read_supports_variant",
    "base_differs_from_ref",
    "insert_size",
    "haplotype",
    "homopolymer_length",
    "base_error",
    "relative_mapping_quality",
    "relative_insert_size",
)
QUALITY_SHARES = np.zeros(256)
QUALITY_SHARES[[3, 29, 255]] = 0.2, 0.7, 0.1
RUN = replace(
    usual_profile(),
    mismatch_p=np.linspace(0.9, 1e-5, 256) ** 2,
    mapping_quality=QUALITY_SHARES,
    fragment_length=350.0,
    fragment_spread=60.0,
)


@pytest.mark.parametrize("channel", CHANNELS)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_pixels_follow_their_formula(channel: str, seed: int) -> None:
    reference, _, reads, candidates = random_candidates(seed)
    pileup, _ = draw(reads, candidates, reference)
    pileup = replace(pileup, run=RUN)
    cells = list(np.ndindex(pileup.cell.shape))[:: max(1, pileup.cell.size // 3000)]
    out = np.zeros(pileup.cell.shape, np.uint8)
    getattr(channels, channel)(pileup, out)
    assert [int(out[at]) for at in cells] == [pixel(channel, pileup, *at) for at in cells]


@pytest.mark.parametrize("channel", CHANNELS)
def test_empty_cells_stay_zero(channel: str) -> None:
    reads = read_batch([Read(5, "3M3N3M", "ACGTAC", 40, 16, 60, 400, 2)])
    pileup, _ = draw(reads, site_of(reads, 12, "A", ("C",), [1]), "ACGTACGTACGTACGTACGTACGTA")
    out = np.zeros(pileup.cell.shape, np.uint8)
    getattr(channels, channel)(pileup, out)
    assert not out[0, 1:][pileup.cell[0, 1:] == EMPTY].any()
    assert np.flatnonzero(pileup.cell[0, 1] != EMPTY).tolist() == [3, 4, 5, 9, 10, 11]
    assert not out[0, 2:HEIGHT].any()
    if channel != "insert_size":
        assert out[0, 1, 3] > 0


@pytest.mark.parametrize(
    ("channel", "read", "value"),
    [
        ("mapping_quality", Read(0, "9M", "ACGTACGTA", mapq=255), 254),
        ("mapping_quality", Read(0, "9M", "ACGTACGTA", mapq=0), 0),
        ("mapping_quality", Read(0, "9M", "ACGTACGTA", mapq=29), 122),
        ("base_quality", Read(0, "9M", "ACGTACGTA", qual=93), 254),
        ("base_quality", Read(0, "9M", "ACGTACGTA", qual=39), 247),
        ("insert_size", Read(0, "9M", "ACGTACGTA", tlen=-500), 127),
        ("insert_size", Read(0, "9M", "ACGTACGTA", tlen=2_000_000), 254),
        ("haplotype", Read(0, "9M", "ACGTACGTA", hp=3), 127),
        ("relative_mapping_quality", Read(0, "9M", "ACGTACGTA", mapq=29), 254),
        ("relative_mapping_quality", Read(0, "9M", "ACGTACGTA", mapq=0), 50),
        ("relative_mapping_quality", Read(0, "9M", "ACGTACGTA", mapq=255), 25),
        ("relative_insert_size", Read(0, "9M", "ACGTACGTA", tlen=0), 25),
        ("relative_insert_size", Read(0, "9M", "ACGTACGTA", tlen=-350), 152),
        ("relative_insert_size", Read(0, "9M", "ACGTACGTA", tlen=2_000_000), 254),
        ("base_error", Read(0, "9M", "ACGTACGTA", qual=255), 254),
        ("base_error", Read(0, "9M", "ACGTACGTA", qual=0), 54),
        ("base_differs_from_ref", Read(0, "5M2I4M", "ACGTATTCGTA"), 120),
        ("base_differs_from_ref", Read(0, "4M1D4M", "ACGTCGTA"), 180),
        ("base_differs_from_ref", Read(0, "9M", "ACGTNCGTA"), 254),
        ("read_base", Read(0, "9M", "ACGTNCGTA"), 0),
        ("homopolymer_length", Read(0, "5M2I4M", "ACGTAAACGTA"), 38),
        ("homopolymer_length", Read(0, "5M25I4M", "ACGTA" + 25 * "A" + "CGTA"), 254),
    ],
)
def test_values_at_the_limits(channel: str, read: Read, value: int) -> None:
    """The pixel of the middle column, where the reference has an A."""
    reads = read_batch([read])
    pileup, _ = draw(reads, site_of(reads, 4, "A", ("C",), [1]), "ACGTACGTA")
    pileup = replace(pileup, run=RUN)
    out = np.zeros(pileup.cell.shape, np.uint8)
    getattr(channels, channel)(pileup, out)
    assert out[0, 1, 10] == value
