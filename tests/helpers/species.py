"""Packages with the sequence of other species, as tests need them."""

from __future__ import annotations

import gzip
from pathlib import Path
from zipfile import ZipFile

from dvplug_lab.reproduction.species import Species


def write_wheel(folder: Path, species: Species, text: str) -> None:
    """Write the package of a species with this FASTA file in it."""
    with ZipFile(folder / f"{species.wheel}-9.9-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{species.wheel}/data/{species.member}", gzip.compress(text.encode(), 1))
