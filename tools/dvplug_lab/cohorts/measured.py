"""How right genotypes of a cohort are, sample by sample and family by family."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pysam

from dvplug.evaluate import evaluate
from dvplug.sequence.alleles import normalised
from dvplug_lab.cohorts.simulated import EDGE
from dvplug_lab.commands import run

HIGHEST_BAND = 50
PLACE = 60
"""bp on either side of a new mutation: what lies within 50 is one region of the count of violations."""
PlacedAllele = tuple[str, int, str, str]
"""Contig, 0-based start, REF and ALT."""


@dataclass
class Band:
    """Genotypes of like GQ: how many, how many are wrong, and how many would be by their GQ."""

    genotypes: int = 0
    wrong: int = 0
    claimed: float = 0.0


def merged(gvcfs: Sequence[Path], reference: Path, out: Path) -> Path:
    """Merge gVCFs by bcftools, which changes no genotype."""
    run([["bcftools", "merge", "--gvcf", str(reference), *map(str, gvcfs), "-Oz", "-o", str(out)]])
    return out


def wrong_genotypes(
    cohort: Path, truth: Mapping[str, Path], reference: Path
) -> Counter[tuple[int, int | None]]:
    """Count, over all samples and all alleles that the truth or the calls have, copies that differ from the truth.

    Returns
    -------
    Counter
        By the true number of copies and that of the calls; None where there is no call.
    """
    with pysam.FastaFile(str(reference)) as fasta:
        sequences = {contig: fasta.fetch(contig) for contig in fasta.references}
    called = _copies(cohort, sequences)
    known = {sample: _copies(path, sequences)[sample] for sample, path in truth.items()}
    alleles = {allele for own in known.values() for allele in own if _away_from_ends(allele, sequences)}
    found: Counter[tuple[int, int | None]] = Counter()
    for sample, own in known.items():
        calls = called[sample]
        false = {allele for allele, count in calls.items() if count and _away_from_ends(allele, sequences)}
        for allele in alleles | false:
            right, told = own.get(allele) or 0, calls.get(allele, 0)
            if right != told:
                found[right, told] += 1
    return found


def genotypes_by_gq(cohort: Path, truth: Mapping[str, Path], reference: Path) -> dict[int, Band]:
    """Count genotypes of a simulated cohort, all and wrong ones, by bands of 10 of their GQ; the highest is open.

    A genotype is wrong if an alt of its record has another number of copies in truth. Those that are not called, and
    records within `EDGE` of an end of their contig, are left out.

    Returns
    -------
    dict
        Bands by the lowest GQ of each.
    """
    with pysam.FastaFile(str(reference)) as fasta:
        sequences = {contig: fasta.fetch(contig) for contig in fasta.references}
    true_copies = {sample: _copies(path, sequences)[sample] for sample, path in truth.items()}
    found = {least: Band() for least in range(0, HIGHEST_BAND + 1, 10)}
    with pysam.VariantFile(str(cohort)) as records:
        for record in records:
            ref = sequences[record.chrom]
            alleles = {
                number: (record.chrom, *normalised(record.start, record.ref, alt, ref, 0, len(ref)))
                for number, alt in enumerate(record.alts or (), 1)
                if alt[0] not in "<*"
            }
            if not all(_away_from_ends(allele, sequences) for allele in alleles.values()):
                continue
            for name, copies in true_copies.items():
                genotype, gq = (record.samples[name].get(field) for field in ("GT", "GQ"))
                if None in genotype or gq is None:
                    continue
                band = found[min(gq // 10 * 10, HIGHEST_BAND)]
                band.genotypes += 1
                band.claimed += 10 ** (-gq / 10)
                band.wrong += any(
                    genotype.count(number) != (copies.get(allele) or 0) for number, allele in alleles.items()
                )
    return found


def _copies(path: Path, sequences: Mapping[str, str]) -> dict[str, dict[PlacedAllele, int | None]]:
    """Copies of each allele, normalised, by sample."""
    with pysam.VariantFile(str(path)) as records:
        found: dict[str, dict[PlacedAllele, int | None]] = {name: {} for name in records.header.samples}
        for record in records:
            ref = sequences[record.chrom]
            for number, alt in enumerate(record.alts or (), 1):
                if alt[0] in "<*":
                    continue
                allele = (record.chrom, *normalised(record.start, record.ref, alt, ref, 0, len(ref)))
                for name, own in found.items():
                    genotype = record.samples[name]["GT"]
                    count = None if None in genotype else genotype.count(number)
                    own[allele] = own.get(allele) or count
    return found


def _away_from_ends(allele: PlacedAllele, sequences: Mapping[str, str]) -> bool:
    return EDGE <= allele[1] < len(sequences[allele[0]]) - EDGE


def wrong_haplotypes(
    cohort: Path, truth: Mapping[str, Path], confident: Path, reference: Path, folder: Path
) -> tuple[int, int]:
    """Count, of all samples, variants of the truth without a match and calls without one, whatever FILTER says."""
    missed = false = 0
    for sample, own in truth.items():
        column = folder / f"{sample}.column.vcf.gz"
        run(
            [
                ["bcftools", "view", "-s", sample, "-a", str(cohort)],
                ["bcftools", "annotate", "-x", "FILTER,INFO", "-Oz", "-o", str(column)],
            ]
        )
        result = evaluate(own, column, confident, reference, all_filters=True)
        missed += result.snp.fn + result.indel.fn
        false += result.snp.fp + result.indel.fp
    return missed, false


def reference_without_reads(cohort: Path) -> int:
    """Count genotypes of reference alleles alone at a DP of 0."""
    count = 0
    with pysam.VariantFile(str(cohort)) as records:
        for record in records:
            for sample in record.samples.values():
                is_reference = set(sample["GT"]) == {0}
                count += is_reference and sample.get("DP") == 0
    return count


def without_places(cohort: Path, contig: str, places: Sequence[int], out: Path) -> Path:
    """Write the records that lie `PLACE` bp away from all of these 0-based positions, one at least."""
    bed = Path(f"{out}.bed")
    bed.write_text("".join(f"{contig}\t{max(at - PLACE, 0)}\t{at + PLACE + 1}\n" for at in places))
    run([["bcftools", "view", "-T", f"^{bed}", str(cohort), "-Oz", "-o", str(out)]])
    return out


def new_mutations(cohort: Path, least: float) -> Iterator[tuple[str, str, int]]:
    """Yield child, contig and 0-based start where DNP is so high."""
    with pysam.VariantFile(str(cohort)) as records:
        for record in records:
            for name, sample in record.samples.items():
                if (sample.get("DNP") or 0) >= least:
                    yield name, record.chrom, record.start
