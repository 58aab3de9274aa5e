"""Whether a false call fits to the haplotypes of the truth."""

from __future__ import annotations

import random
from pathlib import Path

import pysam
import pytest

from dvplug_lab.comparison.linkage import linkage
from helpers.read_batches import Read, alignment_file, random_sequence

HET, CALL = 100, 150


def vcf(path: Path, start: int, ref: str, alt: str, gt: str) -> pysam.VariantFile:
    plain = path.with_suffix("")
    plain.write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=c,length=400>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
        f"c\t{start + 1}\t.\t{ref}\t{alt}\t50\tPASS\t.\tGT\t{gt}\n"
    )
    pysam.tabix_compress(str(plain), str(path), force=True)
    pysam.tabix_index(str(path), preset="vcf", force=True)
    return pysam.VariantFile(str(path))


@pytest.mark.parametrize("kind", ["snp", "insertion", "deletion"])
@pytest.mark.parametrize("linked", ["same", "other", "neither"])
def test_alleles_of_one_haplotype_fit(tmp_path: Path, kind: str, linked: str) -> None:
    rng = random.Random(3)
    reference = random_sequence(rng, 400)
    base = next(b for b in "ACGT" if b != reference[HET])
    ref = reference[CALL : CALL + 3] if kind == "deletion" else reference[CALL]
    alt = {"snp": next(b for b in "ACGT" if b != ref[0]), "insertion": ref + "TTT", "deletion": ref[0]}[kind]
    reads = []
    for k in range(20):
        with_het = k % 2 == 0
        with_call = {"same": with_het, "other": not with_het, "neither": k % 4 < 2}[linked]
        left = reference[60:HET] + (base if with_het else reference[HET]) + reference[HET + 1 : CALL]
        right = reference[CALL + len(ref) :][:60]
        change = {"snp": f"{90 + 1 + 60}M", "insertion": "91M3I60M", "deletion": "91M2D60M"}[kind]
        middle, cigar = (alt, change) if with_call else (ref, f"{90 + len(ref) + 60}M")
        reads.append(Read(60, cigar, left + middle + right, name=f"f{k}"))
    alignments = alignment_file(tmp_path / "a.bam", reads, {"c": reference})
    truth = vcf(tmp_path / "truth.vcf.gz", HET, reference[HET], base, "1|0")
    called = next(iter(vcf(tmp_path / "call.vcf.gz", CALL, ref, alt, "0/1")))
    expected = (10, 20) if linked == "neither" else (20, 20)
    assert linkage(alignments, truth, called) == expected


def test_nothing_is_said_where_no_fragment_is_shared(tmp_path: Path) -> None:
    reference = random_sequence(random.Random(1), 400)
    alignments = alignment_file(tmp_path / "a.bam", [Read(0, "60M", reference[:60])], {"c": reference})
    truth = vcf(tmp_path / "truth.vcf.gz", 350, reference[350], "A" if reference[350] != "A" else "C", "0|1")
    called = next(
        iter(vcf(tmp_path / "call.vcf.gz", 30, reference[30], "A" if reference[30] != "A" else "C", "0/1"))
    )
    assert linkage(alignments, truth, called) is None
