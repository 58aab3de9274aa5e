"""Short forms of numpy's functions."""

from __future__ import annotations

import numpy as np

from dvplug.sequence.arrays import distinct, median


def test_median_and_distinct_are_numpys() -> None:
    rng = np.random.default_rng(1)
    for n in range(1, 60):
        for values in (rng.integers(0, 40, n), rng.integers(0, 255, n).astype(np.uint8), rng.normal(size=n)):
            assert median(values) == np.median(values)
            assert median(values.tolist()) == np.median(values)
            assert distinct(values).tolist() == sorted(set(values.tolist()))
