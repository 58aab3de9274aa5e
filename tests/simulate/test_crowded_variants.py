"""Crowded, long, complex and overlapping variants: as many as asked for, and what bcftools makes of them."""

from __future__ import annotations

import itertools
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dvplug.sequence.codes import decode_bases
from dvplug.simulate.crowded_variants import with_crowds
from dvplug.simulate.genome import N, random_genome, write_fasta
from dvplug.simulate.variants import PhasedVariant, apply_variants, write_truth
from helpers.worlds import world

GENOME = random_genome(300_000, np.random.default_rng(3))


def drawn(**changes: object) -> list[PhasedVariant]:
    return with_crowds(GENOME, [], world(**changes).person, np.random.default_rng(4))


@pytest.mark.parametrize(("spacing", "lowest"), [(20.0, 0.035), (100.0, 0.008), (1000.0, 0.0008)])
def test_density_is_that_of_the_world(spacing: float, lowest: float) -> None:
    """Some of the closest are dropped where they touch."""
    share = len(drawn(dense_share=1.0, dense_spacing=(spacing, spacing))) / len(GENOME)
    assert lowest < share < 1.15 / spacing


def test_crowds_are_stretches_amid_nothing() -> None:
    starts = [v.start for v in drawn(dense_share=0.2, dense_spacing=(30.0, 30.0))]
    windows = np.bincount(np.array(starts) // 500, minlength=600)
    assert 0.08 < (windows >= 8).mean() < 0.35
    assert (windows == 0).mean() > 0.5


def test_one_haplotype_has_most_of_a_crowd() -> None:
    found = drawn(dense_share=0.5, dense_spacing=(30.0, 30.0))
    first = np.array([v.genotype == (1, 0) for v in found if v.genotype != (1, 1)])
    runs = np.abs(np.diff(first.astype(int))).mean()
    assert 0.05 < runs < 0.45  # 0.5 if each were drawn by itself


def test_given_variants_stay_and_nothing_touches_them() -> None:
    given = [PhasedVariant(p, decode_bases(GENOME[[p]]), ("A",), (0, 1)) for p in range(1000, 290_000, 250)]
    merged = with_crowds(
        GENOME, given, world(dense_share=1.0, dense_spacing=(20.0, 20.0)).person, np.random.default_rng(1)
    )
    assert set(given) <= set(merged)
    taken = {p for v in given for p in (v.start - 1, v.start, v.start + 1)}
    assert not any(taken & set(range(v.start, v.end)) for v in merged if v not in set(given))


def test_unusual_kinds_are_all_there() -> None:
    found = drawn(unusual_spacing=800.0)
    alts = [(v.ref, v.alts[0]) for v in found]
    change = np.array([len(alt) - len(ref) for ref, alt in alts])
    assert 100 < np.abs(change).max() <= 150
    assert (np.abs(change) >= 50).sum() > 20
    assert sum(len(ref) == len(alt) > 1 for ref, alt in alts) > 30
    assert sum(ref[0] != alt[0] and len(ref) != len(alt) for ref, alt in alts) > 20
    overlapping = [(a, b) for a, b in itertools.pairwise(found) if b.start < a.end]
    assert len(overlapping) > 20
    assert all(a.genotype == b.genotype[::-1] for a, b in overlapping)


def test_nothing_lies_in_unknown_sequence() -> None:
    codes = GENOME.copy()
    codes[50_000:200_000] = N
    found = with_crowds(
        codes, [], world(dense_share=1.0, dense_spacing=(30.0, 30.0)).person, np.random.default_rng(1)
    )
    assert not any(50_000 <= v.start < 200_000 for v in found)
    assert any(v.start > 210_000 for v in found)


def test_haplotypes_are_what_bcftools_makes_of_the_vcf(tmp_path: Path) -> None:
    bcftools = shutil.which("bcftools")
    if not bcftools:
        pytest.skip("bcftools is absent")
    found = drawn(dense_share=0.5, dense_spacing=(30.0, 60.0), unusual_spacing=2000.0)
    fasta = write_fasta(tmp_path / "ref.fa", {"c": GENOME})
    vcf = write_truth(tmp_path / "truth.vcf.gz", {"c": found}, {"c": len(GENOME)}, "s")
    for which in (0, 1):
        command = [bcftools, "consensus", "-f", str(fasta), "-H", str(which + 1), str(vcf)]
        text = subprocess.run(command, capture_output=True, check=True).stdout.decode()
        assert "".join(text.split("\n")[1:]) == decode_bases(apply_variants(GENOME, found, which).codes)
