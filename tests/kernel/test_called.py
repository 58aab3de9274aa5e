"""Kernels that were compiled before are called without Numba, and do what the same functions do in plain Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from helpers.places import ROOT

KERNELS = """
from typing import NamedTuple
import numpy as np
from dvplug.kernel import kernel, subkernel

class Inner(NamedTuple):
    values: np.ndarray
    scale: float

class Outer(NamedTuple):
    inner: Inner
    mask: np.ndarray
    name: int

@subkernel
def half(x):
    return x / 2

@kernel
def same(x):
    return x

@kernel
def part(array):
    return array[1:]

@kernel
def both(x, y):
    return x, y

@kernel
def total(array):
    whole = 0.0
    for value in array.flat:
        whole += value
    return whole

@kernel
def corners(array):
    return array[0, 0], array[0, -1], array[-1, 0], array[-1, -1]

@kernel
def filled(array, value):
    array[:] = value

@kernel
def nested(outer, more):
    kept = outer.inner.values[outer.mask]
    made = Inner(kept * outer.inner.scale, half(outer.inner.scale))
    return Outer(made, ~outer.mask, outer.name + more), len(kept), -1.5, outer.name > more

PAIR = (0.5, 2.0)
PAIRS = ((1, 2), (3, 4))

@subkernel
def picked(pairs, at):
    return pairs[at][1 - at]

@subkernel
def weighed(outer, pair, mirrored):
    one, other = pair[::-1] if mirrored else pair
    return outer.inner.values[0] * one + outer.name * other

@subkernel
def first(outer, wanted):
    if wanted:
        return outer.inner.values[0]
    return None

@kernel
def told_apart(outer, mirrored):
    found = first(outer, mirrored)
    whole = weighed(outer, PAIR, mirrored) + weighed(outer, (3.0, outer.inner.scale), False)
    return whole, picked(PAIRS, outer.name - 3), found is None

@kernel(vectorised=True)
def squares(array):
    whole = 0
    for each in array:
        whole += each * each
    return whole

@kernel
def slices(array):
    fresh = np.arange(len(array)) * 2
    return array[1:], array[::-2], fresh[1:3], fresh, array

@kernel
def empty(array):
    return array[:0], np.zeros((0, 3), np.float32), np.zeros((2, 3), np.bool_)

@kernel
def nothing(array, maybe):
    if maybe is None:
        array[0] += 1

@kernel
def checked(x):
    if x < 0:
        raise ValueError("below 0")
    return x + 1

@kernel
def told(array, at):
    if at > len(array):
        raise ValueError(f"no number {at}")
    return array[:at].copy()

@kernel
def listed(n):
    return len([x for x in range(n)])

@kernel
def large(n):
    return np.ones(n, np.uint8)

@subkernel
def counted(n, array):
    first = array[0]
    for i in range(n):
        yield i + first

@kernel
def yielded(n, array):
    whole = 0
    for each in counted(n, array):
        whole += each
    return whole

@kernel
def woven(n, size, swap):
    # Arrays are made in turns, go on under another name, and are left behind on several ways.
    kept, other = np.zeros(size, np.int64), np.zeros(size, np.int64)
    for i in range(n):
        made = np.full(size, i)
        pair = made, other
        if i % 3 == 0:
            continue
        if swap:
            again = np.ones(size, np.int64)
            other = again
        kept = pair[0] + kept
        if i > 20:
            return pair[1], kept, made[1:]
    return other, kept, kept

def scaled_by(factor):
    @kernel
    def scaled(x):
        return x * factor
    return scaled

by_two, by_three = scaled_by(2), scaled_by(3)
"""
SAME = """
import sys
import numpy as np
from dvplug import kernels as k

def differs(ours, plain):
    if isinstance(plain, tuple):
        return type(ours) is not type(plain) or len(ours) != len(plain) or any(map(differs, ours, plain))
    if isinstance(plain, np.ndarray):
        return ours.dtype != plain.dtype or ours.shape != plain.shape or not (ours == plain).all()
    plain = plain.item() if isinstance(plain, np.generic) else plain
    return type(ours) is not type(plain) or ours != plain

def check(kernel, *given):
    plain = kernel.py_func(*given)
    ours = kernel(*given)
    assert not differs(ours, plain), (kernel.__name__, given, ours, plain)
    return ours

INTS = [-(2 ** 63), -1, 0, 1, 2 ** 63 - 1, np.int8(-7), np.int16(-300), np.int32(-70_000), np.int64(-5)]
UINTS = [np.uint8(200), np.uint16(60_000), np.uint32(4_000_000_000), np.uint64(2 ** 64 - 1)]
OTHERS = [0.1, -0.0, float("inf"), np.float32(0.1), np.float64(2.5), True, False, np.bool_(True), np.bool_(False)]
for x in [*INTS, *UINTS, *OTHERS]:
    check(k.same, x)
    check(k.both, x, 2.5)
    check(k.both, (1, x), None)
for kind in (np.bool_, np.int8, np.int64, np.uint8, np.uint64, np.float32, np.float64):
    whole = (np.arange(60) % 11 % 5).astype(kind)
    frozen = whole.copy()
    frozen.flags.writeable = False
    cube = whole.reshape(3, 4, 5)
    for array in (whole, whole[::3], whole[::-1], whole[:0], frozen, frozen[5:], cube, cube[:, 1:, ::2], cube.T):
        check(k.total, array)
        check(k.same, array)
        assert k.same(array) is array
        assert k.both(1, (array, array))[1][1] is array
        if array.ndim == 1:
            assert k.part(array).flags.writeable == array.flags.writeable
    rows = whole.reshape(6, 10)
    for array in (rows, rows.T, rows[::-2, 1:], np.asfortranarray(rows)):
        check(k.corners, array)
    ours, plain = rows.copy(), rows.copy()
    k.filled(ours[:, ::2], kind(1))
    plain[:, ::2] = kind(1)
    assert (ours == plain).all()
for n in (0, 1, 7):
    values = np.arange(n) + 0.25
    outer = k.Outer(k.Inner(values, 2.5), values > 2, 3)
    check(k.nested, outer, 1)
    check(k.squares, np.arange(n))
    if n:
        check(k.told_apart, outer, True)
        check(k.told_apart, outer, False)
    check(k.slices, np.arange(n))
    check(k.empty, values)
check(k.large, 3)
check(k.yielded, 4, np.arange(3) + 1)
for n in (0, 1, 5, 30):
    check(k.woven, n, 4, True)
    check(k.woven, n, 4, False)
one = np.zeros(1)
assert k.nothing(one, None) is None and k.nothing(one, 3) is None and one[0] == 1
print("numba" in sys.modules)
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of this name with the kernels' own code, those above, and what was compiled of them."""
    folder = tmp_path_factory.mktemp("called") / "dvplug"
    folder.mkdir()
    (folder / "__init__.py").touch()
    shutil.copytree(
        ROOT / "core" / "dvplug" / "kernel", folder / "kernel", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "kernels.py").write_text(KERNELS)
    assert run(package=folder, code=SAME) == "True\n"
    return folder


def run(package: Path, code: str, more: Mapping[str, str] | None = None) -> str:
    """What a new process prints that has this package."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=kept | {"PYTHONPATH": str(package.parent), **(more or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_all_kinds_of_arguments_and_results_are_those_of_plain_python(package: Path) -> None:
    assert run(package, SAME) == "False\n"


def test_an_error_is_the_kernels_own(package: Path) -> None:
    code = """
import sys
import numpy as np
from dvplug.kernels import checked, told
print(checked(1))
for kernel, given in ((checked, (-1,)), (told, (np.arange(3), 7))):
    try:
        kernel(*given)
    except ValueError as error:
        print(error)
print(checked(2), "numba" in sys.modules)
"""
    assert run(package, code) == "2\nbelow 0\nno number 7\n3 True\n"
    assert run(package, code) == "2\nbelow 0\nno number 7\n3 True\n"


@pytest.mark.parametrize(
    "given", ["2 ** 64 - 1", "x=5", "'text'", "1 + 2j", "np.frombuffer(b'12345', np.int16, 2, 1)", "(1, 'a')"]
)
def test_what_only_numba_knows_is_left_to_it(package: Path, given: str) -> None:
    code = f"import sys, numpy as np; from dvplug.kernels import same; print(same({given}), 'numba' in sys.modules)"
    value = "5" if given == "x=5" else str(eval(given, {"np": __import__("numpy")}))  # noqa: S307 - of this file
    assert run(package, code) == f"{value} True\n"


def test_what_needs_more_of_numbas_runtime_is_left_to_it(package: Path) -> None:
    code = "import sys; from dvplug.kernels import listed; print(listed(3), 'numba' in sys.modules)"
    assert [run(package, code) for _ in range(2)] == ["3 True\n", "3 True\n"]
    assert not list(package.rglob("*.listed-*.o"))


@pytest.mark.parametrize("setting", ["NUMBA_BOUNDSCHECK", "NUMBA_DISABLE_JIT", "NUMBA_NRT_STATS"])
def test_settings_of_numba_are_heeded(package: Path, setting: str) -> None:
    code = "import sys; from dvplug.kernels import checked; print(checked(1), 'numba' in sys.modules)"
    run(package, code)  # compiles it
    assert run(package, code, {setting: "0"}) == "2 True\n"
    assert run(package, code, {"NUMBA_NUM_THREADS": "1"}) == "2 False\n"


def test_memory_is_held_as_long_as_it_is_used_and_no_longer(package: Path) -> None:
    code = """
import resource, sys
import numpy as np
from dvplug.kernels import large, slices, woven
large(1), slices(np.arange(3)), woven(1, 2, True)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for _ in range(2000):
    assert large(1_000_000)[-1] == 1
for n in range(300):
    _, whole, _ = woven(n % 30, 200_000, n % 2 == 0)
    assert whole[0] == sum(i for i in range(min(n % 30, 23)) if i % 3)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000)
array = np.arange(1000) + 5
count = sys.getrefcount(array)
tail, _, part, fresh, _ = slices(array)
assert sys.getrefcount(array) > count
del _, fresh
others = [np.full(1000, 9) for _ in range(100)]
print(part.tolist(), tail[0])
del tail
assert sys.getrefcount(array) == count
del array
_, turned, *_ = slices(np.arange(1000) + 5)
others += [np.full(1000, 9) for _ in range(100)]
print(turned[:3].tolist(), "numba" in sys.modules)
"""
    assert run(package, code) == "True\n[2, 4] 6\n[1004, 1002, 1000] False\n"


def test_kernels_of_one_code_that_differ_in_what_they_enclose_are_apart(package: Path) -> None:
    code = "from dvplug.kernels import by_three, by_two; print(by_two(5), by_three(5))"
    assert run(package, code) == "10 15\n"
    assert run(package, code) == "10 15\n"


def test_functions_of_numba_call_kernels_and_subkernels_whenever_it_was_imported(package: Path) -> None:
    code = """
import numpy as np
from dvplug.kernels import Inner, Outer, checked, half, told_apart, weighed
outer = Outer(Inner(np.array([4.0]), 0.25), np.ones(1, np.bool_), 3)
print(checked(1), told_apart(outer, True))
from numba import njit

@njit
def foreign(x):
    return half(x) + checked(x)

@njit
def of_many(outer):
    return weighed(outer, (1.0, 2.0), True), weighed(outer, (1.0, 2.0), False)

print(foreign(6), checked(2), of_many(outer))
"""
    assert run(package, code) == "2 (22.25, 2, False)\n10.0 3 (11.0, 10.0)\n"


def test_a_kernel_travels_by_its_name(package: Path) -> None:
    code = """
import pickle
from dvplug.kernels import checked
print(pickle.loads(pickle.dumps(checked)) is checked, checked.__name__, checked.__module__)
"""
    assert run(package, code) == "True checked dvplug.kernels\n"


def test_what_is_compiled_for_one_number_is_not_called_for_others() -> None:
    pytest.importorskip("numba")
    from numba import types

    from dvplug.kernel.entry import type_text

    assert type_text(types.int64) == "<i8"
    assert type_text(types.literal(1)) is None
    assert type_text(types.Tuple((types.int64, types.literal(1)))) is None
