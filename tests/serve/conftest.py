"""A service that many tests share, and what it offers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug.simulate import SimulatedDataset
from dvplug_lab.services import ServiceProcess, served


def offer(dataset: SimulatedDataset, files: Path) -> None:
    """Put a simulated dataset into a folder of files, as reads.bam and reference.fa with their indexes."""
    files.mkdir(parents=True, exist_ok=True)
    for place in dataset.reference.parent.iterdir():
        if place.name.startswith(("reads.bam", "reference.fa")):
            shutil.copy(place, files)


@pytest.fixture(scope="session")
def service(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service of 1 worker that offers the simulated dataset; private addresses are allowed."""
    data = tmp_path_factory.mktemp("service") / "data"
    offer(dataset, data / "files")
    with served(data, "--workers", "1", "--allow-private", "--least-free", "1MB") as found:
        yield found


@pytest.fixture
def own_data(dataset: SimulatedDataset, tmp_path: Path) -> Path:
    """The folder of a service that offers the simulated dataset, for a test that starts one itself."""
    offer(dataset, tmp_path / "data" / "files")
    return tmp_path / "data"
