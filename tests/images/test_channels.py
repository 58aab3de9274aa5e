"""Pixel values: DeepVariant's formulas, and ours where the module says that they differ."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.images import channels
from dvplug.line.image_batch import (
    DELETED,
    EMPTY,
    REFERENCE,
    SUPPORTS_ALT,
    SUPPORTS_OTHER,
    SUPPORTS_REF,
    Pileup,
)
from helpers.image_sites import HEIGHT, draw, random_candidates, site_of
from helpers.read_batches import Read, read_batch

BASE = {0: 40 + 70 * 3, 2: 40 + 70 * 2, 3: 30 + 70 * 1, 1: 30 + 70 * 0, 4: 0}
SUPPORT = {SUPPORTS_ALT: 254, SUPPORTS_OTHER: 180, SUPPORTS_REF: 60}


def run_length(codes: list[int], at: int) -> int:
    """Length of the run of equal codes around ``at``."""
    first = last = at
    while first > 0 and codes[first - 1] == codes[at]:
        first -= 1
    while last + 1 < len(codes) and codes[last + 1] == codes[at]:
        last += 1
    return last - first + 1


def pixel(channel: str, pileup: Pileup, image: int, row: int, column: int) -> int:
    """One pixel by its formula."""
    cell, read = int(pileup.cell[image, row, column]), int(pileup.row_read[image, row])
    base, reads = int(pileup.reference[image, column]), pileup.reads
    if cell == EMPTY:
        return 0
    if cell == REFERENCE:
        full = {"base_quality": 254, "mapping_quality": 254, "strand": 70, "insert_size": 254, "haplotype": 0}
        own = {"read_base": BASE[base], "read_supports_variant": 60, "base_differs_from_ref": 50}
        own["homopolymer_length"] = min(254, 254 * run_length(pileup.reference[image].tolist(), column) // 20)
        return (full | own)[channel]
    of_read = {
        "mapping_quality": int(254 * min(int(reads.mapping_quality[read]), 60) / 60),
        "strand": 240 if reads.flag[read] & 0x10 else 70,
        "insert_size": int(254 * min(abs(int(reads.fragment_length[read])), 1000) / 1000),
        "haplotype": {0: 0, 1: 127, 2: 254}[int(reads.haplotype[read])],
        "read_supports_variant": SUPPORT.get(int(pileup.support[image, row]), 120),
    }
    if channel in of_read:
        return of_read[channel]
    if cell == DELETED:
        return 180 if channel == "base_differs_from_ref" else 0
    if channel == "read_base":
        return BASE[int(reads.seq[cell])]
    if channel == "homopolymer_length":
        first, end = reads.base_offset[read], reads.base_offset[read + 1]
        return min(254, 254 * run_length(reads.seq[first:end].tolist(), cell - int(first)) // 20)
    if channel == "base_quality":
        return int(254 * min(int(reads.qual[cell]), 40) / 40)
    if reads.seq[cell] != base:
        return 254
    return 120 if pileup.insertion[image, row, column] else 50


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
)


@pytest.mark.parametrize("channel", CHANNELS)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_pixels_follow_their_formula(channel: str, seed: int) -> None:
    reference, _, reads, candidates = random_candidates(seed)
    pileup, _ = draw(reads, candidates, reference)
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
        ("haplotype", Read(0, "9M", "ACGTACGTA", hp=3), 254),
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
    out = np.zeros(pileup.cell.shape, np.uint8)
    getattr(channels, channel)(pileup, out)
    assert out[0, 1, 10] == value
