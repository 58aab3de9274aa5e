"""Variants of a simulated person: of the right kinds, and as bcftools reads them."""

import shutil
import subprocess

import numpy as np
import pytest

from dvplug.sequence.codes import decode_bases
from dvplug.simulate.genome import random_genome, write_fasta
from dvplug.simulate.variants import (
    PhasedVariant,
    apply_variants,
    draw_events,
    fits_both_haplotypes,
    place_events,
    write_truth,
)

needs_bcftools = pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    """A reference, its variants (over a hundred, of all kinds), and both as files."""
    folder = tmp_path_factory.mktemp("person")
    rng = np.random.default_rng(3)
    codes = random_genome(200_000, rng)
    variants = place_events(codes, draw_events(rng), rng)
    write_fasta(folder / "ref.fa", {"c": codes})
    write_truth(folder / "truth.vcf.gz", {"c": variants}, {"c": len(codes)}, "s")
    return folder, codes, variants


def test_variants_are_of_all_kinds_and_in_human_proportions(person):
    _, codes, variants = person
    indels = [v for v in variants if len({len(v.ref), *map(len, v.alts)}) > 1]
    het = [v for v in variants if v.genotype[0] != v.genotype[1]]
    assert 0.0007 < len(variants) / len(codes) < 0.002
    assert 0.07 < len(indels) / len(variants) < 0.22
    assert 0.5 < len(het) / len(variants) < 0.75
    assert any(len(v.alts) == 2 for v in variants)


@needs_bcftools
def test_bcftools_consensus_makes_the_same_haplotypes(person):
    folder, codes, variants = person
    for which in (0, 1):
        command = ["bcftools", "consensus", "-s", "s", "-H", f"{which + 1}pIu", "-f", folder / "ref.fa"]
        run = subprocess.run([*command, folder / "truth.vcf.gz"], capture_output=True, text=True, check=True)
        assert "".join(run.stdout.splitlines()[1:]) == decode_bases(
            apply_variants(codes, variants, which).codes
        )


@needs_bcftools
def test_bcftools_norm_finds_nothing_to_left_align(person):
    folder, _, variants = person
    command = [
        "bcftools",
        "norm",
        "-c",
        "e",
        "-f",
        folder / "ref.fa",
        folder / "truth.vcf.gz",
        "-o",
        "/dev/null",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"{len(variants)}/0/0/0" in run.stderr


def test_haplotype_positions_lead_back_to_equal_bases(person):
    _, codes, variants = person
    indels = [v for v in variants if any(len(alt) != len(v.ref) for alt in v.alts)]
    haplotype = apply_variants(codes, indels, 0)
    positions = np.arange(len(haplotype.codes))
    back = haplotype.to_reference(positions)
    agree = codes[np.minimum(back, len(codes) - 1)] == haplotype.codes
    inserted = sum(max(len(v.alts[v.genotype[0] - 1]) - len(v.ref), 0) for v in indels if v.genotype[0])
    assert (~agree).sum() <= inserted
    assert np.all(np.diff(back) >= 0)
    assert back[-1] == len(codes) - 1


def test_overlapping_variants_stay_only_on_different_haplotypes():
    first = PhasedVariant(10, "ACGT", ("A",), (1, 0))
    clash = PhasedVariant(12, "G", ("T",), (1, 0))
    other = PhasedVariant(12, "G", ("C",), (0, 1))
    assert fits_both_haplotypes([first, clash, other]) == [first, other]
