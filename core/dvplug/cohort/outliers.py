"""Samples that are unlike the others."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import NamedTuple

FEWEST = 5
"""Samples that have a number, below which none of them is unlike the others."""
LIMIT = 3.5
"""Deviations beyond which a value is an outlier (Iglewicz and Hoaglin 1993, "How to Detect and Handle Outliers")."""
TO_SD = 1.4826
"""Times the median absolute deviation is the SD of what is normally distributed."""
LEAST_SHARE = 0.02
"""Of the median, that a deviation is at least taken for: samples that are all but alike are not told apart."""


class Outlier(NamedTuple):
    """A value far from the median, and how many deviations."""

    sample: str
    measure: str
    value: float
    median: float
    deviations: float


def outliers(measure: str, values: Mapping[str, float | None]) -> list[Outlier]:
    """Return samples whose value is far from the median, in deviations of 1.4826 median absolute deviations."""
    known = {name: value for name, value in values.items() if value is not None}
    if len(known) < FEWEST:
        return []
    middle = statistics.median(known.values())
    spread = TO_SD * statistics.median(abs(value - middle) for value in known.values())
    spread = max(spread, LEAST_SHARE * abs(middle))
    if not spread:
        return []
    return [
        Outlier(name, measure, value, middle, (value - middle) / spread)
        for name, value in known.items()
        if abs(value - middle) > LIMIT * spread
    ]
