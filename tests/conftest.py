"""Fixtures that many tests share: one small simulated dataset, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug.simulate import SimulatedDataset, simulate_dataset


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    """60 kb of a diploid genome with 30x reads, and its truth."""
    return simulate_dataset(tmp_path_factory.mktemp("dataset"), length=60_000, depth=30.0, seed=7)


@pytest.fixture
def called(dataset: SimulatedDataset, tmp_path: Path) -> Path:
    """The calls of the simulated dataset, RefCalls included."""
    from dvplug.calling.options import CallOptions
    from dvplug.calling.run import call_variants

    out = tmp_path / "calls.vcf.gz"
    call_variants(
        CallOptions(
            "illumina-wgs", dataset.reference, (dataset.reads,), str(out), device="cpu", keep_ref_calls=True
        )
    )
    return out
