"""The shipped model of Illumina genomes with a first stage of a test's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dvplug.genotypes.first_stage import DenseLayer, FeatureNetwork
from dvplug_registry.first_stage import FirstStage
from dvplug_registry.known_answer import load_known_answer
from dvplug_registry.manifest import FIRST_STAGE, KNOWN_ANSWER
from dvplug_registry.model_folder import file_entry, open_folder, save_manifest
from helpers.shipped_model import copy_of_model

NEVER, ALWAYS = 1.0, 0.5
FRACTION, SNP = "alt_fraction", "is_snp"


def staged_model(folder: Path, above: float) -> Path:
    """A copy whose first stage goes by the share of alts alone, where it is surer than so; of SNPs, not of pairs."""
    model = copy_of_model(folder)
    opened = open_folder(model)
    names = opened.manifest.features
    network = by_fraction(names)
    network.save(model / "first_stage.safetensors")
    known = load_known_answer(opened)
    known_name = opened.manifest.file_name(KNOWN_ANSWER)
    np.savez_compressed(
        model / known_name,
        images=known.images,
        features=known.features,
        probabilities=known.probabilities,
        first_stage=network.predict(known.features),
    )
    files = dict(opened.manifest.files)
    files["first_stage.safetensors"] = file_entry(model / "first_stage.safetensors", FIRST_STAGE)
    files[known_name] = file_entry(model / known_name, KNOWN_ANSWER)
    stage = FirstStage(snp=(above,) * 3, indel=(NEVER,) * 3, examples=1, settled=0, disagreements=0)
    save_manifest(model, opened.manifest.model_copy(update={"first_stage": stage, "files": files}))
    return model


def unstaged_model(folder: Path) -> Path:
    """A copy whose network answers for all."""
    model = copy_of_model(folder)
    manifest = open_folder(model).manifest
    files = {name: entry for name, entry in manifest.files.items() if entry.role != FIRST_STAGE}
    save_manifest(model, manifest.model_copy(update={"first_stage": None, "files": files}))
    return model


def by_fraction(names: tuple[str, ...]) -> FeatureNetwork:
    """Logits -(share - 0)^2, and so on, of a parabola around each genotype's share: linear but for a common term."""
    kernel = np.zeros((len(names), 3), np.float32)
    kernel[names.index(FRACTION)] = np.array([0.0, 100.0, 200.0])
    bias = -100 * np.array([0.0, 0.5, 1.0], np.float32) ** 2
    mean, scale = np.zeros(len(names), np.float32), np.ones(len(names), np.float32)
    return FeatureNetwork(mean, scale, (DenseLayer(kernel, bias),))
