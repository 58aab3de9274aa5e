"""Parts of aligned reads: every base that is kept lies where it lay."""

from __future__ import annotations

import numpy as np
import pysam
import pytest

from dvplug_lab.shifts.cuts import keep_part, pieces
from dvplug_lab.shifts.reads import trimmed

HEADER = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "1", "LN": 100_000}]})
M, I, D, S, H = pysam.CMATCH, pysam.CINS, pysam.CDEL, pysam.CSOFT_CLIP, pysam.CHARD_CLIP  # noqa: E741


def _read(cigar: list[tuple[int, int]], rng: np.random.Generator) -> pysam.AlignedSegment:
    read = pysam.AlignedSegment(HEADER)
    bases = sum(length for code, length in cigar if code in (M, I, S))
    read.query_name, read.reference_id, read.reference_start = "r", 0, 5_000
    read.query_sequence = "".join(rng.choice(list("ACGT"), bases))
    read.query_qualities = rng.integers(2, 41, bases).tolist()
    read.cigartuples = cigar
    read.set_tag("NM", 3)
    read.set_tag("RG", "one")
    return read


def _random_cigar(rng: np.random.Generator) -> list[tuple[int, int]]:
    middle = []
    for _ in range(int(rng.integers(0, 5))):
        middle += [(int(rng.choice([I, D])), int(rng.integers(1, 9))), (M, int(rng.integers(1, 30)))]
    ends = [[], [(S, 7)], [(H, 4), (S, 3)], [(H, 5)]]
    return [*ends[rng.integers(4)], (M, int(rng.integers(1, 40))), *middle, *ends[rng.integers(4)][::-1]]


def _aligned(read: pysam.AlignedSegment) -> dict[int, tuple[str, int]]:
    """Base and quality at each reference position, as pysam pairs them."""
    pairs = read.get_aligned_pairs(matches_only=True)
    return {there: (read.query_sequence[here], read.query_qualities[here]) for here, there in pairs}


@pytest.mark.parametrize("seed", range(60))
def test_a_part_has_the_aligned_bases_of_the_whole(seed: int) -> None:
    rng = np.random.default_rng(seed)
    read = _read(_random_cigar(rng), rng)
    start, end = sorted(rng.choice(read.query_length + 1, 2, replace=False).tolist())
    whole, bases = _aligned(read), read.query_sequence
    inside = [there for here, there in read.get_aligned_pairs(matches_only=True) if start <= here < end]
    kept = keep_part(read, start, end)
    assert kept == bool(inside)
    if kept:
        assert read.query_sequence == bases[start:end]
        assert read.infer_query_length() == end - start
        assert _aligned(read) == {there: whole[there] for there in inside}
        assert read.reference_start == min(inside)
        assert read.reference_end == max(inside) + 1
        assert (read.has_tag("NM"), read.get_tag("RG")) == (False, "one")


@pytest.mark.parametrize("seed", range(20))
def test_pieces_have_all_aligned_bases_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    read = _read(_random_cigar(rng), rng)
    whole = _aligned(read)
    found = [_aligned(piece) for piece in pieces(read, 11)]
    assert sum(map(len, found)) == len(whole)
    assert {at: base for piece in found for at, base in piece.items()} == whole


def test_what_was_sequenced_first_is_kept_and_gaps_within_it() -> None:
    rng = np.random.default_rng(3)
    cigar = [(M, 20), (D, 4), (M, 40), (I, 2), (M, 38)]
    forward, reverse = _read(cigar, rng), _read(cigar, rng)
    reverse.is_reverse = True
    cut = trimmed(30)
    assert cut(forward)
    assert cut(reverse)
    assert (forward.cigarstring, forward.reference_start) == ("20M4D10M", 5_000)
    assert (reverse.cigarstring, reverse.reference_start) == ("30M", 5_000 + 20 + 4 + 40 + 8)
    short = _read([(M, 25)], rng)
    assert cut(short)
    assert short.query_length == 25
