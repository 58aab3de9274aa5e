"""The shipped model of Illumina genomes, as if it had been trained on less."""

from __future__ import annotations

import json
from pathlib import Path

from helpers.shipped_model import copy_of_model


def narrow_model(folder: Path, **runs: object) -> Path:
    """A copy that states other limits of the reads it was trained on, by measure."""
    model = copy_of_model(folder)
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["trained_on"]["runs"].update(runs)
    (model / "manifest.json").write_text(json.dumps(manifest))
    return model
