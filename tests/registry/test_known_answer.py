"""Known-answer files that are damaged, or were made to fill the memory."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from dvplug_registry import known_answer
from dvplug_registry.errors import ModelError
from dvplug_registry.known_answer import load_known_answer
from dvplug_registry.model_folder import ModelFolder, open_folder
from helpers.registry_fixtures import make_model


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    return open_folder(make_model(tmp_path))


def head_of(shape: tuple[int, ...], dtype: str) -> bytes:
    """What stands before the bytes of an array of numpy, of any size."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"shape": shape, "fortran_order": False, "descr": dtype})
    return file.getvalue()


def rewrite(model: ModelFolder, **content: bytes) -> None:
    """Replace arrays of the known-answer file by these bytes."""
    path = model.path("known-answer")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, bytes_ in (members | {f"{name}.npy": c for name, c in content.items()}).items():
            archive.writestr(name, bytes_)


def test_a_whole_one_is_read(model: ModelFolder) -> None:
    rewrite(model)
    assert load_known_answer(model).images.shape == (4, 8, 11, 2)


@pytest.mark.parametrize(
    "content",
    [
        head_of((10**8, 8, 11, 2), "|u1"),
        head_of((10**8, 0, 3), "<f8").replace(b" 0,", b" 9,"),
        head_of((4, 8, 11, 2), "|O") + b"\x80\x04N.",
        b"",
        b"no array",
        b"\x93NUMPY\x09\x00" + bytes(200),
        head_of((1,), "|u1")[:30],
    ],
)
def test_a_head_that_says_more_than_there_is_makes_no_room(
    model: ModelFolder, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(model, images=content)
    monkeypatch.setattr(np, "load", lambda *_, **__: pytest.fail("numpy made room for it"))
    with pytest.raises(ModelError, match=r"'known_answer\.npz' is not a known-answer file"):
        load_known_answer(model)


def test_what_unpacks_to_too_much_is_not_unpacked(
    model: ModelFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_answer, "MAX_UNPACKED_BYTES", 100)
    with pytest.raises(ModelError, match="it unpacks to more than 100 bytes"):
        load_known_answer(model)


def test_brackets_in_brackets_are_no_manifest(model: ModelFolder) -> None:
    for text in ("[" * 200_000, '{"a":' * 100_000):
        (model.folder / "manifest.json").write_text(text)
        with pytest.raises(ModelError, match=r"manifest\.json' is not JSON"):
            open_folder(model.folder)
