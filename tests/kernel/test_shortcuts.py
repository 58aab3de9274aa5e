"""What kernels do in a shorter way than Numba's own: the same as Python does, whatever they are given."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.kernel import kernel, subkernel

ENDS = st.integers(-9, 9)


@kernel
def _slices(row: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return row[start:stop], row[start:], row[:stop], row[start:stop][1:-1]


@kernel
def _ranges(start: int, stop: int, step: int) -> tuple[int, int, int, int]:
    """Sums of what is gone through: by one, by steps, with an end in between, and one in another."""
    plain, stepped, ended, inner = 0, 0, 0, 0
    for at in range(start, stop):
        plain = (31 * plain + at) % 1009
    for at in range(start, stop, step):
        stepped = (31 * stepped + at) % 1009
    for at in range(stop):
        if at == 2:
            continue
        if at > start:
            break
        ended = (31 * ended + at) % 1009
    for outer in range(start, stop):
        for at in range(outer, stop):
            inner = (31 * inner + at) % 1009
        inner += len(range(start, outer))
    return plain, stepped, ended, inner


@kernel
def _either(first: int, upward: bool, stop: int) -> int:
    """A name that is one range or another, and two ranges that are taken apart."""
    chosen = range(first, stop, 2)
    if upward:
        chosen = range(first, stop)
    found = 0
    for at in chosen:
        found = (31 * found + at) % 1009
    one, other = range(first, first + 2)
    return found + one * other


@kernel
def _extremes(
    row: np.ndarray, table: np.ndarray, signed: int, unsigned: np.uint8, real: float
) -> tuple[int, int, int, int, float, float]:
    lengths = len(row), len(table)
    return (
        min(signed, lengths[0]) + min(2, 2) + max(3, 5),
        max(signed, lengths[1]),
        min(unsigned, np.uint8(7)),
        max(row[0], row[1]),
        max(real, signed),
        min(real, 1.0),
    )


@kernel
def _made(size: int, fill: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    empty = np.empty(size, np.int16)
    empty[:] = fill
    return (
        empty,
        np.zeros(size, np.float32),
        np.full(size, fill, np.uint8),
        np.zeros((size, 3), np.int64),
        np.full((2, size), fill, np.float64),
    )


@subkernel
def _positive(number: int) -> int:
    if number < 0:
        raise ValueError("below 0")
    return number


@subkernel
def _sum_of(row: np.ndarray) -> int:
    total = 0
    for each in row:
        total += _positive(each)
    return total


@kernel
def _raising(row: np.ndarray) -> int:
    return _sum_of(row[1:]) + 1


@kernel
def _catching(row: np.ndarray) -> int:
    total = _positive(len(row))
    for at in range(len(row)):
        try:
            total += _positive(row[at])
        except Exception:  # noqa: BLE001 - compiled code knows no other
            total += 100
    return total


def _same(found: Any, wanted: Any) -> None:
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
        if isinstance(other, np.ndarray):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
            assert one.strides == other.strides or not one.size


@settings(max_examples=60)
@given(size=st.integers(0, 7), start=ENDS, stop=ENDS)
def test_slices_are_those_of_numpy(size: int, start: int, stop: int) -> None:
    row = np.arange(size, dtype=np.int32)
    _same(_slices(row, start, stop), _slices.py_func(row, start, stop))  # type: ignore[attr-defined]


def test_slices_are_views() -> None:
    row = np.zeros(6, np.int32)
    middle = _slices(row, 2, 4)[0]
    middle[:] = 5
    assert row.tolist() == [0, 0, 5, 5, 0, 0]


def test_ranges_are_those_of_python() -> None:
    for start, stop, step in product(range(-3, 5), range(-3, 5), (-2, -1, 1, 2, 3)):
        assert _ranges(start, stop, step) == _ranges.py_func(start, stop, step)  # type: ignore[attr-defined]
    for first, upward, stop in product(range(-2, 3), (False, True), range(-2, 5)):
        assert _either(first, upward, stop) == _either.py_func(first, upward, stop)  # type: ignore[attr-defined]


def test_lengths_and_extremes_are_those_of_python() -> None:
    table = np.zeros((4, 2))
    for row, signed, unsigned, real in product(
        (np.array([-5, 3, 9]), np.array([3, -5])), (-3, 0, 2, 9), (0, 7, 250), (-1.5, 1.0, 20.0, float("nan"))
    ):
        given = row, table, signed, np.uint8(unsigned), real
        np.testing.assert_array_equal(_extremes(*given), _extremes.py_func(*given))  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [0, 1, 5, 1000])
def test_arrays_are_made_as_by_numpy(size: int) -> None:
    _same(_made(size, 3), _made.py_func(size, 3))  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [-1, 1 << 62, -(1 << 63)])
def test_an_array_that_cannot_be_is_an_error(size: int) -> None:
    with pytest.raises(ValueError, match=r"size|dimension"):
        _made(size, 3)


def test_what_a_called_function_raises_comes_up() -> None:
    assert _raising(np.array([-1, 2, 3])) == 6
    for _ in range(2):
        with pytest.raises(ValueError, match="below 0"):
            _raising(np.array([1, 2, -3]))
    assert _raising(np.array([1, 2, 3])) == 6
    row = np.array([1, -2, 3, -4])
    assert _catching(row) == _catching.py_func(row) == 208  # type: ignore[attr-defined]
