"""Files and folders appear whole or not at all, and leave nothing beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug_registry.files import UnfinishedFile, remove_unfinished, whole_files, whole_folder, write_whole


class PowerCutError(Exception):
    """Anything that ends a block."""


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def write_half(path: Path, error: BaseException) -> None:
    path.write_bytes(b"half")
    raise error


def test_a_file_takes_its_place_when_the_block_ends(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    place.write_bytes(b"before")
    with UnfinishedFile(place) as unfinished:
        unfinished.write_bytes(b"after")
        assert unfinished.parent == tmp_path
        assert place.read_bytes() == b"before"
    assert contents(tmp_path) == {"a.txt": b"after"}
    write_whole(place, b"last")
    assert contents(tmp_path) == {"a.txt": b"last"}


def test_a_failure_keeps_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "a.txt"
    place.write_bytes(b"before")
    for error in (PowerCutError("off"), KeyboardInterrupt("off")):
        with pytest.raises(type(error), match="off"), UnfinishedFile(place) as unfinished:
            write_half(unfinished, error)
    assert contents(tmp_path) == {"a.txt": b"before"}
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match=r"[Dd]irectory"):
        write_whole(tmp_path / "folder", b"a file cannot be moved there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "folder"]


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    one, other = (UnfinishedFile(tmp_path / "a") for _ in range(2))
    one.path.write_bytes(b"one")
    other.path.write_bytes(b"other")
    other.keep()
    one.discard()
    assert contents(tmp_path) == {"a": b"other"}


def test_permissions_are_those_of_other_new_files(tmp_path: Path, umask: int) -> None:
    (tmp_path / "other").touch()
    write_whole(tmp_path / "a", b"")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "other").stat().st_mode
    (tmp_path / "others").mkdir()
    with whole_folder(tmp_path / "made"):
        pass
    assert (tmp_path / "made").stat().st_mode == (tmp_path / "others").stat().st_mode


@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_permissions_can_be_asked_for(tmp_path: Path, umask: int, mode: int) -> None:
    with UnfinishedFile(tmp_path / "a", mode=mode) as unfinished:
        assert unfinished.stat().st_mode & 0o777 == 0o600  # nobody else reads it before
    assert (tmp_path / "a").stat().st_mode & 0o777 == mode


def test_only_the_unfinished_files_of_a_place_are_removed(tmp_path: Path) -> None:
    UnfinishedFile(tmp_path / "x.vcf.gz")
    left = UnfinishedFile(tmp_path / "x.vcf.gz", suffix=".vcf.gz").path
    Path(f"{left}.tbi").touch()
    (tmp_path / ".x.vcf.gz.0123abcd.part" / "within").mkdir(parents=True)
    others = [
        ".x.vcf.gz.dvplug-journal",
        ".xxvcf.gz.0123abcd.part",
        "x.vcf.gz",
        ".x.vcf.gz.0123abcd",
        "y.0123abcd.part",
    ]
    for name in others:
        (tmp_path / name).touch()
    kept = UnfinishedFile(tmp_path / "y").path
    remove_unfinished(tmp_path / "x.vcf.gz")
    assert sorted(contents(tmp_path)) == sorted([*others, kept.name])


def test_a_folder_takes_its_place_when_the_block_ends(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "made") as unfinished:
        (unfinished / "a").write_bytes(b"1")
        assert not (tmp_path / "made").exists()
    with pytest.raises(PowerCutError, match="off"), whole_folder(tmp_path / "never") as unfinished:
        write_half(unfinished / "a", PowerCutError("off"))
    with pytest.raises(OSError, match="made"), whole_folder(tmp_path / "made") as unfinished:
        (unfinished / "a").write_bytes(b"3")  # it is there by now, and holds something
    assert contents(tmp_path) == {"made/a": b"1"}
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_several_files_come_together_an_index_after_its_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.vcf.gz").write_bytes(b"before")
    with pytest.raises(PowerCutError, match="off"), whole_files(tmp_path) as unfinished:
        write_half(unfinished / "a.vcf.gz", PowerCutError("off"))
    assert contents(tmp_path) == {"a.vcf.gz": b"before"}
    moved, replace = [], Path.replace
    monkeypatch.setattr(
        Path, "replace", lambda self, target: (moved.append(self.name), replace(self, target))[1]
    )
    with whole_files(tmp_path) as unfinished:
        for name in ("b.vcf.gz.tbi", "b.vcf.gz", "a.vcf.gz.tbi", "a.vcf.gz"):
            (unfinished / name).write_bytes(name.encode())
    assert moved == ["a.vcf.gz", "a.vcf.gz.tbi", "b.vcf.gz", "b.vcf.gz.tbi"]
    assert contents(tmp_path) == {name: name.encode() for name in moved}
