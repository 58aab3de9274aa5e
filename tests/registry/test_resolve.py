"""Model folders: verified file by file, resolved by name and version, and tested with known answers."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug_registry.errors import ModelError
from dvplug_registry.known_answer import known_answer_test
from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import (
    ModelFolder,
    file_entry,
    file_sha256,
    open_folder,
    save_manifest,
    verify_files,
)
from dvplug_registry.resolve import ModelPlace, find_models, misnamed, resolve
from dvplug_registry.versions import Version
from helpers.registry_fixtures import fields, make_model, toy_probabilities


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    return open_folder(make_model(tmp_path))


def test_a_whole_model_verifies_and_unlisted_files_are_reported(model: ModelFolder) -> None:
    assert verify_files(model.folder, model.manifest) == ()
    (model.folder / "notes.txt").write_text("x")
    assert verify_files(model.folder, model.manifest) == ("notes.txt",)
    assert model.manifest_sha256 == file_sha256(model.folder / "manifest.json")


@pytest.mark.parametrize("name", ["weights.safetensors", "formula.bin", "known_answer.npz", "card.md"])
def test_one_flipped_bit_in_any_file_is_found(model: ModelFolder, name: str) -> None:
    path = model.folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    expected = model.manifest.files[name].sha256
    with pytest.raises(
        ModelError, match=f"{name} is damaged: expected sha256 {expected}, got .*likely.*Reinstall"
    ):
        verify_files(model.folder, model.manifest)


def test_a_file_of_another_size_missing_or_a_link_is_found(model: ModelFolder) -> None:
    path = model.path("weights")
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(ModelError, match="expected 12 bytes, got 11; likely a copy"):
        verify_files(model.folder, model.manifest)
    path.unlink()
    with pytest.raises(ModelError, match=r"weights\.safetensors is missing or is a link"):
        verify_files(model.folder, model.manifest)
    elsewhere = model.folder.parent / "elsewhere"
    elsewhere.write_bytes(content)
    path.symlink_to(elsewhere)
    with pytest.raises(ModelError, match=r"weights\.safetensors is missing or is a link"):
        verify_files(model.folder, model.manifest)


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    for root, versions in (("a", ("1.0.0", "1.2.0", "2.0.0-rc.1")), ("b", ("1.10.0", "0.9.0"))):
        for version in versions:
            make_model(tmp_path / root, version=version)
    return [tmp_path / "a", tmp_path / "b"]


@pytest.mark.parametrize(
    ("request_text", "version"),
    [
        ("toy", "1.10.0"),
        ("toy@1", "1.10.0"),
        ("toy@1.2", "1.2.0"),
        ("toy@1.0.0", "1.0.0"),
        ("toy >=0.5,<1", "0.9.0"),
        ("toy@2.0.0-rc.1", "2.0.0-rc.1"),
    ],
)
def test_the_newest_version_that_does_is_taken(roots: list[Path], request_text: str, version: str) -> None:
    assert resolve(request_text, roots).manifest.version == version


def test_unknown_names_and_versions(roots: list[Path]) -> None:
    with pytest.raises(
        ModelError, match=r"no model is called 'toi' \(asked for as 'toi@1'\). Did you mean 'toy'\?"
    ):
        resolve("toi@1", roots)
    installed = re.escape("installed versions of toy: 2.0.0-rc.1, 1.10.0, 1.2.0, 1.0.0, 0.9.0")
    with pytest.raises(ModelError, match=f"no model does for 'toy@3': {installed}"):
        resolve("toy@3", roots)
    with pytest.raises(ModelError, match="no model is called 'toy': no model is installed"):
        resolve("toy", [])


def test_a_damaged_newest_version_is_not_replaced_by_an_older_one(roots: list[Path]) -> None:
    (roots[1] / "toy-1.10.0" / "manifest.json").write_text("{}")
    with pytest.raises(ModelError, match=r"toy-1\.10\.0.* is not a valid manifest"):
        resolve("toy", roots)
    assert resolve("toy@1.2", roots).manifest.version == "1.2.0"


def test_two_models_of_one_version_are_refused_unless_they_are_the_same(tmp_path: Path) -> None:
    for root in ("a", "b"):
        make_model(tmp_path / root)
    assert resolve("toy", [tmp_path / "a", tmp_path / "b"]).folder.parent.name == "a"
    make_model(tmp_path / "c", description="another")
    with pytest.raises(ModelError, match=r"two different models are called toy@1\.0\.0: .*a/toy.*c/toy"):
        resolve("toy", [tmp_path / "a", tmp_path / "c"])


def test_a_folder_says_the_name_of_its_model(tmp_path: Path) -> None:
    make_model(tmp_path).rename(tmp_path / "toy-1.0.1")
    with pytest.raises(ModelError, match=r"is that of toy@1\.0\.0: .* Call the folder 'toy-1\.0\.0'"):
        resolve("toy", [tmp_path])
    (tmp_path / "toy-1.0.1").rename(tmp_path / "toy")
    assert find_models([tmp_path]) == []
    assert misnamed(tmp_path) == [tmp_path / "toy"]


@given(
    st.from_regex(r"[a-z0-9]{1,4}(-[a-z0-9]{1,3}){0,2}", fullmatch=True),
    st.from_regex(r"[0-9]\.[0-9]\.[0-9](-[a-z]{1,3}(-[0-9])?)?", fullmatch=True),
)
def test_name_and_version_of_a_folder_are_told_apart(name: str, version: str) -> None:
    place = ModelPlace.of(Path(f"{name}-{version}"))
    assert place is not None
    assert (place.name, place.version) == (name, Version.parse(version))


def test_known_answers_within_and_beyond_the_tolerance(model: ModelFolder) -> None:
    assert known_answer_test(model, lambda images, features: toy_probabilities(images)) == 0
    for shift, passes in ((9e-6, True), (1.2e-5, False), (np.nan, False)):

        def predict(images: np.ndarray, features: np.ndarray, shift: float = shift) -> np.ndarray:
            return toy_probabilities(images) + np.array([shift, 0, 0])

        if passes:
            assert known_answer_test(model, predict) == pytest.approx(shift, rel=1e-3)
        else:
            with pytest.raises(ModelError, match=r"fails its known-answer test: .* allowed 1e-05"):
                known_answer_test(model, predict)
    with pytest.raises(ModelError, match=r"shape \[4, 2\]: expected \[4, 3\]"):
        known_answer_test(model, lambda images, features: np.zeros((4, 2), np.float32))


class _Bomb:
    """What unpickling would run."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('pickle was loaded')",)


def _replace_known_answer(folder: Path, **arrays: np.ndarray) -> ModelFolder:
    np.savez(folder / "known_answer.npz", **arrays)  # type: ignore[arg-type]
    manifest = open_folder(folder).manifest
    files = {**manifest.files, "known_answer.npz": file_entry(folder / "known_answer.npz", "known-answer")}
    save_manifest(folder, Manifest(**fields(files=files)))
    return open_folder(folder)


def test_known_answers_never_unpickle_and_have_the_stated_shapes(model: ModelFolder) -> None:
    good = {
        "images": np.zeros((1, 8, 11, 2), np.uint8),
        "features": np.zeros((1, 2), np.float32),
        "probabilities": np.zeros((1, 3), np.float32),
    }
    for arrays, message in (
        ({**good, "images": np.array([_Bomb()], dtype=object)}, "says that it is object"),
        ({k: v for k, v in good.items() if k != "features"}, "features"),
        (
            {**good, "images": np.zeros((1, 8, 11, 3), np.uint8)},
            r"images uint8\[1, 8, 11, 3\]: the manifest says",
        ),
        ({**good, "probabilities": np.zeros((1, 3))}, r"probabilities float64\[1, 3\]"),
        ({k: v[:0] for k, v in good.items()}, "at least one image"),
    ):
        changed = _replace_known_answer(model.folder, **arrays)
        with pytest.raises(ModelError, match=message):
            known_answer_test(changed, lambda images, features: toy_probabilities(images))


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (10**15,8,11,2)}", "is not a known-answer file"),
        (
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000, 8, 11, 2), }",
            "says that it is uint8",
        ),
        ("{'descr': '|u1', 'fortran_order': False, 'shape': (-1, 8, 11, 2), }", "is not a known-answer file"),
        ("{'descr': '|u1', 'shape': ((((", "is not a known-answer file"),
        ("-" * 9000 + "1", "is not a known-answer file"),
    ],
)
def test_what_the_head_of_an_array_says_is_not_believed(model: ModelFolder, head: str, says: str) -> None:
    changed = _replace_known_answer(model.folder, images=np.zeros(1, np.uint8))
    with zipfile.ZipFile(changed.folder / "known_answer.npz", "w") as archive:
        for name in ("images", "features", "probabilities"):
            start = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little")
            archive.writestr(f"{name}.npy", start + head.encode() + bytes(100))
    with pytest.raises(ModelError, match=says):
        known_answer_test(changed, lambda images, features: toy_probabilities(images))


def test_a_known_answer_that_is_no_archive(model: ModelFolder) -> None:
    model.path("known-answer").write_bytes(b"not a zip")
    with pytest.raises(ModelError, match="is not a known-answer file"):
        known_answer_test(model, lambda images, features: toy_probabilities(images))
