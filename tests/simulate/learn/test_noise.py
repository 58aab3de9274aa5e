"""False alleles of a BAM."""

from __future__ import annotations

from dvplug.simulate import SimulatedDataset
from dvplug.simulate.learn.noise import measure_noise


def test_true_variants_are_no_noise(dataset: SimulatedDataset) -> None:
    where = [("chrS", 1_000, 50_000)]
    without, noise = (
        measure_noise(dataset.reads, dataset.reference, where, truth) for truth in (None, dataset.truth)
    )
    assert 0.9 * 49_000 < noise.bases < without.bases <= 49_000
    assert 25 < noise.mean_depth < 35
    assert without.snps[-2:].sum() > 10
    assert noise.snps[-2:].sum() < 3
    assert f"{noise.bases} bp at {noise.mean_depth:.1f}x" in str(noise)
