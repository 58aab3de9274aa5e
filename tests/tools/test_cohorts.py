"""Joint genotyping of a simulated cohort, called sample by sample: against its truth, bcftools merge, and Mendel."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import dvplug
from dvplug.evaluate.mendel import mendelian_violations
from dvplug_lab.cohorts.measured import (
    genotypes_by_gq,
    merged,
    new_mutations,
    reference_without_reads,
    wrong_genotypes,
    wrong_haplotypes,
)
from dvplug_lab.cohorts.simulated import SimulatedCohort, simulate_cohort, trios, unrelated
from helpers.gvcfs import Cohort

NEAR = 10  # bp: an indel may be written elsewhere


@dataclass(frozen=True)
class Called:
    """A cohort, its gVCFs, and three VCFs of all."""

    made: SimulatedCohort
    gvcfs: list[Path]
    merged: Path
    joint: Path
    family: Path


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Called:
    """Five persons of 8x to 14x and a trio of 20x, 30 kb."""
    if not shutil.which("bcftools"):
        pytest.skip("bcftools is absent")
    folder = tmp_path_factory.mktemp("cohort")
    persons = [*unrelated(5, 8, 14), *trios(1, 20)]
    made = simulate_cohort(folder, persons, length=30_000, new_mutations=6, seed=3)
    gvcfs = [folder / f"{name}.g.vcf.gz" for name in made.reads]
    for (name, reads), gvcf in zip(made.reads.items(), gvcfs, strict=True):
        dvplug.call("illumina-wgs", made.reference, reads, folder / f"{name}.vcf", gvcf=gvcf, device="cpu")
    alone = merged(gvcfs, made.reference, folder / "merged.vcf.gz")
    joint, family = folder / "joint.vcf.gz", folder / "family.vcf.gz"
    dvplug.joint_genotype(gvcfs, made.reference, joint)
    dvplug.joint_genotype(gvcfs, made.reference, family, pedigree=made.pedigree)
    return Called(made, gvcfs, alone, joint, family)


def test_no_more_genotypes_are_wrong_than_when_merged(cohort: Called, tmp_path: Path) -> None:
    made = cohort.made
    before = wrong_genotypes(cohort.merged, made.truth, made.reference).total()
    for vcf in (cohort.joint, cohort.family):
        assert wrong_genotypes(vcf, made.truth, made.reference).total() <= before
        assert reference_without_reads(vcf) == 0
    missed, false = wrong_haplotypes(cohort.joint, made.truth, made.confident, made.reference, tmp_path)
    assert missed + false < 0.1 * 8 * 30  # of about 30 variants of each


def test_the_measure_finds_the_truth_right(cohort: Called, tmp_path: Path) -> None:
    """A cohort of one, the truth itself, has no error; with one record less it has one."""
    import pysam

    name, truth = next(iter(cohort.made.truth.items()))
    assert wrong_genotypes(truth, {name: truth}, cohort.made.reference).total() == 0
    less = tmp_path / "less.vcf"
    with (
        pysam.VariantFile(str(truth)) as source,
        pysam.VariantFile(str(less), "w", header=source.header) as out,
    ):
        kept = [record for record in source if 500 <= record.start < 29_500 and len(record.alts) == 1]
        for record in kept[1:]:
            out.write(record)
    wrong = wrong_genotypes(less, {name: truth}, cohort.made.reference)
    assert wrong[sum(kept[0].samples[0]["GT"]), 0] >= 1


def test_bands_of_quality_count_what_differs_from_the_truth(tmp_path: Path) -> None:
    made = Cohort(tmp_path)

    def line(position: int, gt: str, gq: str) -> str:
        base, other = made.base(position), made.other(position)
        return f"{made.contig}\t{position}\t.\t{base}\t{other}\t30\tPASS\t.\tGT:GQ\t{gt}:{gq}\n"

    truth = made.write(
        "one", [line(600, "0/1", "."), line(700, "1/1", "."), line(900, "0/1", ".")], name="truth"
    )
    calls = [
        line(100, "0/1", "33"),  # where the simulated depth falls off
        line(600, "0/1", "33"),
        line(700, "0/1", "33"),
        line(800, "0/1", "5"),
        line(900, "./.", "."),
        line(1000, "0/0", "77"),
    ]
    found = genotypes_by_gq(made.write("one", calls, name="calls"), {"one": truth}, made.reference)
    told = {least: (band.genotypes, band.wrong) for least, band in found.items() if band.genotypes}
    assert told == {0: (1, 1), 30: (2, 1), 50: (1, 0)}
    assert found[30].claimed == pytest.approx(2 * 10**-3.3)


def test_new_mutations_are_found_and_others_are_not(cohort: Called) -> None:
    told = list(new_mutations(cohort.family, 0.1))
    true = cohort.made.new["F01_child"]
    assert len(true) == 6
    found = [at for at in true if any(abs(at - place) <= NEAR for _, _, place in told)]
    assert len(found) >= 5
    assert len(told) - len(found) <= 1


def test_mendel_is_violated_by_new_mutations_alone(cohort: Called) -> None:
    made = cohort.made
    before, after = (
        mendelian_violations(vcf, made.pedigree, made.reference, all_filters=True).violations
        for vcf in (cohort.merged, cohort.family)
    )
    assert after <= before
    assert after <= len(made.new["F01_child"])
