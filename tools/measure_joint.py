"""Measure joint genotyping on simulated cohorts: against the truth, `bcftools merge`, and Mendel.

    python tools/measure_joint.py --folder joint-measured

Unrelated persons of 8x to 40x and trios, who share most of their variants, are simulated and called one by one with a
gVCF. The gVCFs are then genotyped together, with and without the pedigree, and merged by bcftools.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

from cyclopts import App

import dvplug
from dvplug.evaluate.mendel import mendelian_violations
from dvplug.joint.run import joint_genotype
from dvplug.system.console import info
from dvplug_lab.cohorts.measured import (
    genotypes_by_gq,
    merged,
    new_mutations,
    reference_without_reads,
    without_places,
    wrong_genotypes,
    wrong_haplotypes,
)
from dvplug_lab.cohorts.simulated import CONTIG, SimulatedCohort, simulate_cohort, trios, unrelated
from dvplug_lab.commands import require
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")
NEAR = 10  # bp: an indel may be written elsewhere


@app.default
def main(
    *,
    folder: Path = Path("joint-measured"),
    persons: int = 14,
    families: int = 2,
    depth: float = 28.0,
    length: int = 150_000,
    new: int = 10,
    seed: int = 5,
) -> None:
    """Simulate, call, genotype together, and print what is wrong.

    Parameters
    ----------
    folder
        Where everything goes; gVCFs that are there, of a run that was killed, are taken.
    persons
        Unrelated ones, of 8x to 40x.
    families
        Trios.
    depth
        Of trios.
    length
        bp of the simulated contig.
    new
        New mutations of each child.
    seed
        Of all that is random.
    """
    require("bcftools")
    everybody = [*unrelated(persons), *trios(families, depth)]
    made = simulate_cohort(folder, everybody, length=length, new_mutations=new, seed=seed)
    for name, reads in made.reads.items():
        gvcf = folder / f"{name}.g.vcf.gz"
        if not Path(f"{gvcf}.tbi").exists():
            vcf = folder / f"{name}.vcf.gz"
            dvplug.call("illumina-wgs", made.reference, reads, vcf, gvcf=gvcf, device="cpu")
    measure(made, folder, length)


def measure(made: SimulatedCohort, folder: Path, length: int) -> None:
    """Genotype a cohort of which the folder has the gVCFs, and print what is wrong."""
    gvcfs = [folder / f"{name}.g.vcf.gz" for name in made.reads]
    alone, cohort, kin = (folder / f"{name}.vcf.gz" for name in ("merged", "joint", "family"))
    merged(gvcfs, made.reference, alone)
    began = time.process_time()
    joint_genotype(gvcfs, made.reference, cohort)
    info(f"joint: {(time.process_time() - began) / len(gvcfs) / length * 1e6:.2f} CPU s per sample and Mb")
    if made.new:
        joint_genotype(gvcfs, made.reference, kin, pedigree=made.pedigree)
    for vcf in (alone, cohort, kin)[: 3 if made.new else 2]:
        _tell_wrong(vcf, made, folder)
        if vcf == alone:
            continue
        for least, band in genotypes_by_gq(vcf, made.truth, made.reference).items():
            info(
                f"{vcf.name}, GQ {least} and more: {band.genotypes:,} genotypes, {band.wrong} wrong, "
                f"{band.claimed:.1f} by GQ"
            )
    if made.new:
        _tell_new(kin, made.new)


def _tell_wrong(vcf: Path, made: SimulatedCohort, folder: Path) -> None:
    wrong = wrong_genotypes(vcf, made.truth, made.reference)
    haplotypes = wrong_haplotypes(vcf, made.truth, made.confident, made.reference, folder)
    told: dict[str, object] = {
        "file": vcf.name,
        "wrong genotypes": wrong.total(),
        "of them calls": sum(count for (_, told), count in wrong.items() if told is not None),
        "by (true, told)": {f"{a}, {b}": n for (a, b), n in sorted(wrong.items(), key=str)},
        "haplotypes missed, false": haplotypes,
        "0/0 at DP 0": reference_without_reads(vcf),
    }
    if made.new:
        places = sorted({at for own in made.new.values() for at in own})
        inherited = without_places(vcf, CONTIG, places, folder / "inherited.vcf.gz") if places else vcf
        for name, each in (("Mendel", vcf), ("Mendel, away from new mutations", inherited)):
            told[name] = asdict(mendelian_violations(each, made.pedigree, made.reference, all_filters=True))
    info(json.dumps(told))


def _tell_new(vcf: Path, true: dict[str, list[int]]) -> None:
    for least in (0.5, 0.1):
        told = list(new_mutations(vcf, least))
        right = {(c, p) for c, _, at in told for p in true[c] if abs(at - p) <= NEAR}
        total = sum(map(len, true.values()))
        info(f"new mutations, DNP >= {least}: {len(told)} told, {len(right)} of {total} found")


if __name__ == "__main__":
    run(app)
