"""Files that change while they are read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dvplug.errors import DvplugError, InputError
from dvplug.system.input_states import FileState, InputStates

BIG = bytes(range(256)) * 1000  # its middle is not looked at


def write_again(path: Path) -> None:
    path.write_bytes(BIG)
    os.utime(path, ns=(1, 1))


def put_another_in_place(path: Path) -> None:
    """Of the same size and time."""
    other = path.with_name("other")
    other.write_bytes(b"x" * len(BIG))
    os.utime(other, ns=(path.stat().st_mtime_ns,) * 2)
    other.replace(path)


def put_a_copy_in_place(path: Path) -> None:
    shutil.copy2(path, path.with_name("copy"))
    path.with_name("copy").replace(path)


CHANGES = [
    (Path.unlink, "it was removed"),
    (lambda path: path.write_bytes(BIG + b"1"), "it had 256,000 bytes, and has 256,001"),
    (write_again, "it was written again"),
    (put_another_in_place, "another file has its name"),
    (put_a_copy_in_place, ""),
    (lambda path: path.chmod(0o600), ""),
]


@pytest.mark.parametrize("name", ["r.bam", "r.bam.bai", "r.csi"])
@pytest.mark.parametrize(("change", "says"), CHANGES)
def test_what_is_a_change(tmp_path: Path, name: str, change: Callable[[Path], object], says: str) -> None:
    for each in ("r.bam", "r.bam.bai", "r.csi", "s.bam"):
        (tmp_path / each).write_bytes(BIG)
    states = InputStates.of([tmp_path / "r.bam"])
    (tmp_path / "s.bam").unlink()
    states.require_unchanged()
    change(tmp_path / name)
    if says:
        with pytest.raises(InputError, match=rf"{name} changed while it was read: {says}"):
            states.require_unchanged()
    else:
        states.require_unchanged()


def test_a_failure_behind_a_change_is_told_as_the_change(tmp_path: Path) -> None:
    path = tmp_path / "r.bam"
    path.write_bytes(BIG)
    states = InputStates.of([path])
    with pytest.raises(DvplugError, match=r"^a worker died$"), states.watched():
        raise DvplugError("a worker died")
    with pytest.raises(InputError, match=r"r\.bam changed while it was read: it was removed"):
        _remove_and_die(path, states)


def _remove_and_die(path: Path, states: InputStates) -> None:
    with states.watched():
        path.unlink()
        raise DvplugError("a worker died")


def test_what_is_read_once_or_is_not_there_is_not_watched(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.bed")
    assert InputStates.of([tmp_path / "pipe.bed", tmp_path / "none.bam", tmp_path]).files == {}


def test_copies_have_their_content_in_common(tmp_path: Path) -> None:
    one, two, other = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    one.write_bytes(BIG)
    shutil.copy(one, two)
    other.write_bytes(BIG[:-1] + b"x")
    states = [FileState.of(path) for path in (one, two, other)]
    contents = [state.content for state in states if state]
    assert contents[0] == contents[1] != contents[2]
