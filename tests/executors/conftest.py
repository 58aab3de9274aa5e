"""What is called by workers of several kinds."""

from __future__ import annotations

import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.simulate import SimulatedDataset, simulate_dataset


@pytest.fixture(scope="package")
def genome(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    """Eight partitions, shallow."""
    return simulate_dataset(tmp_path_factory.mktemp("genome"), length=400_000, depth=8.0, seed=11)


@pytest.fixture(scope="package")
def expected(genome: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """VCF and gVCF of the local executor."""
    folder = tmp_path_factory.mktemp("local")
    vcf, gvcf = folder / "calls.vcf.gz", folder / "calls.g.vcf.gz"
    call_variants(
        CallOptions("illumina-wgs", genome.reference, (genome.reads,), str(vcf), device="cpu", gvcf=str(gvcf))
    )
    return vcf.read_bytes(), gvcf.read_bytes()
