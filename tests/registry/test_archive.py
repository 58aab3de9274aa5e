"""Model archives: the same bytes every time, and nothing in them that their manifest does not list."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvplug_registry.archive import pack, unpack
from dvplug_registry.errors import DvplugError, RegistryError
from dvplug_registry.model_folder import ModelFolder, file_sha256, open_folder
from helpers.registry_fixtures import make_model
from helpers.tars import Members, extra, with_holes, write_tar


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    return open_folder(make_model(tmp_path / "made"))


def test_what_was_packed_is_unpacked_and_packs_to_the_same_bytes(model: ModelFolder, tmp_path: Path) -> None:
    sha256 = pack(model, tmp_path / "a.tar")
    (tmp_path / "out").mkdir()
    again = unpack(tmp_path / "a.tar", tmp_path / "out")
    assert again.manifest == model.manifest
    assert {p.name: p.read_bytes() for p in again.folder.iterdir()} == {
        p.name: p.read_bytes() for p in model.folder.iterdir()
    }
    assert pack(again, tmp_path / "b.tar") == sha256 == file_sha256(tmp_path / "a.tar")


def members(model: ModelFolder, tmp_path: Path) -> Members:
    pack(model, tmp_path / "whole.tar")
    with tarfile.open(tmp_path / "whole.tar") as archive:
        return [(m, archive.extractfile(m).read()) for m in archive.getmembers()]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda m: [*m, extra("evil.py", content=b"x")], "'evil.py' is not a file that its manifest lists"),
        (lambda m: [*m, extra("../evil", content=b"x")], r"'\.\./evil' is not a file"),
        (lambda m: [*m, extra("/etc/evil", content=b"x")], "'/etc/evil' is not a file"),
        (lambda m: [*m, extra("dir", tarfile.DIRTYPE)], "'dir' is not a file"),
        (lambda m: [*m, m[1]], "or is there twice"),
        (lambda m: [*m, m[0]], "'manifest.json' is not a file that its manifest lists"),
        (lambda m: [m[0], extra(m[1][0].name, tarfile.SYMTYPE, target="/etc/passwd"), *m[2:]], "is not a file"),
        (lambda m: [m[0], extra(m[1][0].name, tarfile.LNKTYPE, target="manifest.json"), *m[2:]], "is not a file"),
        (lambda m: [m[0], extra(m[1][0].name, tarfile.FIFOTYPE), *m[2:]], "is not a file"),
        (lambda m: [m[0], with_holes(m[1][0].name), *m[2:]], "is not a file"),
        (lambda m: [with_holes(m[0][0].name, pax=True), *m[1:]], "does not begin with"),
        (lambda m: [m[0], extra(m[1][0].name, content=m[1][1] + b"x"), *m[2:]], "its manifest says"),
        (lambda m: m[1:], r"does not begin with manifest\.json"),
        (lambda m: [], r"does not begin with manifest\.json"),
        (lambda m: [extra("manifest.json", content=b" " * 1_000_001), *m[1:]], "its manifest has 1000001 bytes"),
        (lambda m: [extra("manifest.json", content=b"{}"), *m[1:]], "not a valid manifest"),
        (lambda m: m[:-1], "missing or is a link"),
        (lambda m: [*m[:-1], extra(m[-1][0].name, content=bytes(len(m[-1][1])))], "is damaged"),
    ],
)  # fmt: skip
def test_anything_else_is_refused(
    model: ModelFolder, tmp_path: Path, change: Callable[[Members], Members], problem: str
) -> None:
    path = write_tar(change(members(model, tmp_path)), tmp_path / "changed.tar")
    out = tmp_path / "in" / "out"
    out.mkdir(parents=True)
    with pytest.raises(DvplugError, match=problem):
        unpack(path, out)
    assert [p.name for p in out.parent.iterdir()] == ["out"]
    assert not (tmp_path / "evil").exists()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.floats(0, 0.999))
def test_a_truncated_archive_or_another_file_is_refused(
    model: ModelFolder, tmp_path_factory: pytest.TempPathFactory, length: float
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    pack(model, folder / "a.tar")
    content = (folder / "a.tar").read_bytes()
    used = len(content.rstrip(b"\0"))  # a tar ends in blocks of zeros
    (folder / "a.tar").write_bytes(content[: int(length * used)])
    (folder / "out").mkdir()
    with pytest.raises(DvplugError, match=r"is not a model archive|is missing|is damaged|bytes"):
        unpack(folder / "a.tar", folder / "out")


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"PK" + bytes(5000))
    (tmp_path / "out").mkdir()
    with pytest.raises(RegistryError, match=r"'x.tar' is not a model archive"):
        unpack(tmp_path / "x.tar", tmp_path / "out")
