"""Counting of alleles, left-alignment, thresholds and grouping into sites."""

import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dvplug.candidates.exclusion import NEAR
from dvplug.candidates.finder import count_alleles, find_candidates
from dvplug.genome.reference import Reference
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.region import Region
from dvplug.reads.fetch import ReadBatch, fetch_reads
from dvplug.reads.opened import OpenedReads
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds, ReadFilter
from helpers.read_batches import (
    Read,
    alignment_file,
    gapped_read,
    random_reads,
    random_sequence,
    read_batch,
    write_fasta,
)
from helpers.shared_data import SHARED, needs_shared
from oracles.finder import Observed, edited, joined, observed, twin_sites
from oracles.gvcf import counted_slowly

EVERYTHING = CandidateThresholds(
    min_base_quality=0,
    min_count_snps=1,
    min_count_indels=1,
    min_fraction_snps=0,
    min_fraction_indels=0,
    max_alts=6,
)
seeds = st.integers(0, 2**32 - 1)


def find(
    reads: list[Read],
    reference: str,
    thresholds: CandidateThresholds,
    region: Region | None = None,
    offset: int = 0,
) -> CandidateBatch:
    region = region or Region("c", offset, len(reference))
    return find_candidates(
        read_batch(reads), encode_bases(reference[offset:].encode()), offset, region, thresholds
    )


def alleles(batch: CandidateBatch) -> list[tuple[int, str, tuple[str, ...]]]:
    return list(zip(batch.start.tolist(), batch.refs, batch.alts, strict=True))


def counts_of(batch: ReadBatch, reference: str, min_base_quality: int) -> tuple[np.ndarray, ...]:
    return count_alleles(batch.arrays(), encode_bases(reference.encode()), 0, min_base_quality)


@settings(max_examples=30)
@given(seeds)
def test_counts_agree_with_a_walk_along_each_read(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 90)
    reads = random_reads(rng, reference, 25)
    depth, seen, _ = observed(reads, reference, 10)
    counts, found_depth, differ, events = counts_of(read_batch(reads), reference, 10)
    assert found_depth.tolist() == [depth[i] for i in range(90)]
    _, against = counted_slowly(reads, reference, 10)
    assert differ.tolist() == [against[i] for i in range(90)]
    snps = {(i, "ACGT"[b]): n for (i, b), n in np.ndenumerate(counts) if n}
    assert snps == {(start, alt): n for (start, ref, alt), n in seen.items() if len(ref) == len(alt)}
    indels = Counter(
        (start, len(alt) - len(ref), 0) if ref[0] == alt[0] else (start, len(alt), len(ref))
        for start, ref, alt in seen.elements()
        if len(ref) != len(alt)
    )
    assert Counter(map(tuple, events[:, [0, 1, 5]].tolist())) == indels


@settings(max_examples=50)
@given(
    seeds,
    st.builds(
        CandidateThresholds,
        min_base_quality=st.sampled_from([0, 10, 26]),
        min_count_snps=st.integers(1, 3),
        min_count_indels=st.integers(1, 3),
        min_fraction_snps=st.sampled_from([0, 0.1, 0.12, 0.3]),
        min_fraction_indels=st.sampled_from([0, 0.06, 0.2]),
        further_indels=st.sampled_from([0.25, 0.6, 1]),
        max_alts=st.integers(1, 6),
    ),
)
def test_sites_agree_with_exact_arithmetic(seed: int, thresholds: CandidateThresholds) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 70)
    reads = random_reads(rng, reference, 40)
    assert alleles(find(reads, reference, thresholds)) == twin_sites(reads, reference, thresholds)


@settings(max_examples=30)
@given(seeds)
@example(71095)  # a read with two gaps that are both moved to the base that it has changed
def test_every_alt_makes_the_haplotype_that_its_reads_show(seed: int) -> None:
    """REF spans the longest deletion of the site; that must not change what the other alts mean."""
    rng = random.Random(seed)
    reference = random_sequence(rng, 70)
    reads = random_reads(rng, reference, 40)
    found = {
        edited(reference, s, ref, alt)
        for s, ref, alts in alleles(find(reads, reference, EVERYTHING))
        for alt in alts
    }
    depth, seen, anchors = observed(reads, reference, 0)
    shown = {edited(reference, *allele) for allele in seen if "N" not in allele[2]}
    shown |= {edited(reference, start, ref, base + alt[1:]) for start, ref, alt, base in anchors}
    assert found <= shown
    if all(len(alts) < 6 for _, _, alts in alleles(find(reads, reference, EVERYTHING))):
        plain = Counter({allele: count for allele, count in seen.items() if "N" not in allele[2]})
        assert found == {
            edited(reference, *one) for one in joined(plain, Observed(depth, seen, anchors), EVERYTHING)
        }


def random_indel(rng: random.Random, reference: str) -> tuple[int, str, str]:
    """Anchor, REF and ALT of an indel somewhere in a tract, not left-aligned."""
    anchor, length = rng.randrange(20, len(reference) - 30), rng.choice([1, 1, 2, 3, 4, 6, 10])
    base = reference[anchor]
    if rng.random() < 0.5:
        return anchor, reference[anchor : anchor + 1 + length], base
    copied = reference[anchor + 1 : anchor + 1 + length]
    return anchor, base, base + (copied if rng.random() < 0.7 else random_sequence(rng, length))


def indel_read(reference: str, anchor: int, ref: str, alt: str) -> Read:
    """A read of the whole haplotype whose gap lies where the allele says."""
    change = len(alt) - len(ref)
    gap = f"{change}I" if change > 0 else f"{-change}D"
    rest = len(reference) - anchor - len(ref)
    return Read(0, f"{anchor + 1}M{gap}{rest}M", edited(reference, anchor, ref, alt))


def test_indels_are_normalised_as_bcftools_does(tmp_path: Path) -> None:
    if shutil.which("bcftools") is None:
        pytest.skip("bcftools is absent")
    rng = random.Random(11)
    reference = random_sequence(rng, 400)
    indels = sorted(random_indel(rng, reference) for _ in range(300))
    fasta = write_fasta(tmp_path / "ref.fa", {"c": reference})
    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID=c,length={len(reference)}>",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    lines += [f"c\t{a + 1}\t{i}\t{ref}\t{alt}\t.\t.\t." for i, (a, ref, alt) in enumerate(indels)]
    (tmp_path / "in.vcf").write_text("\n".join(lines) + "\n")
    command = ["bcftools", "norm", "--no-version", "-f", fasta, tmp_path / "in.vcf"]
    normalised = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t") for line in normalised.splitlines() if not line.startswith("#")]
    expected = {int(row[2]): (int(row[1]) - 1, row[3], (row[4],)) for row in rows}
    assert sum(expected[i][0] != indels[i][0] for i in expected) > 80
    for i, indel in enumerate(indels):
        assert alleles(find([indel_read(reference, *indel)], reference, EVERYTHING)) == [expected[i]]


@pytest.mark.parametrize(
    ("cigar", "seq", "site"),
    [
        ("7M1D6M", "TGAAAAACCGTGT", (1, "GA", ("G",))),
        ("7M1I7M", "TGAAAAAACCGTGT"[:7] + "A" + "ACCGTGT", (1, "G", ("GA",))),
        ("12M2D2M", "TGAAAAAACCGTGT"[:12] + "CA", (9, "CGT", ("C",))),
        ("5M3I9M", "TGAAA" + "AAA" + "AAACCGTGT", (1, "G", ("GAAA",))),
        ("1M2I13M", "T" + "CT" + "GAAAAAACCGTGT", (0, "T", ("TCT",))),
    ],
)
def test_indels_move_to_the_left_end_of_their_tract(cigar: str, seq: str, site: tuple) -> None:
    reference = "TGAAAAAACCGTGTCAGG"
    read = Read(0, cigar, seq)
    assert [a for a in alleles(find([read], reference, EVERYTHING)) if len(a[1]) != len(a[2][0])] == [site]


@settings(max_examples=300)
@given(seeds)
def test_two_indels_of_a_read_do_not_exclude_each_other(seed: int) -> None:
    """All that a read shows lies on one copy: so put into the reference together it is the read."""
    rng = random.Random(seed)
    reference = random_sequence(rng, 90)
    read = gapped_read(rng, reference, 2)
    batch = find([read], reference, EVERYTHING)
    made, end = reference, len(reference)
    for start, ref, alts in reversed(alleles(batch)):
        assert len(alts) == 1
        assert start + len(ref) <= end
        made, end = edited(made, start, ref, alts[0]), start
    assert made == read.seq


def test_indels_at_the_ends_of_an_alignment_do_not_count() -> None:
    reads = [
        Read(5, "2S3I9M", "A" * 14),
        Read(5, "9M3I2S", "A" * 14),
        Read(5, "3D9M", "A" * 9),
        Read(5, "9M3D1S", "A" * 10),
    ]
    assert alleles(find(reads, "A" * 30, EVERYTHING)) == []


SNP_LINE = "ACGTACGTACGTACGTACGT"


def snp_reads(alts: int, depth: int, qual: int = 30) -> list[Read]:
    seq = [SNP_LINE[:9] + "G" + SNP_LINE[10:]] * alts + [SNP_LINE] * (depth - alts)
    return [Read(0, "20M", s, qual) for s in seq]


def deletion_reads(alts: int, depth: int, qual: int = 30) -> list[Read]:
    deleted = Read(0, "10M1D9M", SNP_LINE[:10] + SNP_LINE[11:], qual)
    return [deleted] * alts + [Read(0, "20M", SNP_LINE, qual)] * (depth - alts)


def insertion_reads(alts: int, depth: int, qual: int = 30) -> list[Read]:
    inserted = Read(0, "10M2I10M", SNP_LINE[:10] + "AA" + SNP_LINE[10:], qual)
    return [inserted] * alts + [Read(0, "20M", SNP_LINE, qual)] * (depth - alts)


@pytest.mark.parametrize("make", [snp_reads, deletion_reads, insertion_reads])
@pytest.mark.parametrize(
    ("fraction", "alts", "depth"), [(0.12, 3, 25), (0.06, 3, 50), (0.1, 7, 70), (0.3, 3, 10)]
)
def test_fractions_are_reached_exactly(
    make: Callable[..., list[Read]], fraction: float, alts: int, depth: int
) -> None:
    thresholds = EVERYTHING.model_copy(
        update={"min_fraction_snps": fraction, "min_fraction_indels": fraction}
    )
    assert len(find(make(alts, depth), SNP_LINE, thresholds)) == 1
    assert len(find(make(alts, depth + 1), SNP_LINE, thresholds)) == 0


@pytest.mark.parametrize("make", [snp_reads, deletion_reads, insertion_reads])
def test_counts_and_qualities_are_reached_exactly(make: Callable[..., list[Read]]) -> None:
    thresholds = CandidateThresholds(min_base_quality=20, min_count_snps=3, min_count_indels=3)
    assert len(find(make(3, 4, 20), SNP_LINE, thresholds)) == 1
    assert len(find(make(2, 4, 20), SNP_LINE, thresholds)) == 0
    assert len(find(make(3, 4, 19), SNP_LINE, thresholds)) == 0


def test_snp_and_deletion_at_one_anchor_become_one_site() -> None:
    snp = snp_reads(2, 2)
    deletion = [Read(0, "10M3D7M", SNP_LINE[:10] + SNP_LINE[13:])] * 3
    insertion = insertion_reads(1, 1)
    batch = find(snp + deletion + insertion + snp_reads(0, 4), SNP_LINE, EVERYTHING)
    assert alleles(batch) == [(9, "CGTA", ("C", "GGTA", "CAAGTA"))]
    assert batch.allele_depths.tolist() == [[4, 3, 2, 1]]
    assert batch.depth.tolist() == [10]


@settings(max_examples=25)
@given(seeds)
def test_ties_between_alts_do_not_depend_on_the_order_of_reads(seed: int) -> None:
    rng = random.Random(seed)
    line = "ACGTCATGCATCGATCTGAC" * 2
    reads: list[Read] = []
    for put in ("A", "G", "T", "CAG", "CTT", "CGGG", "CA"):
        seq = line[:19] + put + line[20:]
        reads += [Read(0, "40M" if len(put) == 1 else f"20M{len(put) - 1}I20M", seq)] * 2
    thresholds = EVERYTHING.model_copy(update={"max_alts": 3})
    expected = alleles(find(reads, line, thresholds))
    rng.shuffle(reads)
    assert alleles(find(reads, line, thresholds)) == expected == [(19, "C", ("A", "CA", "CAG"))]


def test_no_candidates_where_the_reference_is_n() -> None:
    reference = "ACGTACGTANNNACGTACGTACGT"
    reads = [
        Read(0, "24M", reference.replace("N", "A")),
        Read(0, "8M2D14M", reference[:8] + "NNACGTACGTACGT"),
        Read(0, "10M2I14M", reference[:10] + "TT" + reference[10:]),
    ]
    assert alleles(find(reads, reference, EVERYTHING)) == []


def test_inserted_n_is_no_alt() -> None:
    assert (
        alleles(find([Read(0, "10M2I10M", SNP_LINE[:10] + "NA" + SNP_LINE[10:])], SNP_LINE, EVERYTHING)) == []
    )


@settings(max_examples=25)
@given(seeds, st.integers(1, 119))
def test_candidates_of_a_region_are_those_of_its_parts(seed: int, cut: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 120)
    reads = random_reads(rng, reference, 50)
    parts = [find(reads, reference, EVERYTHING, Region("c", *ends)) for ends in ((0, cut), (cut, 120))]
    whole = find(reads, reference, EVERYTHING)
    assert alleles(parts[0]) + alleles(parts[1]) == alleles(whole)
    assert [*parts[0].depth, *parts[1].depth] == whole.depth.tolist()
    np.testing.assert_array_equal(
        np.concatenate([part.read_index for part in parts]), whole.read_index, strict=True
    )
    # Near sites exclude each other's alleles: `engine.draw` has those beyond a cut come along.
    reach = NEAR + max((len(ref) for ref in whole.refs), default=0)
    alike = np.repeat(abs(whole.start - cut) > reach, np.diff(whole.read_offset))
    allele = np.concatenate([part.read_allele for part in parts])
    np.testing.assert_array_equal(allele[alike], whole.read_allele[alike])


def test_partitions_of_a_file_give_the_candidates_of_the_whole(tmp_path: Path) -> None:
    rng = random.Random(12)
    reference = random_sequence(rng, 3000)
    codes = encode_bases(reference.encode())
    with alignment_file(
        tmp_path / "r.bam", random_reads(rng, reference, 1500, 120), {"c": reference}
    ) as file:

        def depths(start: int, end: int) -> list[tuple]:
            region = Region("c", max(0, start - NEAR), min(end + NEAR, len(reference)))
            reads = fetch_reads([OpenedReads(file)], region, ReadFilter(), margin=150)
            first = max(0, start - 400)
            found = find_candidates(reads, codes[first : end + 400], first, region, CandidateThresholds())
            batch = found.at(np.flatnonzero((found.start >= start) & (found.start < end)))
            return [
                (*allele, d, tuple(a[a > 0]))
                for allele, d, a in zip(alleles(batch), batch.depth, batch.allele_depths, strict=True)
            ]

        whole = depths(0, 3000)
        assert len(whole) > 100
        assert [site for i in range(0, 3000, 250) for site in depths(i, i + 250)] == whole


@needs_shared
def test_depth_and_mismatches_agree_with_pysam_on_real_reads() -> None:
    region = Region("20", 18_790_000, 18_792_000)
    with (
        Reference.open(SHARED / "reference/b37.chr20_regions.fa.gz") as fasta,
        pysam.AlignmentFile(str(SHARED / "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam")) as file,
    ):
        reference = fasta.sequence(*region)
        batch = fetch_reads([OpenedReads(file)], region, ReadFilter())
        coverage = file.count_coverage(
            *region,
            quality_threshold=10,
            read_callback=lambda r: not r.flag & 0xF04 and r.mapping_quality >= 5,
        )
    counts, depth, *_ = count_alleles(batch.arrays(), encode_bases(reference.encode()), region.start, 10)
    expected = np.array(coverage).T
    is_reference = np.array([[base == b for b in "ACGT"] for base in reference])
    np.testing.assert_array_equal(counts, np.where(is_reference, 0, expected))
    deleted = depth - expected.sum(axis=1)
    np.testing.assert_array_equal(deleted, deletions(batch, region))
    assert depth.mean() > 40


def deletions(batch: ReadBatch, region: Region) -> np.ndarray:
    """Deleted bases over each position of a region."""
    count = np.zeros(region.end - region.start, np.int32)
    for i in range(len(batch)):
        position = int(batch.start[i]) - region.start
        for packed in batch.cigar[batch.cigar_offset[i] : batch.cigar_offset[i + 1]].tolist():
            length, op = packed >> 4, "MIDNSHP=X"[packed & 15]
            if op == "D":
                count[max(0, position) : max(0, position + length)] += 1
            position += length * (op in "MDN=X")
    return count
