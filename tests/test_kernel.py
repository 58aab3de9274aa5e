"""Compiled kernels are thrown away when a source that bears on kernels has changed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from dvplug.kernel import NO_KERNELS
from helpers.places import ROOT

MODULE = """
from typing import NamedTuple
import numpy as np
from dvplug.kernel import kernel
from dvplug.called import added

class {name}(NamedTuple):
    start: np.ndarray

@kernel
def first(reads):
    return reads.start[0] + added()

@kernel(inline="always")
def second(reads):
    return reads.start[1]
"""
CALLED = """
from dvplug.kernel import kernel

@kernel
def added():
    return {number}
"""
CALL = """
import numpy as np
from dvplug import module
reads = module.{name}(np.arange(5, 8))
print(module.first(reads), module.second(reads), sum(module.first.stats.cache_hits.values()))
"""


def call(package: Path, name: str, number: int) -> list[int]:
    """What the kernels of a package give, and how many were there already, when its files are these."""
    for file, text in (("module", MODULE.format(name=name)), ("called", CALLED.format(number=number))):
        path = package / f"{file}.py"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    run = subprocess.run(
        [sys.executable, "-c", CALL.format(name=name)], env=environment | {"PYTHONPATH": str(package.parent)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return [int(word) for word in run.stdout.split()]


def test_nothing_is_called_that_was_compiled_from_other_sources(tmp_path: Path) -> None:
    """Neither a class that was renamed, which Numba cannot read, nor a kernel of another file, which it keeps."""
    package = tmp_path / "dvplug"
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(ROOT / "core" / "dvplug" / "kernel.py", package)
    assert call(package, "Reads", 10) == [15, 6, 0]
    assert call(package, "Reads", 10) == [15, 6, 1]  # from the disk
    assert call(package, "Reads", 20) == [25, 6, 0]
    assert call(package, "ReadArrays", 20) == [25, 6, 0]
    assert call(package, "ReadArrays", 20) == [25, 6, 1]


def test_what_cannot_be_read_stops_nobody(tmp_path: Path) -> None:
    """A link to nothing among the sources, as an editor makes of a file with changes; a mark of no text."""
    package = tmp_path / "dvplug"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__init__.py").touch()
    shutil.copy(ROOT / "core" / "dvplug" / "kernel.py", package)
    (package / ".#module.py").symlink_to("user@host.1:2")
    (package / "__pycache__" / "dvplug-sources").write_bytes(b"\xff\xfe")
    assert call(package, "Reads", 10) == [15, 6, 0]
    assert call(package, "Reads", 10) == [15, 6, 1]


def test_rooms_said_to_hold_no_kernels_hold_none_and_no_kernel_reaches_there() -> None:
    rooms = {path.name: path for path in (ROOT / "core" / "dvplug").iterdir() if path.is_dir()}
    assert rooms.keys() >= NO_KERNELS
    for name, room in rooms.items():
        for path in room.rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            if "@kernel" in text:
                assert name not in NO_KERNELS, path
                imported = re.findall(r"^from dvplug\.(\w+)", text, re.MULTILINE)
                assert not NO_KERNELS & set(imported), path
