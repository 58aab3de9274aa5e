"""How good the candidates are by themselves: with the best genotypes that they allow, what is found and what is false.

As in Table 1 of the DeepVariant paper (doi:10.1038/nbt.4235), which tells the two halves of the caller apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam

from dvplug.engine.draw import RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.evaluate import ClassCounts, ConfidentRegions, TruthSet, evaluate
from dvplug.genome.reference import Reference
from dvplug.genome.regions import partitions
from dvplug.line.region import Region
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.groups import ReadSource
from dvplug.system.workers import map_in_order
from dvplug.train.labeler import UNLABELED, OpenSites, label_candidates
from dvplug_lab.comparison.sets import ValidationSet

Record = tuple[str, int, str, tuple[str, ...], tuple[int, int]]


@dataclass(frozen=True)
class CandidatesJob:
    """What a worker needs."""

    pipeline: Pipeline
    chosen: ValidationSet


class RegionGenotypes:
    """The candidates of a region with the genotypes of the truth, in a worker process."""

    def __init__(self, job: CandidatesJob) -> None:
        self.images = RegionImages(job.pipeline, job.chosen.reference, [ReadSource(job.chosen.reads)])
        self.truth = TruthSet.from_vcf(job.chosen.truth)
        self.confident = ConfidentRegions.from_bed(job.chosen.confident, self.images.reference.lengths)

    def __call__(self, region: Region) -> list[Record]:
        """Return contig, start, ref, alts and genotype of each labeled candidate."""
        found: list[Record] = []
        for drawn in self.images.draw(region):
            one = drawn.candidates
            sites = OpenSites(one.contig, one.start.tolist(), one.refs, one.alts)
            genotypes = label_candidates(sites, self.truth, self.confident, self.images.reference)
            rows = zip(one.start.tolist(), one.refs, one.alts, genotypes.tolist(), strict=True)
            found += [
                (one.contig, start, ref, alts, (a, b)) for start, ref, alts, (a, b) in rows if a != UNLABELED
            ]
        return found


def count_candidates(
    chosen: ValidationSet, where: Sequence[Region], folder: Path, workers: int = 1
) -> dict[str, ClassCounts]:
    """Count truth variants that the candidates can give, and candidates that are none, by SNP and INDEL.

    Parameters
    ----------
    folder
        Where the VCF of candidates with the truth's genotypes is written.
    """
    plugins = installed_plugins()
    profile = plugins.technology(chosen.tech)
    job = CandidatesJob(Pipeline.of(plugins, profile), chosen)
    parts = list(partitions(where, profile.partition_size))
    records = [r for found in map_in_order(RegionGenotypes, job, parts, workers) for r in found]
    false = Counter(
        all(len(allele) == 1 for allele in (ref, *alts)) for _, _, ref, alts, gt in records if gt == (0, 0)
    )
    path = folder / "candidates.vcf.gz"
    _write([record for record in records if record[4] != (0, 0)], chosen.reference, path)
    result = evaluate(chosen.truth, path, chosen.confident, chosen.reference)
    return {
        kind: ClassCounts(counts.tp_truth, counts.tp_query, counts.fp + false[is_snp], counts.fn)
        for kind, counts, is_snp in (("SNP", result.snp, True), ("INDEL", result.indel, False))
    }


def _write(records: Sequence[Record], reference: Path, out: Path) -> None:
    header = pysam.VariantHeader()
    header.add_sample("candidates")
    header.add_line('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    with Reference.open(reference) as opened:
        for name, length in opened.lengths.items():
            header.contigs.add(name, length)
    with pysam.VariantFile(str(out), "wz", header=header) as written:
        for contig, start, ref, alts, genotype in sorted(
            records, key=lambda r: (list(header.contigs).index(r[0]), r[1])
        ):
            record = header.new_record(contig, start, start + len(ref), (ref, *alts))
            record.samples[0]["GT"] = genotype
            written.write(record)
    pysam.tabix_index(str(out), preset="vcf", force=True)
