"""The shipped model of Illumina genomes."""

from __future__ import annotations

import shutil
from pathlib import Path

import dvplug_illumina

SHIPPED = Path(dvplug_illumina.__file__).parent / "models" / "illumina-wgs-1.0.0"


def copy_of_model(folder: Path) -> Path:
    """A copy of it in a folder, to break."""
    return Path(shutil.copytree(SHIPPED, folder / SHIPPED.name))
