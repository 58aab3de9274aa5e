"""Begins of reads that lie on the other strand nearby: where, and how many of all."""

from __future__ import annotations

import numpy as np
import pysam
import pytest

from dvplug.sequence.codes import decode_bases
from dvplug.simulate.genome import COMPLEMENT, Codes, random_genome
from dvplug.simulate.learn.folds import PROBE, FoldCounts

START = 7000
REFERENCE = random_genome(5000, np.random.default_rng(3))
CLIP, WHOLE = 25, 100


def aligned(clip: Codes, place: int, *, at_left: bool, reverse: bool) -> pysam.AlignedSegment:
    """A read of 75 bp of the reference from ``place`` on, with a clip of ``CLIP`` bp before or behind."""
    own = REFERENCE[place : place + WHOLE - CLIP]
    read = pysam.AlignedSegment()
    read.query_sequence = decode_bases(np.concatenate([clip, own] if at_left else [own, clip]))
    read.reference_start = START + place
    read.cigarstring = f"{CLIP}S{WHOLE - CLIP}M" if at_left else f"{WHOLE - CLIP}M{CLIP}S"
    read.is_reverse = reverse
    return read


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("at_left", [False, True])
@pytest.mark.parametrize("distance", [-30, 20])
def test_the_other_strand_is_found(at_left: bool, reverse: bool, distance: int) -> None:
    place = 2000
    if at_left:
        # The clip's last base lies `distance` before the first aligned one, on the other strand.
        low = place - distance
        clip = COMPLEMENT[REFERENCE[low : low + CLIP]][::-1]
    else:
        high = place + WHOLE - CLIP - 1 + distance + 1
        clip = COMPLEMENT[REFERENCE[high - CLIP : high]][::-1]
    counts = FoldCounts()
    read = aligned(clip, place, at_left=at_left, reverse=reverse)
    counts.add(read, 0 if at_left else WHOLE - CLIP, CLIP, REFERENCE, START)
    begins = at_left != reverse
    assert counts.begins == begins
    assert counts.folds().distance.tolist() == ([distance] if begins else [])
    assert counts.folds().share == begins


def test_begins_of_elsewhere_and_of_the_same_strand_are_no_folds() -> None:
    counts = FoldCounts()
    foreign = random_genome(CLIP, np.random.default_rng(8))
    for clip in (foreign, REFERENCE[1900 : 1900 + CLIP]):
        counts.add(aligned(clip, 2000, at_left=True, reverse=False), 0, CLIP, REFERENCE, START)
    found = counts.folds()
    assert (found.share, len(found.distance), counts.begins) == (0, 0, 2)


def test_short_clips_do_not_count() -> None:
    counts = FoldCounts()
    read = aligned(REFERENCE[:CLIP], 2000, at_left=True, reverse=False)
    counts.add(read, 0, PROBE - 1, REFERENCE, START)
    assert counts.begins == 0
    assert counts.folds().share == 0
