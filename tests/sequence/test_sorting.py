"""Sorting and grouping as Python does it."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from dvplug.sequence.sorting import grouped

NONE = -1
keys = st.one_of(
    st.integers(-1, 5), st.integers(-1, 40).map(lambda n: n << 24), st.integers(-(2**63), 2**63 - 1)
)


@given(st.lists(keys, max_size=200))
@example([7] * 100)
@example([NONE] * 20)
def test_equal_keys_come_together_in_order_of_their_first_ones(given_keys: list[int]) -> None:
    groups: dict[int, list[int]] = {}
    for i, key in enumerate(given_keys):
        groups.setdefault(key, []).append(i)
    groups.pop(NONE, None)
    expected = [i for group in groups.values() for i in group]
    assert grouped(np.array(given_keys, np.int64), NONE).tolist() == expected
