"""Compiled kernels: only those of these very sources are used, and a cache that fails stops nobody."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from dvplug.kernel.cache import NO_KERNELS, mark
from helpers.places import ROOT

MODULE = """
from typing import NamedTuple
import numpy as np
from dvplug.kernel import kernel
from dvplug.called import added, called

class {name}(NamedTuple):
    start: np.ndarray

@kernel
def first(reads):
    return reads.start[0] + added() + called(1)

@kernel
def second(reads):
    return reads.start[1]
"""
CALLED = """
from dvplug.kernel import kernel, subkernel

@subkernel
def called(x):
    return x

@kernel
def added():
    return {number}
"""
CALL = """
import numpy as np
from numba.core import event

compiled = []
class Compiled(event.Listener):
    def on_start(self, event): pass
    def on_end(self, event): compiled.append(event.data["dispatcher"].py_func.__name__)
event.register("numba:compile", Compiled())

from dvplug import module
reads = module.{name}(np.arange(5, 8))
print(module.first(reads) - 1, module.second(reads), int("first" not in compiled))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of this name with the kernels' own code alone."""
    folder = tmp_path / "dvplug"
    folder.mkdir()
    (folder / "__init__.py").touch()
    shutil.copytree(
        ROOT / "core" / "dvplug" / "kernel", folder / "kernel", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder


def call(package: Path, name: str, number: int, more: Mapping[str, str] | None = None) -> list[int]:
    """What the kernels of a package give, and whether they were there already, when its files are these."""
    for file, text in (("module", MODULE.format(name=name)), ("called", CALLED.format(number=number))):
        path = package / f"{file}.py"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    kept = {
        k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "DVPLUG_HOME", "XDG_CACHE_HOME")
    }
    run = subprocess.run(
        [sys.executable, "-c", CALL.format(name=name)],
        # Python takes a .pyc for that of a source of the same second and size.
        env=kept | {"PYTHONPATH": str(package.parent), "PYTHONDONTWRITEBYTECODE": "1", **(more or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return [int(word) for word in run.stdout.split()]


def test_nothing_is_called_that_was_compiled_from_other_sources(package: Path) -> None:
    """Neither a class that was renamed, which Numba cannot read, nor a kernel of another file, which it keeps."""
    assert call(package, "Reads", 10) == [15, 6, 0]
    assert call(package, "Reads", 10) == [15, 6, 1]  # from the disk
    assert call(package, "Reads", 20) == [25, 6, 0]
    assert call(package, "ReadArrays", 20) == [25, 6, 0]
    assert call(package, "ReadArrays", 20) == [25, 6, 1]


def test_sources_of_another_time_are_the_same(package: Path, tmp_path: Path) -> None:
    """Layers of container images round times, and most copies do not keep them."""
    assert call(package, "Reads", 10) == [15, 6, 0]
    for path in package.rglob("*.py"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    assert call(package, "Reads", 10) == [15, 6, 1]
    other = tmp_path / "copied" / "dvplug"
    shutil.copytree(package, other, copy_function=shutil.copyfile)
    for folder in (path for path in other.rglob("*") if path.is_dir()):
        folder.chmod(0o700)
    assert call(other, "Reads", 10) == [15, 6, 1]
    assert call(other, "Reads", 20) == [25, 6, 0]


def test_another_kind_of_processor_is_not_served(package: Path, tmp_path: Path) -> None:
    """A folder that cannot be written, but holds kernels of another processor, is passed over for one that can."""
    assert call(package, "Reads", 10) == [15, 6, 0]
    kept = package / "__pycache__" / "kernels"
    assert (kept / mark()).is_file()
    generic = {"NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path / "other")}
    assert call(package, "Reads", 10, generic) == [15, 6, 0]
    (folder,) = (tmp_path / "other").iterdir()
    assert [path.name for path in folder.glob("sources-*")] != [mark()]
    code = "from dvplug.kernel.cache import is_warm; print(is_warm())"
    for name, warm in (("generic", True), ("x86-64", False)):
        done = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True,
            env=os.environ | generic | {"PYTHONPATH": str(package.parent), "NUMBA_CPU_NAME": name},
        )  # fmt: skip
        assert done.stdout == f"{warm}\n"


def test_other_users_may_read_what_is_kept_and_not_write(package: Path) -> None:
    """A container's kernels are compiled by root, and used by whoever it runs as."""
    before = os.umask(0o022)
    try:
        call(package, "Reads", 10)
    finally:
        os.umask(before)
    kept = package / "__pycache__" / "kernels"
    found = [kept, *(path for path in kept.rglob("*") if path.name != "lock")]
    folders, files = ([path for path in found if path.is_dir() == kind] for kind in (True, False))
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o755}
    assert len(files) == 5  # object code of two kernels, two of the third that they call, and the mark
    assert all(path.stat().st_mode & stat.S_IROTH for path in files)


def test_what_cannot_be_read_stops_nobody(package: Path) -> None:
    """A link to nothing among the sources, as an editor makes of a file with changes; a mark of no text."""
    (package / ".#module.py").symlink_to("user@host.1:2")
    (package / "__pycache__" / "kernels").mkdir(parents=True)
    (package / "__pycache__" / "kernels" / mark()).write_bytes(b"\xff\xfe")
    assert call(package, "Reads", 10) == [15, 6, 0]
    assert call(package, "Reads", 10) == [15, 6, 1]


@pytest.mark.parametrize("damage", ["cut", "empty", "other byte"])
@pytest.mark.parametrize(("ending", "count"), [("nbi", 1), ("nbc", 1), ("o", 2)])
def test_a_damaged_entry_is_compiled_anew(package: Path, damage: str, ending: str, count: int) -> None:
    """Of two kernels that are called there is object code; Numba keeps that which only another calls."""
    call(package, "Reads", 10)
    kernels = package / "__pycache__" / "kernels"
    entries = list(kernels.rglob(f"*.{ending}"))
    assert len(entries) == count
    for entry in kernels.rglob("*.o") if ending != "o" else ():  # else nobody looks at the others
        entry.unlink()
    for entry in entries:
        content = bytearray(entry.read_bytes())
        content[len(content) // 2] ^= 0xFF
        entry.write_bytes({"cut": content[: len(content) // 2], "empty": b"", "other byte": content}[damage])
    assert call(package, "Reads", 10)[:2] == [15, 6]
    assert call(package, "Reads", 10) == [15, 6, 1]


def read_only(folder: Path) -> None:
    """Take the right to write from everybody, for which root does not care."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write everywhere")
def test_a_read_only_installation_keeps_kernels_elsewhere_or_not_at_all(
    package: Path, tmp_path: Path
) -> None:
    (package / "module.py").write_text(MODULE.format(name="Reads"))
    (package / "called.py").write_text(CALLED.format(number=10))
    (tmp_path / "locked").mkdir()
    read_only(tmp_path / "locked")
    read_only(package)
    try:
        nowhere = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "TMPDIR"), str(tmp_path / "locked"))
        (tmp_path / "own").mkdir()
        for name in ("DVPLUG_HOME", "XDG_CACHE_HOME", "TMPDIR"):
            places = nowhere | {name: str(tmp_path / "own" / name)}
            if name == "TMPDIR":
                (tmp_path / "own" / name).mkdir()
            assert call(package, "Reads", 10, places) == [15, 6, 0]
            assert call(package, "Reads", 10, places) == [15, 6, 1]
    finally:
        for path in (package, tmp_path / "locked", *package.rglob("*")):
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


def test_what_cannot_be_kept_costs_a_compilation_and_no_more(package: Path) -> None:
    """A folder in the place of an entry is as little to be written as a full disk."""
    assert call(package, "Reads", 10) == [15, 6, 0]
    kernels = package / "__pycache__" / "kernels"
    for entry in [*kernels.rglob("*.nb?"), *kernels.rglob("*.o")]:
        entry.unlink()
        entry.mkdir()
    assert call(package, "Reads", 10) == [15, 6, 0]
    assert call(package, "Reads", 10) == [15, 6, 0]


def test_a_folder_without_room_is_none_to_keep_kernels_in(package: Path, tmp_path: Path) -> None:
    """A full disk lets files be made, and nothing be written into them; here a limit of 1 MiB a file stands for one."""
    code = "from dvplug.kernel.cache import cache_folder; print(cache_folder())"
    where = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(package.parent)}
    for limit, found in (("unlimited", str(tmp_path)), ("1024", "None")):
        words = ["bash", "-c", f'ulimit -f {limit}; exec "{sys.executable}" -c "{code}"']
        run = subprocess.run(words, env=where, capture_output=True, text=True, check=True)
        assert run.stdout.startswith(found)


def test_a_folder_that_others_can_write_is_not_trusted(package: Path, tmp_path: Path) -> None:
    """What lies in a cache is run as it is."""
    chosen = tmp_path / "chosen"
    chosen.mkdir()
    chosen.chmod(0o777)
    assert call(package, "Reads", 10, {"NUMBA_CACHE_DIR": str(chosen)}) == [15, 6, 0]
    assert not list(chosen.rglob("*.nbi"))
    chosen.chmod(0o755)
    assert call(package, "Reads", 10, {"NUMBA_CACHE_DIR": str(chosen)}) == [15, 6, 0]
    assert call(package, "Reads", 10, {"NUMBA_CACHE_DIR": str(chosen)}) == [15, 6, 1]


def test_rooms_said_to_hold_no_kernels_hold_none_and_no_kernel_reaches_there() -> None:
    rooms = {path.name: path for path in (ROOT / "core" / "dvplug").iterdir() if path.is_dir()}
    assert rooms.keys() >= NO_KERNELS
    for name, room in rooms.items():
        for path in room.rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if re.search(r"^@(sub)?kernel", text, re.MULTILINE):
                assert name not in NO_KERNELS, path
                imported = re.findall(r"^from dvplug\.(\w+)", text, re.MULTILINE)
                assert not NO_KERNELS & set(imported), path


PARTS = """
import numpy as np
from numba import njit
from dvplug.kernel import kernel, subkernel

@subkernel
def inner(x):
    if x < 0:
        raise ValueError("below 0")
    return np.zeros(x + 1, np.int64)[x] + x

@subkernel
def middle(x):
    return 10 * inner(x)

@kernel
def one(x):
    return inner(x) + middle(x)

@kernel
def other(x):
    return middle(x) + max(inner(x), x)

@njit
def foreign(x):
    return middle(x)
"""
CALL_PARTS = """
import collections
from numba.core import event

compiled = collections.Counter()
class Compiled(event.Listener):
    def on_start(self, event): pass
    def on_end(self, event): compiled[event.data["dispatcher"].py_func.__name__] += 1
event.register("numba:compile", Compiled())

from dvplug.parts import foreign, one, other

print(one(3), other(4), foreign(5))
for each in (one, other, foreign):
    try:
        each(-1)
    except ValueError as problem:
        print(problem)
print(*(compiled[name] for name in ("one", "other", "inner", "middle")))
"""


def test_what_several_kernels_call_is_compiled_once_and_into_each(package: Path) -> None:
    (package / "parts.py").write_text(PARTS)
    for compiled in (
        "2 2 1 2",
        "0 0 1 1",
    ):  # what raises is compiled by Numba, too, and `foreign` takes `middle` in anew; then kernels come from the cache
        run = subprocess.run(
            [sys.executable, "-c", CALL_PARTS],
            env=os.environ | {"PYTHONPATH": str(package.parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = run.stdout.splitlines()
        assert lines == ["33 44 50", "below 0", "below 0", "below 0", compiled]


def test_another_version_of_numba_compiles_in_the_plain_way(package: Path) -> None:
    """What the compiler builds on may be gone there: it is not even imported."""
    (package / "kernel" / "compiler.py").unlink()
    tried = package / "kernel" / "by_numba.py"
    tried.write_text(re.sub(r"KNOWN_NUMBA = .*", 'KNOWN_NUMBA = ("0.1.",)', tried.read_text()))
    assert call(package, "Reads", 10) == [15, 6, 0]
    assert call(package, "Reads", 10) == [15, 6, 1]


BORROWED = """
from typing import NamedTuple
import numpy as np
from dvplug.kernel import kernel, subkernel

class Pair(NamedTuple):
    first: np.ndarray
    second: np.ndarray

@subkernel
def longer(pair):
    chosen = pair.first
    if len(pair.second) > len(chosen):
        chosen = pair.second
    return chosen[1:]

@subkernel
def turned(pair, times):
    for _ in range(times):
        pair = Pair(pair.second[1:], pair.first.copy())
    return pair

@kernel
def slices(pair, times):
    whole = longer(turned(pair, times))
    for i in range(times):
        whole = longer(Pair(whole, np.full(len(whole) + 2, i)))
        pair = Pair(pair.first, whole[: len(whole) - 1])
    return pair, whole[0:], pair.first[1]

@kernel
def replaced(pair, times):
    made = np.full(times + 3, 7)
    part = made[1:]
    made = pair.second.copy()
    other = np.full(times + 3, 8)
    return part, made, other

@kernel
def picked(pair, places):
    taken = pair.first[places]
    row = taken
    if len(places) > 2:
        row = pair.second
    return row, pair.second[1:][::2], (pair.first, row)[0]
"""
CALL_BORROWED = """
import json, sys
import numpy as np
from numba.core.runtime import rtsys
from dvplug.borrowed import Pair, picked, replaced, slices

def plain(result):
    if isinstance(result, (tuple, list)):
        return [plain(each) for each in result]
    return result.tolist() if isinstance(result, (np.ndarray, np.generic)) else result

kept = []
for run in range(300):
    pair = Pair(np.arange(run % 7 + 5), np.arange(run % 11 + 4) * 10)
    results = slices(pair, run % 4), replaced(pair, run % 5), picked(pair, np.arange(run % 3 + 1))
    kept.append(plain(results))
    del pair
before = None
for run in range(4000):
    pair = Pair(np.arange(6), np.arange(5) * 10)
    results = slices(pair, 3), replaced(pair, 2), picked(pair, np.arange(3)), picked(pair, np.arange(2))
    del results
    counts = sys.getrefcount(pair.first), sys.getrefcount(pair.second)
    assert before in (None, counts), (before, counts)
    before = counts
del pair
stats = rtsys.get_allocation_stats()
print(json.dumps([kept, stats.mi_alloc - stats.mi_free]))
"""


def test_what_is_borrowed_stays_whole_and_nothing_is_kept_for_good(package: Path) -> None:
    """Slices of arguments, of what a kernel makes, and of either, as they are given on, replaced and returned."""
    (package / "borrowed.py").write_text(BORROWED)
    results = []
    for how in ("kernel", "plain"):
        if how == "plain":
            tried = package / "kernel" / "by_numba.py"
            tried.write_text(re.sub(r"KNOWN_NUMBA = .*", 'KNOWN_NUMBA = ("0.1.",)', tried.read_text()))
        run = subprocess.run(
            [sys.executable, "-c", CALL_BORROWED],
            env=os.environ | {"PYTHONPATH": str(package.parent), "NUMBA_NRT_STATS": "1"},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stderr
        results.append(json.loads(run.stdout))
    (ours, left), (plain, _) = results
    assert ours == plain
    assert left == 0


ELEMENTS = """
from dvplug.kernel import kernel

@kernel
def taken(array, at):
    return array[at]

@kernel
def put(array, at, value):
    array[at] = value

@kernel
def last_of_first(array):
    return array[0, -1]
"""
CALL_ELEMENTS = """
import itertools
import numpy as np
from dvplug.elements import last_of_first, put, taken

def arrays(kind):
    whole = (np.arange(48) % 7).astype(kind)
    rows, cube = whole.reshape(6, 8), whole.reshape(2, 4, 6)
    return whole, whole[::3], rows, rows.T, rows[:, ::2], cube, cube[:, 1:, 1:]

indexes = itertools.cycle((2, -2, np.uint8(1), np.int32(-1), np.uint64(0)))
values = itertools.cycle((1, np.uint8(3), -2, 2.75, True, np.float32(5)))
for kind in (np.uint8, np.int32, np.uint64, np.float32, np.bool_):
    for place, array in enumerate(arrays(kind)):
        at = tuple(min(next(indexes), 1) for _ in range(array.ndim))
        at = at[0] if array.ndim == 1 else at
        assert taken(array, at) == array[at], (kind, place, at)
        value = next(values)
        ours, numpys = arrays(kind)[place], arrays(kind)[place]
        put(ours, at, value)
        numpys[at] = np.array(value).astype(kind)
        assert (ours == numpys).all(), (kind, place, at, value)
        if ours.base is not None:
            assert (ours.base == numpys.base).all(), (kind, place, at, value)
        if array.ndim == 2:
            assert last_of_first(array) == array[0, -1]
"""


def test_numbers_of_arrays_are_those_that_numpy_takes_and_puts(package: Path) -> None:
    """Of arrays that are contiguous and not, by indexes of several types, from the end, too; values are converted."""
    (package / "elements.py").write_text(ELEMENTS)
    run = subprocess.run(
        [sys.executable, "-c", CALL_ELEMENTS],
        env=os.environ | {"PYTHONPATH": str(package.parent)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
