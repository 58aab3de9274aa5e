"""Model folders and plugin distributions, made in a temporary folder that the tests put on sys.path."""

from __future__ import annotations

import configparser
import importlib
import importlib.metadata
import os
import shutil
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import file_entry, save_manifest
from helpers.places import ROOT, THIRD_PARTY

REPOSITORY = ROOT
TOY = THIRD_PARTY / "dvplug_toy"
TOY_WEIGHTS = np.array([-1, 0.5, 2], "<f4")
FEATURES = ("n_alt", "vaf")  # of the toy's feature set


def toy_probabilities(images: np.ndarray) -> np.ndarray:
    """What the toy's genotyper has to answer, written differently."""
    scores = np.array(
        [[TOY_WEIGHTS[k] * image.astype(float).mean() / 255 for k in range(3)] for image in images]
    )
    return (np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)).astype(np.float32)


def fields(**changes: Any) -> dict[str, Any]:
    """Everything of the toy's manifest but its files."""
    return {
        "name": "toy",
        "version": "1.0.0",
        "technology": "toy",
        "description": "three weights",
        "architecture": "toy-formula",
        "image": {"height": 8, "width": 11, "reference_rows": 1, "channels": ["read_base", "toy_stripes"]},
        "features": list(FEATURES),
        "feature_sets": [{"name": "toy-counts", "version": 1}],
        "encoder": {"name": "pileup", "version": 2},
        "calling": {
            "read_filter": {
                "min_mapping_quality": 5,
                "keep_duplicates": False,
                "keep_secondary": False,
                "keep_supplementary": False,
                "keep_qc_fail": False,
                "missing_base_quality": 20,
            },
            "candidate_thresholds": {
                "min_base_quality": 10,
                "min_count_snps": 2,
                "min_count_indels": 2,
                "min_fraction_snps": 0.08,
                "min_fraction_indels": 0.04,
            },
        },
        "training": {"data": "none", "seed": 1, "n_examples": 0, "held_out": "all"},
        "metrics": [{"set": "toy", "type": "SNP", "tp": 90, "fp": 10, "fn": 10, "f1": 0.9}],
        "licence": "Apache-2.0",
        "genotyper": "toy-formula",
        "tolerance": 1e-5,
        **changes,
    }


def make_model(root: Path, **changes: Any) -> Path:
    """Write a whole model folder under a root; ``changes`` go into the manifest."""
    values = fields(**changes)
    folder = root / f"{values['name']}-{values['version']}"
    folder.mkdir(parents=True)
    image = values["image"]
    shape = (4, image["height"], image["width"], len(image["channels"]))
    images = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    features = np.zeros((4, len(values["features"])), np.float32)
    np.savez_compressed(
        folder / "known_answer.npz", images=images, features=features, probabilities=toy_probabilities(images)
    )
    (folder / "weights.safetensors").write_bytes(TOY_WEIGHTS.tobytes())
    (folder / "formula.bin").write_bytes(TOY_WEIGHTS.tobytes())
    (folder / "card.md").write_text("# A toy\n")
    roles = {
        "weights.safetensors": "weights",
        "formula.bin": "formula",
        "known_answer.npz": "known-answer",
        "card.md": "card",
    }
    files = {name: file_entry(folder / name, role) for name, role in roles.items()}
    save_manifest(folder, Manifest(**values, files=files))
    return folder


class Site:
    """A folder on sys.path into which distributions are installed; the next forgets what was imported from it."""

    _places: ClassVar[list[Path]] = []

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        monkeypatch.syspath_prepend(str(path))
        monkeypatch.delenv("DVPLUG_PLUGINS", raising=False)
        self._places.append(path)
        self.forget()

    def forget(self) -> None:
        """Drop the modules that came from here, or from such a folder of another test."""
        folders = tuple(f"{place}{os.sep}" for place in self._places)
        for name, module in list(sys.modules.items()):
            if (getattr(module, "__file__", None) or "").startswith(folders):
                del sys.modules[name]
        # From the others nothing is imported any more; they are hundreds, and modules are thousands.
        self._places[:] = [place for place in self._places if str(place) in sys.path]

    def distribution(self, name: str, version: str, entry_points: dict[str, str], *about: str) -> None:
        """Write a dist-info folder as an installer would, with these lines of metadata more."""
        folder = self.path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(
            "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *about, ""])
        )
        lines = [f"{point} = {target}" for point, target in entry_points.items()]
        (folder / "entry_points.txt").write_text("\n".join(["[dvplug]", *lines, ""]))
        importlib.invalidate_caches()

    def plugin(
        self,
        distribution: str,
        source: str,
        *,
        point: str | None = None,
        version: str = "1.0",
        about: tuple[str, ...] = (),
    ) -> None:
        """Install a plugin of one module with this source and lines of metadata."""
        module = distribution.replace("-", "_")
        (self.path / f"{module}.py").write_text(source)
        self.distribution(distribution, version, {point or distribution: module}, *about)

    def project(self, source: Path) -> Path:
        """Install a project folder by its pyproject.toml; returns the package folder."""
        project = configparser.ConfigParser()
        project.read(source / "pyproject.toml")
        name, version = (project["project"][key].strip('"') for key in ("name", "version"))
        package = name.replace("-", "_")
        shutil.copytree(source / package, self.path / package, ignore=shutil.ignore_patterns("__pycache__"))
        points = {key: value.strip('"') for key, value in project["project.entry-points.dvplug"].items()}
        self.distribution(name, version, points)
        return self.path / package

    def toy(self, **changes: Any) -> Path:
        """Install the toy with a model (see `make_model`); returns its package folder."""
        package = self.project(TOY)
        make_model(package / "models", **changes)
        return package

    def first_party(self) -> None:
        """Install dvplug's own entry points, unless dvplug is installed."""
        try:
            importlib.metadata.version("dvplug")
        except importlib.metadata.PackageNotFoundError:
            ours = ("illumina", "ion", "ont", "pacbio")
            self.distribution("dvplug", "0.0.0", {name: f"dvplug_{name}" for name in ours})
