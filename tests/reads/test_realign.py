"""Local realignment: what it mends, what it leaves alone, and that it does not depend on the region."""

import random

import numpy as np
import pysam
import pytest

from dvplug.candidates.finder import find_candidates
from dvplug.genome.reference import Reference
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.opened import OpenedReads
from dvplug.reads.realign import REALIGN_MARGIN, count_breaks, find_windows, realign_reads
from dvplug.sequence.codes import encode_bases
from dvplug.technology import Assembly, CandidateThresholds, ReadFilter
from helpers.read_batches import Read, operations, random_reads, random_sequence, read_batch, walk
from helpers.shared_data import SHARED, needs_shared
from oracles.breaks import twin_breaks

NA12878 = SHARED / "illumina" / "NA12878_b37.chr20_10.0-10.1M.2x101.50x.bam"
B37 = SHARED / "reference" / "b37.chr20_regions.fa.gz"
USUAL = Assembly()


def cigar(batch: ReadBatch, read: int) -> str:
    packed = batch.cigar[batch.cigar_offset[read] : batch.cigar_offset[read + 1]].tolist()
    return "".join(f"{operation >> 4}{'MIDNSHP=X'[operation & 15]}" for operation in packed)


def sequence(batch: ReadBatch, read: int) -> bytes:
    return batch.seq[batch.base_offset[read] : batch.base_offset[read + 1]].tobytes()


def fragmented() -> tuple[str, list[Read]]:
    """Reads of a homozygous 12-bp insertion, which an aligner wrote as such, as two smaller ones, or clipped."""
    rng = random.Random(8)
    left, right = ("".join(rng.choices("ACGT", k=400)) for _ in range(2))
    reference, inserted = left + right, "GATTACAGGCTT"
    sample = left + inserted + right
    reads = []
    for start in range(320, 396, 2):
        seq, before = sample[start : start + 100], 400 - start
        whole = f"{before}M12I{88 - before}M"
        # 4 inserted, 6 aligned as mismatches, 8 inserted: the last 6 before the place move to the right
        split = f"{before - 6}M4I6M8I{88 - before}M"
        clipped = f"{before}M{100 - before}S"
        late = f"{before + 12}S{88 - before}M"
        kind = rng.choice([whole, split, clipped, late] if before > 6 else [whole, late])
        reads.append(Read(400 if kind == late else start, kind, seq))
    return reference, sorted(reads, key=lambda read: read.start)


def test_what_the_aligner_tore_apart_is_one_insertion_again() -> None:
    reference, reads = fragmented()
    codes = encode_bases(reference.encode())
    batch = realign_reads(read_batch(reads), codes, 0)
    thresholds, region = CandidateThresholds(), Region("c", 0, len(reference))
    sites = find_candidates(batch, codes, 0, region, thresholds)
    assert [(ref, alts) for ref, alts in zip(sites.refs, sites.alts, strict=True)] == [
        (reference[399], (reference[399] + "GATTACAGGCTT",))
    ]
    assert set(sites.read_allele.tolist()) <= {1, -2}
    before = find_candidates(read_batch(reads), codes, 0, region, thresholds)
    assert len(before) > 1  # else this test shows nothing


def found(
    reference: str, reads: list[Read], assembly: Assembly = USUAL
) -> list[tuple[int, str, tuple[str, ...]]]:
    """Candidates after realignment: start, REF, ALTs."""
    codes = encode_bases(reference.encode())
    batch = realign_reads(read_batch(sorted(reads, key=lambda read: read.start)), codes, 0, assembly)
    sites = find_candidates(batch, codes, 0, Region("c", 0, len(reference)), CandidateThresholds())
    return list(zip(sites.start.tolist(), sites.refs, sites.alts, strict=True))


def clipped(sample: str, start: int, length: int, place: int, inserted: int, after: int) -> Read:
    """A read of ``sample`` that differs from the reference at ``place``, clipped where it differs.

    What lies before ``place`` in the sample is the reference's; behind ``inserted`` bp it goes on from ``after``.
    """
    seq, left = sample[start : start + length], place - start
    right = length - left - inserted
    if left >= right:
        return Read(start, f"{left}M{length - left}S" if left < length else f"{length}M", seq)
    return (
        Read(after, f"{length - right}S{right}M", seq) if right < length else Read(start, f"{length}M", seq)
    )


def test_a_heterozygous_deletion_in_short_reads_is_assembled() -> None:
    """Of 76 bp: few of the reads of a window hold any one k-mer, and only a third of those have the deletion's."""
    rng = random.Random(4)
    reference = random_sequence(rng, 1000)
    sample = reference[:500] + reference[530:]
    reads = [Read(start, "76M", reference[start : start + 76]) for start in range(200, 800, 3)]
    reads += [clipped(sample, start, 76, 500, 0, 530) for start in range(425, 500, 6)]
    reads += [Read(start, "76M", sample[start : start + 76]) for start in range(200, 424, 6)]
    reads += [Read(start + 30, "76M", sample[start : start + 76]) for start in range(500, 800, 6)]
    assert found(reference, reads) == [(499, reference[499:530], (reference[499],))]


def test_an_insertion_at_which_all_reads_are_clipped_is_found() -> None:
    """Clips from both sides meet at one place."""
    rng = random.Random(5)
    reference, inserted = random_sequence(rng, 800), "GATTACAGGCTTCATGACCA"
    sample = reference[:400] + inserted + reference[400:]
    reads = [clipped(sample, start, 100, 400, 20, 400) for start in range(305, 415, 3)]
    assert found(reference, reads) == [(399, reference[399], (reference[399] + inserted,))]


@pytest.mark.parametrize(
    ("assembly", "is_found"),
    [
        (USUAL, False),
        (Assembly(shortest_k=15), False),
        (Assembly(min_base_quality=5, shortest_k=15), True),
    ],
)
def test_reads_of_50_bp_with_uncertain_bases_need_shorter_k_mers_with_such(
    assembly: Assembly, is_found: bool
) -> None:
    """Two bases of every read have a quality of 10; an insertion of 20 bp leaves it 15 bp on either side."""
    rng = random.Random(6)
    reference, inserted = random_sequence(rng, 800), "GATTACAGGCTTCATGACCA"
    sample = reference[:400] + inserted + reference[400:]
    uncertain = [10 if at % 24 == 12 else 30 for at in range(50)]
    reads = [
        clipped(sample, start, 50, 400, 20, 400)._replace(qual=uncertain) for start in range(352, 420, 4)
    ]
    expected = [(399, reference[399], (reference[399] + inserted,))]
    assert found(reference, reads, assembly) == (expected if is_found else [])


def test_reads_keep_their_bases_and_their_order() -> None:
    reference, reads = fragmented()
    batch = realign_reads(read_batch(reads), encode_bases(reference.encode()), 0)
    assert (np.diff(batch.start) >= 0).all()
    assert sorted(sequence(batch, i) for i in range(len(batch))) == sorted(
        encode_bases(read.seq.encode()).tobytes() for read in reads
    )
    for i in range(len(batch)):
        spans = operations(cigar(batch, i))
        assert sum(n for n, op in spans if op in "MIS") == len(sequence(batch, i))
        assert batch.end[i] == batch.start[i] + sum(n for n, op in spans if op in "MD")


def test_reads_that_change_places_where_they_lie_are_those_that_are_copied() -> None:
    reference, reads = fragmented()
    codes = encode_bases(reference.encode())
    before = read_batch(reads)
    copied = realign_reads(before, codes, 0)
    assert (before.seq == read_batch(reads).seq).all()
    assert not (copied.name_hash == before.name_hash).all(), "none changes its place: the test shows nothing"
    moved = realign_reads(read_batch(reads), codes, 0, in_place=True)
    for name, array in copied.arrays()._asdict().items():
        assert getattr(moved, name).tolist() == array.tolist(), name


@pytest.mark.parametrize("seed", range(20))
def test_reads_in_another_order_are_those_that_are_taken(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reads = random_reads(random.Random(seed), random_sequence(random.Random(seed), 300), 40)
    nearby = np.argsort(np.arange(40) + rng.integers(0, 1 + seed % 5, 40), kind="stable")
    order = rng.permutation(40) if seed % 4 == 3 else nearby
    taken, moved = read_batch(reads).take(order), read_batch(reads).reordered(order)
    for name, array in taken.arrays()._asdict().items():
        assert getattr(moved, name).tolist() == array.tolist(), name


@pytest.mark.parametrize("seed", range(30))
def test_breaks_are_counted_as_in_a_slow_twin(seed: int) -> None:
    rng = random.Random(seed)
    reference = random_sequence(rng, 300)
    reads = random_reads(rng, reference, 40)
    batch = read_batch(reads)
    indels, clips, depth = count_breaks(batch.arrays(), encode_bases(reference.encode()), 0)
    expected, expected_clips = twin_breaks(reads, reference)
    assert indels.tolist() == expected
    assert clips.tolist() == expected_clips
    assert depth.tolist() == [sum(r.start <= p < r.end for r in reads) for p in range(300)]


def test_one_clean_indel_needs_no_window() -> None:
    reference, _ = fragmented()
    seq = reference[350:400] + "ACGTT" + reference[400:445]
    codes = encode_bases(reference.encode())
    clean = read_batch([Read(350, "50M5I45M", seq)] * 10)
    assert not len(find_windows(clean, codes, 0))
    assert realign_reads(clean, codes, 0) is clean


def test_spliced_and_hard_clipped_reads_stay() -> None:
    reference, reads = fragmented()
    spliced = Read(340, "40M100N60M", reference[340:380] + reference[480:540])
    hard = Read(340, "5H58M42S", reads[0].seq[:58] + "A" * 42)
    batch = realign_reads(
        read_batch(sorted([*reads, spliced, hard], key=lambda r: r.start)),
        encode_bases(reference.encode()),
        0,
    )
    cigars = {cigar(batch, i) for i in range(len(batch))}
    assert {"40M100N60M", "5H58M42S"} <= cigars


@needs_shared
def test_realigned_real_reads_agree_with_the_reference_and_each_other() -> None:
    with pysam.AlignmentFile(str(NA12878)) as file, Reference.open(B37) as reference:
        reads = fetch_reads([OpenedReads(file)], Region("20", 10_030_000, 10_070_000), ReadFilter())
        codes = reference.codes("20", 10_025_000, 10_075_000)
    realigned = realign_reads(reads, codes, 10_025_000)
    before = {key(reads, i): i for i in range(len(reads))}
    changed, mismatches, gaps = 0, [0, 0], [set(), set()]
    for i in range(len(realigned)):
        j = before[key(realigned, i)]
        if cigar(reads, j) == cigar(realigned, i) and reads.start[j] == realigned.start[i]:
            continue
        changed += 1
        for which, (batch, k) in enumerate(((reads, j), (realigned, i))):
            read = Read(int(batch.start[k]), cigar(batch, k), "".join("ACGTN"[b] for b in sequence(batch, k)))
            for op, position, index, length in walk(read):
                if op == "M":
                    bases = np.frombuffer(sequence(batch, k), np.uint8)[index : index + length]
                    there = codes[position - 10_025_000 : position - 10_025_000 + length]
                    mismatches[which] += int((bases != there).sum())
                elif op in "ID":
                    gaps[which].add((position, op, length))
    assert changed > 50
    assert mismatches[1] < mismatches[0] / 2
    assert len(gaps[1]) < len(gaps[0]) / 2


def key(batch: ReadBatch, i: int) -> tuple[int, bytes]:
    return int(batch.name_hash[i]), sequence(batch, i)


@needs_shared
@pytest.mark.parametrize("cut", [10_037_050, 10_037_130, 10_036_935])
def test_a_region_s_reads_are_realigned_alike_wherever_it_is_cut(cut: int) -> None:
    def alignments(start: int, end: int) -> dict[tuple[int, bytes], tuple[int, str]]:
        region = Region("20", start, end)
        with pysam.AlignmentFile(str(NA12878)) as file, Reference.open(B37) as reference:
            reads = fetch_reads([OpenedReads(file)], region, ReadFilter(), margin=REALIGN_MARGIN)
            codes = reference.codes("20", start - 2 * REALIGN_MARGIN, end + 2 * REALIGN_MARGIN)
        reads = realign_reads(reads, codes, start - 2 * REALIGN_MARGIN)
        over = np.flatnonzero((reads.start < end) & (reads.end > start))
        return {key(reads, i): (int(reads.start[i]), cigar(reads, i)) for i in over.tolist()}

    whole = alignments(10_030_000, 10_040_000)
    parts = alignments(10_030_000, cut) | alignments(cut, 10_040_000)
    assert parts == whole
