"""The product page: real reads of the technologies that it names, to VCF and gVCF, and how right these are."""

from __future__ import annotations

from pathlib import Path

import pysam

from dvplug.evaluate import Also, evaluate
from dvplug_lab import commands
from dvplug_lab.comparison.peers import plain_fasta
from dvplug_lab.comparison.sets import as_long_as_aligned, confident_regions, find_set, stretches
from dvplug_lab.reproduction.calls import counted
from dvplug_lab.reproduction.results import Row, Setting

SETS = {
    "Illumina WGS": "hg002_illumina",
    "PacBio HiFi": "hg002_hifi",
    "Oxford Nanopore R10": "hg002_ont",
}


def measure(setting: Setting) -> list[Row]:
    """Call a slice of each technology."""
    rows: list[Row] = []
    for label, name in SETS.items():
        folder = setting.work / "product" / name
        folder.mkdir(parents=True, exist_ok=True)
        chosen = as_long_as_aligned(find_set(name, setting.shared), folder)
        with pysam.FastaFile(str(plain_fasta(chosen.reference, folder))) as fasta:
            lengths = dict(zip(fasta.references, fasta.lengths, strict=True))
        where = [str(one) for one in stretches(confident_regions(chosen), lengths)]
        vcf, gvcf = folder / "calls.vcf.gz", folder / "calls.g.vcf.gz"
        more = ["--force", "--gvcf", str(gvcf), "--regions", *where]
        commands.run(
            [
                commands.dvplug_call(
                    chosen.reference, chosen.reads, vcf, *more, workers=setting.threads, tech=chosen.tech
                )
            ]
        )
        files = (chosen.truth, chosen.confident, chosen.reference)
        of_vcf, of_gvcf = (
            evaluate(files[0], path, *files[1:], also=Also(candidates=path == gvcf)) for path in (vcf, gvcf)
        )
        same = (of_vcf.snp, of_vcf.indel) == (of_gvcf.snp, of_gvcf.indel)
        found = of_gvcf.candidates
        assert found
        rows.append(
            {
                "reads": label,
                "VCF records": _records(vcf),
                "gVCF records": _records(gvcf),
                "gVCF has the VCF's calls": "yes" if same else "no",
                **counted(of_vcf),
                "SNP candidates' recall": None if found.snp.recall is None else round(found.snp.recall, 5),
                "indel candidates' recall": None
                if found.indel.recall is None
                else round(found.indel.recall, 5),
            }
        )
    return rows


def _records(vcf: Path) -> int:
    with pysam.VariantFile(str(vcf)) as records:
        return sum(1 for _ in records)
