"""Where bases differ from the reference: a base at a time, in plain Python, and as a kernel has it."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from dvplug.kernel import kernel
from dvplug.sequence import comparison
from dvplug.sequence.arrays import Int64s, UInt8s


@kernel
def differences(seq: UInt8s, reference: UInt8s, shift: int, first: int, last: int) -> Int64s:
    """All indexes that `next_difference` finds."""
    found, n = np.empty(last - first, np.int64), 0
    i = comparison.next_difference(seq, reference, shift, first, last)
    while i < last:
        found[n], n = i, n + 1
        i = comparison.next_difference(seq, reference, shift, i + 1, last)
    return found[:n].copy()


@kernel
def unlike(
    seq: UInt8s, qual: UInt8s, reference: UInt8s, least: int, shift: int, first: int, last: int
) -> Int64s:
    """All indexes that `next_unlike` finds."""
    found, n = np.empty(last - first, np.int64), 0
    i = comparison.next_unlike(seq, qual, reference, least, shift, first, last)
    while i < last:
        found[n], n = i, n + 1
        i = comparison.next_unlike(seq, qual, reference, least, shift, i + 1, last)
    return found[:n].copy()


@kernel
def alike(seq: UInt8s, qual: UInt8s, least: int, at: int, other: int, most: int) -> int:
    """What `alike_from` says."""
    return comparison.alike_from(seq, qual, least, at, other, most)


@kernel
def counted(seq: UInt8s, reference: UInt8s, shift: int, at: int, last: int, enough: int) -> int:
    """What `count_mismatches` says."""
    return comparison.count_mismatches(seq, reference, shift, at, last, enough)


bases = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, 3, 4]),
        st.sampled_from(
            [-1, -1, -1, -1, -1, -1, -1, -1, 0, 3, 4]
        ),  # of the read; -1 where it is the reference's
        st.one_of(st.integers(8, 41), st.integers(0, 255)),
    ),
    max_size=70,
)


@given(
    bases, st.integers(0, 9), st.integers(0, 9), st.integers(0, 30), st.sampled_from([0, 1, 10, 20, 93, 128])
)
@example([(2, -1, 255)] * 30, 0, 0, 0, 128)
@example([(4, -1, 30)] * 30, 3, 0, 4, 10)
def test_all_that_differ_are_found_and_nothing_behind_the_last(
    drawn: list[tuple[int, int, int]], before: int, behind: int, cut: int, least: int
) -> None:
    reference = np.array([here for here, _, _ in drawn] + [1] * behind, np.uint8)
    read = [here if own < 0 else own for here, own, _ in drawn]
    seq = np.array([0] * before + read, np.uint8)
    qual = np.array([0] * before + [quality for _, _, quality in drawn], np.uint8)
    first, last = before + min(cut, len(drawn)), max(before + min(cut, len(drawn)), len(seq) - cut)
    places = range(first, last)
    differ = [i for i in places if seq[i] != reference[i - before]]
    poor = [i for i in places if seq[i] > 3 or qual[i] < least]
    for run in (differences, differences.py_func):
        assert run(seq, reference, -before, first, last).tolist() == differ
    for run in (unlike, unlike.py_func):
        found = run(seq, qual, reference, least, -before, first, last).tolist()
        assert found == sorted({*differ, *poor})
    with np.errstate(over="ignore"):  # as in the kernel
        for enough in (1, 3, 100):
            for run in (counted, counted.py_func):
                got = run(seq, reference, -before, first, last, enough)
                assert got == len(differ) if len(differ) < enough else got >= enough


@given(bases, st.integers(0, 9), st.integers(0, 30), st.sampled_from([0, 1, 10, 20, 93, 128]))
@example([(2, -1, 255)] * 30, 0, 0, 128)
def test_two_reads_are_alike_up_to_the_first_base_that_is_not(
    drawn: list[tuple[int, int, int]], between: int, cut: int, least: int
) -> None:
    one = [here for here, _, _ in drawn]
    two = [here if own < 0 else own for here, own, _ in drawn]
    qualities = [quality for _, _, quality in drawn]
    seq = np.array(one + [0] * between + two, np.uint8)
    qual = np.array(qualities + [0] * between + qualities[::-1], np.uint8)
    at, other, most = (
        min(cut, len(drawn)),
        len(drawn) + between + min(cut, len(drawn)),
        max(0, len(drawn) - cut),
    )
    ends = [
        k
        for k in range(most)
        if seq[at + k] != seq[other + k] or seq[at + k] > 3 or min(qual[at + k], qual[other + k]) < least
    ]
    for run in (alike, alike.py_func):
        with np.errstate(over="ignore"):
            assert run(seq, qual, least, at, other, most) == min(ends, default=most)
