"""`dvplug joint`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from dvplug.cli.parameters import Number, Several, Whole
from dvplug.joint import DE_NOVO_RATE


def joint(
    *gvcfs: Path,
    ref: Path,
    out: Path,
    pedigree: Path | None = None,
    de_novo_rate: Number = DE_NOVO_RATE,
    regions: Annotated[list[str] | None, Several] = None,
    workers: Whole | None = None,
) -> None:
    """Genotype samples together, from the gVCFs of each: one VCF of all.

    Parameters
    ----------
    gvcfs
        gVCFs of one sample each, bgzipped and indexed, of dvplug, DeepVariant or GATK. Their order does not matter.
    ref
        Reference FASTA, indexed, that all samples were called with.
    out
        Cohort to write: .vcf.gz, .bcf, .vcf, or .vcz, a VCF Zarr store (needs dvplug[zarr]).
    pedigree
        PED file: genotypes of families follow Mendel's laws, and new mutations of children are told.
    de_novo_rate
        Chance of a new mutation in a gamete at a site of the cohort.
    regions
        Where: chr20, chr20:1000-2000, or BED files; the default is everywhere.
    workers
        Worker processes; the default is one per core.
    """
    from dvplug.cli.plain_call import available_cores
    from dvplug.joint.run import joint_genotype
    from dvplug.system.console import info

    done = joint_genotype(
        gvcfs,
        ref,
        out,
        pedigree=pedigree,
        de_novo_rate=de_novo_rate,
        regions=regions or (),
        workers=available_cores() if workers is None else workers,
    )
    info(f"{out}: {done.sites:,} sites of {len(done.samples):,} samples.")
    for child, count in done.new.items():
        info(f"{child}: {count:,} new mutations (hiConfDeNovo).")
