"""The shipped model of Illumina genomes, as if it had been trained on less."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import dvplug_illumina

NAME = "illumina-wgs-1.0.0"
SHIPPED = Path(dvplug_illumina.__file__).parent / "models" / NAME


def copy_of_model(folder: Path) -> Path:
    """A copy of it in a folder."""
    return Path(shutil.copytree(SHIPPED, folder / NAME))


def narrow_model(folder: Path, **runs: object) -> Path:
    """A copy that states other limits of the reads it was trained on, by measure."""
    model = copy_of_model(folder)
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["trained_on"]["runs"].update(runs)
    (model / "manifest.json").write_text(json.dumps(manifest))
    return model
