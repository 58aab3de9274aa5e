"""Kernels with what few of them have: passes of Numba that are left out for others are run for these."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import pytest
from numba.core.typed_passes import NopythonRewrites
from numba.core.untyped_passes import InlineClosureLikes

from dvplug.kernel import kernel


def _inner_function(x: Any) -> Any:
    def twice(value: float) -> float:
        return 2 * value

    total = 0.0
    for each in x:
        total += twice(each)
    return total


def _list_of_constants(x: Any) -> Any:
    return np.array([1.0, 2.0, 4.0]) + x[:3]


def _array_by_comprehension(x: Any) -> Any:
    return np.array([value + 1 for value in x])


def _reduced(x: Any) -> Any:
    def greater(one: float, other: float) -> float:
        return max(one, other)

    return reduce(greater, x, 0.0)


def _whole_arrays(x: Any) -> Any:
    return np.sqrt(x * x + 1) - -x


def _in_turn(x: Any) -> Any:
    total = 0.0
    for at in range(len(x)):
        total += x[at] if at % 2 else -x[at]
    return total


X = np.linspace(0, 5, 11)


@pytest.mark.parametrize(
    "function",
    [_inner_function, _list_of_constants, _array_by_comprehension, _reduced, _whole_arrays, _in_turn],
)
def test_a_kernel_is_what_it_is_in_plain_python(function: Callable[[Any], Any]) -> None:
    np.testing.assert_allclose(kernel(function)(X), function(X), rtol=1e-15)


def test_passes_are_run_where_they_have_something_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: set[str] = set()
    for each in (InlineClosureLikes, NopythonRewrites):
        monkeypatch.setattr(each, "run_pass", _noted(each.run_pass, ran))
    for function, expected in (
        (lambda x: x[0] + 1, set()),
        (lambda x: x + 1, {"dvplug_array_rewrites"}),
        (lambda x: np.array([x[0], 2.0]), {"dvplug_inner_functions", "dvplug_array_rewrites"}),
    ):
        ran.clear()
        kernel(function)(X)
        assert {name for name in ran if name.startswith("dvplug")} == expected


def _noted(run: Callable[[Any, Any], bool], ran: set[str]) -> Callable[[Any, Any], bool]:
    def run_pass(self: Any, state: Any) -> bool:
        ran.add(self._name)
        return run(self, state)

    return run_pass
