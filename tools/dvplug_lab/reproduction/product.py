"""The product page: real reads of the technologies that it names, to VCF and gVCF, and how right these are."""

from __future__ import annotations

from pathlib import Path

import pysam

from dvplug.evaluate import Also, Evaluation, evaluate
from dvplug.genome.reference import Reference
from dvplug_lab import commands
from dvplug_lab.comparison.sets import (
    ValidationSet,
    as_long_as_aligned,
    confident_regions,
    find_set,
    stretches,
)
from dvplug_lab.reproduction.calls import counted
from dvplug_lab.reproduction.results import Row, Setting

SETS = {
    "Illumina WGS": "hg002_illumina",
    "PacBio HiFi": "hg002_hifi",
    "Oxford Nanopore R10": "hg002_ont",
}
EXOME = (
    "reference/b37.chr20_regions.fa.gz",
    "illumina/NA12878_b37.exome.chr20_6.0-6.1M.2x76.profile_only.bam",
    "20:6,000,001-6,100,000",
)
"""Reference, reads and region of an exome of which no truth is at hand."""
UNKNOWN: Row = {f"{kind} {name}": None for kind in ("SNP", "indel") for name in ("F1", "FP", "FN")}


def measure(setting: Setting) -> list[Row]:
    """Call a slice of each technology."""
    folder = setting.made / "product"
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for label, name in SETS.items():
        chosen = as_long_as_aligned(find_set(name, setting.shared), folder)
        with Reference.open(chosen.reference) as reference:
            where = [str(one) for one in stretches(confident_regions(chosen), reference.lengths)]
        files = _called(chosen.tech, chosen.reference, chosen.reads, where, folder / name, setting.threads)
        rows.append({"reads": label, **_records(*files), **_judged(chosen, *files)})
    reference_file, reads, region = EXOME
    exome = (setting.shared / reference_file, setting.shared / reads)
    files = _called("illumina-wes", *exome, [region], folder / "exome", setting.threads)
    rows.append({"reads": "Illumina WES", **_records(*files), **UNKNOWN, **_recalls(None)})
    return rows


def _called(
    tech: str, reference: Path, reads: Path, where: list[str], folder: Path, workers: int
) -> tuple[Path, Path]:
    """Call reads in regions; return the VCF and the gVCF."""
    folder.mkdir(exist_ok=True)
    vcf, gvcf = folder / "calls.vcf.gz", folder / "calls.g.vcf.gz"
    more = ["--force", "--gvcf", str(gvcf), "--regions", *where]
    commands.run([commands.dvplug_call(reference, reads, vcf, *more, workers=workers, tech=tech)])
    return vcf, gvcf


def _records(vcf: Path, gvcf: Path) -> Row:
    """Count the records of both, and say whether the calls of the gVCF are those of the VCF."""
    calls, records = [], []
    for path in (vcf, gvcf):
        with pysam.VariantFile(str(path)) as opened:
            found = [(r.chrom, r.start, _called_alleles(r)) for r in opened]
        records.append(len(found))
        calls.append({one for one in found if one[2]})
    same = "yes" if calls[0] == calls[1] else "no"
    return {"VCF records": records[0], "gVCF records": records[1], "same calls": same}


def _called_alleles(record: pysam.VariantRecord) -> tuple[str, ...]:
    """Alleles of a record that passes and has a variant, else nothing."""
    genotype = record.samples[0]["GT"]
    if "PASS" not in record.filter or not any(genotype):
        return ()
    return tuple(record.alleles[allele] for allele in genotype if allele is not None)


def _judged(chosen: ValidationSet, vcf: Path, gvcf: Path) -> Row:
    files = (chosen.confident, chosen.reference)
    return {
        **counted(evaluate(chosen.truth, vcf, *files)),
        **_recalls(evaluate(chosen.truth, gvcf, *files, also=Also(candidates=True))),
    }


def _recalls(found: Evaluation | None) -> Row:
    """Recall of the candidates."""
    of = found.candidates if found else None
    recalls = {"SNP": of.snp.recall if of else None, "indel": of.indel.recall if of else None}
    return {
        f"{kind} candidates' recall": None if recall is None else round(recall, 5)
        for kind, recall in recalls.items()
    }
