"""CIGAR operations: the codes and what they consume, as pysam and the SAM specification have them."""

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.sequence import cigar as c

LETTERS = "MIDNSHP=X"
packed = st.tuples(st.integers(1, (1 << 28) - 1), st.integers(0, 8))


def pack(operations: list[tuple[int, int]]) -> np.ndarray:
    return np.array([length << 4 | code for length, code in operations], np.uint32)


@pytest.mark.parametrize(
    ("code", "expected", "letter"),
    [
        (c.MATCH, pysam.CMATCH, "M"),
        (c.INSERTION, pysam.CINS, "I"),
        (c.DELETION, pysam.CDEL, "D"),
        (c.SKIP, pysam.CREF_SKIP, "N"),
        (c.SOFT_CLIP, pysam.CSOFT_CLIP, "S"),
        (c.HARD_CLIP, pysam.CHARD_CLIP, "H"),
        (c.PADDING, pysam.CPAD, "P"),
        (c.EQUAL, pysam.CEQUAL, "="),
        (c.DIFFERENT, pysam.CDIFF, "X"),
    ],
)
def test_codes_are_those_of_pysam(code: int, expected: int, letter: str) -> None:
    assert code == expected == LETTERS.index(letter)


@pytest.mark.parametrize("code", range(16))
def test_what_an_operation_consumes_is_what_the_specification_says(code: int) -> None:
    letter = (LETTERS + "???????")[code]
    assert c.is_aligned(code) == (letter in "M=X")
    assert c.is_gap(code) == (letter in "ID")
    assert c.consumes_read(code) == (letter in "MIS=X")
    assert c.consumes_reference(code) == (letter in "MDN=X")


@given(packed)
def test_an_operation_is_unpacked_whatever_its_length(operation: tuple[int, int]) -> None:
    length, code = operation
    word = np.uint32(length << 4 | code)
    assert c.unpack(word) == (code, length)
    assert (c.code_of(word), c.length_of(word)) == (code, length)


@given(st.lists(st.lists(st.tuples(st.integers(1, 300), st.integers(0, 8)), max_size=8), max_size=5))
def test_the_span_on_the_reference_is_that_of_pysam(cigars: list[list[tuple[int, int]]]) -> None:
    expected = []
    for operations in cigars:
        read = pysam.AlignedSegment()
        read.reference_start = 0
        read.cigartuples = [(code, length) for length, code in operations]
        consumes = any(LETTERS[code] in "MDN=X" for _, code in operations)
        expected.append(read.reference_length if consumes else 0)  # htslib counts 1 where nothing is aligned
    flat = pack([operation for operations in cigars for operation in operations])
    offset = np.concatenate(([0], np.cumsum([len(operations) for operations in cigars]))).astype(np.int64)
    assert c.reference_spans(flat, offset).tolist() == expected


@given(st.lists(st.integers(0, 8), max_size=30))
def test_columns_are_packed_as_runs(columns: list[int]) -> None:
    found = c.pack_columns(np.array(columns, np.uint32))
    codes, lengths = found & c.CODE_MASK, found >> c.LENGTH_SHIFT
    assert np.repeat(codes, lengths).tolist() == columns
    assert (np.diff(codes.astype(int)) != 0).all()


@given(st.lists(st.integers(0, 8), max_size=8), st.integers(0, 8), st.integers(0, 8))
def test_aligned_bases_are_found_between_two_operations(codes: list[int], first: int, last: int) -> None:
    last = min(last, len(codes))
    found = c.has_aligned(pack([(1, code) for code in codes]), first, last)
    assert found == any(LETTERS[code] in "M=X" for code in codes[first:last])
