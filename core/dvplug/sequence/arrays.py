"""Short names of the arrays that kernels take, by their dtype; shapes stand in docstrings as dtype[shape]."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", bound=np.generic)

Bools = npt.NDArray[np.bool_]
Int8s = npt.NDArray[np.int8]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]  # base codes (see `codes`), phred qualities
UInt16s = npt.NDArray[np.uint16]
UInt32s = npt.NDArray[np.uint32]  # packed CIGAR operations (see `cigar`)
UInt64s = npt.NDArray[np.uint64]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]


def distinct(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Return the distinct values in order, as `numpy.unique`: without the counts it imports masked arrays first."""
    return np.unique(values, return_counts=True)[0]


def numbered(values: npt.NDArray[Number]) -> tuple[npt.NDArray[Number], Int64s]:
    """Return the distinct values in order, and of each value which of them it is, int64[n]; see `distinct`."""
    found, which, _ = np.unique(values, return_inverse=True, return_counts=True)
    return found, which


def median(values: npt.ArrayLike) -> float:
    """Return the median of numbers, one at least and none NaN, as `numpy.median`: that imports masked arrays first."""
    numbers = np.ravel(values)
    middle = [(len(numbers) - 1) // 2, len(numbers) // 2]
    return float(np.partition(numbers, middle)[middle].mean())
