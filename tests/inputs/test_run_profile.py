"""The profile of a run: reads that err as is known give it back, whatever varies, and however they are stored."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam
import pytest

from dvplug.inputs.run_profile import measure_run
from dvplug.line.run_profile import MOST_CHANGE, RunProfile, claimed_p, usual_lengths, usual_profile
from dvplug.reads.groups import ReadSource
from dvplug.simulate import SimulatedDataset
from dvplug.technology import ImageLayout, ReadFilter, TechnologyProfile, UsualErrors
from helpers.read_batches import Read, alignment_file
from helpers.shared_data import SHARED, needs_shared

LAYOUT = ImageLayout(height=8, width=11, channels=("read_base",))
TECHNOLOGY = TechnologyProfile(name="x", description="", model="x@1", image=LAYOUT)
MISMATCH = {8: 0.05, 20: 0.004, 30: 0.002, 37: 0.0005}
"""P(mismatch) by the quality that is written: not what it claims."""
LENGTH, READ, DEPTH = 90_000, 150, 40
SHORTER, LONGER = 2, 1  # of three misread homopolymers


def misread(bp: int) -> float:
    return min(0.3, 0.0008 * 1.5 ** (bp - 1))


def measured(
    *reads: Path, reference: Path, technology: TechnologyProfile = TECHNOLOGY, keep_fraction: float = 1.0
) -> RunProfile:
    sources = [ReadSource(path) for path in reads]
    return measure_run(sources, reference, technology, keep_fraction)[1]


class Genome(NamedTuple):
    """A reference, where its homopolymers lie, and what varies: alleles of the second haplotype, by position."""

    bases: np.ndarray  # codes
    starts: np.ndarray
    lengths: np.ndarray
    other_base: dict[int, int]
    other_length: dict[int, int]  # by index of a homopolymer: bp more or less


def genome(rng: np.random.Generator, *, varied: bool) -> Genome:
    """Homopolymers of 1 bp, or of 4 to 13 bp here and there."""
    lengths = np.where(rng.random(LENGTH) < 0.08, rng.integers(4, 14, LENGTH), 1)
    lengths = lengths[: np.searchsorted(np.cumsum(lengths), LENGTH)]
    codes = np.cumsum(rng.integers(1, 4, len(lengths))) % 4  # no two beside each other are alike
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    bases = np.repeat(codes, lengths)
    other_base, other_length = {}, {}
    if varied:
        for at in range(150, len(bases) - 150, 300):
            other_base[at] = int(bases[at] + 1) % 4
        long = np.flatnonzero(lengths >= 6)
        other_length = {int(k): int(rng.choice([-1, 1])) for k in long[::10]}
    return Genome(bases, starts, lengths, other_base, other_length)


def erring_reads(
    rng: np.random.Generator, one: Genome, mismatch: dict[int, float] = MISMATCH, *, flat: int | None = None
) -> list[Read]:
    """Reads of both haplotypes, with errors as said; indels at the left end of a homopolymer, as aligners put them.

    ``flat`` is written in place of all qualities; the errors are as of the true ones.
    """
    made = []
    letters = np.frombuffer(b"ACGT", np.uint8)
    qualities, p = np.array(list(mismatch)), np.array(list(mismatch.values()))
    for k in range(LENGTH * DEPTH // READ):
        start = int(rng.integers(0, len(one.bases) - READ - 1))
        end, second = start + READ, bool(rng.integers(2))
        bases = one.bases[start:end].copy()
        if second:
            for at, base in one.other_base.items():
                if start <= at < end:
                    bases[at - start] = base
        which = rng.integers(0, len(qualities), READ)
        wrong = rng.random(READ) < p[which]
        bases = np.where(wrong, (bases + rng.integers(1, 4, READ)) % 4, bases)
        first, last = np.searchsorted(one.starts, (start + 1, end))
        cigar, seq, written = [], [], []
        at = start
        slips = rng.random(last - first)
        for run in range(first, last - 1):
            bp = int(one.lengths[run])
            change = one.other_length.get(run, 0) if second else 0
            if slips[run - first] < misread(bp):
                change += -1 if rng.random() < SHORTER / (SHORTER + LONGER) else 1
            if change == 0 or bp + change < 0:
                continue
            place = int(one.starts[run])
            own = slice(at - start, place - start)
            cigar.append(f"{place - at}M")
            seq.append(bases[own])
            written.append(qualities[which[own]])
            if change < 0:
                cigar.append(f"{-change}D")
                at = place - change
            else:
                cigar.append(f"{change}I")
                seq.append(np.full(change, one.bases[place]))
                written.append(np.full(change, 30))
                at = place
        cigar.append(f"{end - at}M")
        if cigar[-1] == "0M" or "0M" in cigar:
            continue
        own = slice(at - start, end - start)
        sequence = np.concatenate([*seq, bases[own]])
        quality = np.concatenate([*written, qualities[which[own]]])
        text = letters[sequence].tobytes().decode()
        shown = quality.tolist() if flat is None else flat
        made.append(Read(start, "".join(cigar), text, shown, 16 * (k % 2), name=f"r{k}"))
    return sorted(made, key=lambda read: read.start)


def write(path: Path, one: Genome, reads: list[Read]) -> None:
    sequence = np.frombuffer(b"ACGT", np.uint8)[one.bases].tobytes().decode()
    alignment_file(path, reads, {"c": sequence}).close()


@pytest.fixture(scope="module", params=[False, True], ids=["nothing varies", "much varies"])
def profile(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunProfile:
    rng = np.random.default_rng(3)
    one = genome(rng, varied=request.param)
    path = tmp_path_factory.mktemp("erring") / "r.bam"
    write(path, one, erring_reads(rng, one))
    return measured(path, reference=path.with_suffix(".fa"))


def test_qualities_mean_what_they_were_made_to(profile: RunProfile) -> None:
    """A heterozygous site every 300 bp would add 1.7e-3 to each rate, if it were counted."""
    for quality, p in MISMATCH.items():
        bases = int(profile.base_counts[quality, 0])
        assert bases > 400_000
        assert profile.mismatch_p[quality] == pytest.approx(p, abs=4 * np.sqrt(p / bases))
    assert profile.counted_qualities() == sorted(MISMATCH)
    assert profile.by_default == ()


def test_lengths_are_misread_as_they_were_made_to(profile: RunProfile) -> None:
    """One in ten long ones is heterozygous in the second genome, and would add a twentieth to each rate."""
    for kind in (0, 1):
        for bp in (1, *range(4, 13)):
            reads = int(profile.length_counts[kind, bp].sum())
            p = misread(bp)
            assert reads > 500
            assert profile.misread_p(kind, bp) == pytest.approx(p, abs=4 * np.sqrt(p / reads))
        by_change = profile.length_p[kind, 8]
        assert by_change[MOST_CHANGE - 1] / by_change[MOST_CHANGE + 1] == pytest.approx(
            SHORTER / LONGER, rel=0.35
        )
        assert by_change[[0, -1]].sum() < 0.02 * misread(8)
    np.testing.assert_allclose(profile.length_p.sum(axis=-1), 1)
    assert profile.length_spread < 0.35  # all places are alike, but for the heterozygous ones that escape


def test_what_the_reads_are_like(profile: RunProfile) -> None:
    assert profile.depth == pytest.approx(DEPTH, rel=0.05)
    assert profile.depth_spread == pytest.approx(np.sqrt(DEPTH), rel=0.25)  # Poisson
    assert profile.read_length.tolist() == pytest.approx([READ] * 5, abs=3)
    assert profile.reverse_strand == pytest.approx(0.5, abs=0.02)
    assert (profile.fragment_length, profile.paired, profile.soft_clipped_reads) == (0, 0, 0)
    assert profile.mapping_quality[60] == 1


def test_a_flat_quality_has_the_mean_of_what_it_hides(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    one = genome(rng, varied=True)
    write(tmp_path / "r.bam", one, erring_reads(rng, one, {20: 0.001}, flat=20))
    found = measured(tmp_path / "r.bam", reference=tmp_path / "r.fa")
    assert found.mismatch_p[20] == pytest.approx(0.001, rel=0.1)
    assert claimed_p()[20] == 0.01
    assert found.counted_qualities() == [20]


def test_reads_without_qual_are_told_apart(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    one = genome(rng, varied=False)
    reads = [read._replace(qual=None) for read in erring_reads(rng, one, {20: 0.003})]
    write(tmp_path / "r.bam", one, reads)
    found = measured(tmp_path / "r.bam", reference=tmp_path / "r.fa")
    assert found.counted_qualities() == [255]
    assert found.mismatch_p[255] == pytest.approx(0.003, rel=0.1)


def test_few_reads_leave_what_the_technology_says(tmp_path: Path) -> None:
    usual = UsualErrors(
        length_error=2e-4, length_growth=1.4, insertion=3e-5, deletion=4e-5, length_spread=0.9
    )
    technology = TECHNOLOGY.model_copy(update={"usual_errors": usual})
    contigs = {"c": "ACGTTGCA" * 200}
    few = [Read(k, "40M", ("ACGTTGCA" * 10)[k % 8 :][:40]) for k in range(0, 400, 4)]
    alignment_file(tmp_path / "few.bam", few, contigs).close()
    found = measured(tmp_path / "few.bam", reference=tmp_path / "few.fa", technology=technology)
    assert set(found.by_default) == {"qualities", "lengths", "insertions and deletions"}
    np.testing.assert_allclose(found.length_p, usual_lengths(2e-4, 1.4), rtol=0.5, atol=1e-9)
    np.testing.assert_allclose(found.mismatch_p, claimed_p(), rtol=0.8)
    assert found.insertion_p == pytest.approx(3e-5, rel=0.15)
    assert found.length_spread == 0.9
    assert found.reads == 100
    alignment_file(tmp_path / "none.bam", [], contigs).close()
    nothing = measured(tmp_path / "none.bam", reference=tmp_path / "none.fa", technology=technology)
    assert nothing == usual_profile(**usual.model_dump())
    assert nothing != found


def test_lanes_are_measured_as_their_merge_and_cram_as_bam(dataset: SimulatedDataset, tmp_path: Path) -> None:
    shutil.copy(dataset.reference, tmp_path / "r.fa")
    pysam.faidx(str(tmp_path / "r.fa"))
    lanes = [tmp_path / "a.bam", tmp_path / "b.bam"]
    with pysam.AlignmentFile(str(dataset.reads)) as reads:
        outs = [pysam.AlignmentFile(str(lane), "wb", template=reads) for lane in lanes]
        for read in reads:
            outs[zlib.crc32(read.query_name.encode()) % 3 > 0].write(read)
    for out, lane in zip(outs, lanes, strict=True):
        out.close()
        pysam.index(str(lane))
    cram = tmp_path / "r.cram"
    pysam.view("-C", "-T", str(tmp_path / "r.fa"), "-o", str(cram), str(dataset.reads), catch_stdout=False)
    pysam.index(str(cram))
    whole = measured(dataset.reads, reference=dataset.reference)
    assert whole.reads > 5_000
    assert measured(*lanes, reference=dataset.reference) == whole
    assert measured(*lanes[::-1], reference=dataset.reference) == whole
    assert measured(cram, reference=tmp_path / "r.fa") == whole
    assert measured(lanes[1], reference=dataset.reference) != whole


def test_a_fraction_of_the_fragments_is_shallower_and_errs_alike(dataset: SimulatedDataset) -> None:
    whole = measured(dataset.reads, reference=dataset.reference)
    half = measured(dataset.reads, reference=dataset.reference, keep_fraction=0.5)
    assert half.depth == pytest.approx(whole.depth / 2, rel=0.1)
    assert half.reads == pytest.approx(whole.reads / 2, rel=0.1)
    assert half.fragment_length == pytest.approx(whole.fragment_length, rel=0.05)


def test_pairs_clips_and_doubtful_reads_are_counted(tmp_path: Path) -> None:
    """A hundred pairs that face each other, one in ten clipped; and as many lone reads of low mapping quality."""
    rng = np.random.default_rng(8)
    sequence = "".join(rng.choice(list("ACGT"), 20_000))
    reads = []
    for k in range(100):
        at, size = 1000 + 20 * k, 300 + 2 * (k % 5)
        mate = at + size - 50
        clip = k % 10 == 0
        seq = sequence[at : at + 50]
        reads.append(
            Read(at, "45M5S" if clip else "50M", seq, flag=0x1 | 0x2 | 0x20 | 0x40, tlen=size, name=f"p{k}")
        )
        seq = sequence[mate : mate + 50]
        reads.append(Read(mate, "50M", seq, flag=0x1 | 0x2 | 0x10 | 0x80, tlen=-size, name=f"p{k}"))
        wrong = "A" * 50
        reads.append(Read(at, "50M", wrong, flag=0, mapq=7, name=f"d{k}"))
    alignment_file(tmp_path / "r.bam", sorted(reads, key=lambda r: r.start), {"c": sequence}).close()
    found = measured(tmp_path / "r.bam", reference=tmp_path / "r.fa")
    assert found.reads == 300
    assert (found.inward, found.fragment_length) == (1, 304)
    assert found.paired == found.with_fragment_length == pytest.approx(2 / 3, abs=1e-5)
    assert found.fragment_spread == pytest.approx(1.4826 * 2, abs=1e-3)
    assert found.soft_clipped_reads == pytest.approx(10 / 300, abs=1e-5)
    assert found.soft_clipped_bases == pytest.approx(50 / 15_000, abs=1e-5)
    assert found.low_mapping_quality == pytest.approx(1 / 3, abs=1e-5)
    assert found.mapping_quality[[7, 60]] == pytest.approx([1 / 3, 2 / 3])
    assert found.base_counts[:, 1].sum() == 0  # what doubtful reads show counts apart
    assert found.depth == 5
    assert found.distinct_fragments == 1


def copied_pairs(tmp_path: Path, fragments: int, copies: int) -> Path:
    rng = np.random.default_rng(8)
    sequence = "".join(rng.choice(list("ACGT"), 20_000))
    reads = []
    for k in range(fragments * copies):
        at, size = 1000 + 20 * (k // copies), 300
        for begin, flag, tlen in ((at, 99, size), (at + size - 50, 147, -size)):
            reads.append(Read(begin, "50M", sequence[begin : begin + 50], flag=flag, tlen=tlen, name=f"p{k}"))
    alignment_file(tmp_path / "r.bam", sorted(reads, key=lambda r: r.start), {"c": sequence}).close()
    return tmp_path / "r.bam"


@pytest.mark.parametrize(("fragments", "copies", "distinct"), [(50, 4, 0.25), (60, 2, 0.5), (20, 3, 0.0)])
def test_fragments_that_lie_apart_are_counted(
    tmp_path: Path, fragments: int, copies: int, distinct: float
) -> None:
    """Of fewer than a hundred fragments nothing is told."""
    reads = copied_pairs(tmp_path, fragments, copies)
    assert measured(reads, reference=tmp_path / "r.fa").distinct_fragments == distinct


def test_the_filter_s_work_is_told(dataset: SimulatedDataset) -> None:
    strict = TECHNOLOGY.model_copy(update={"read_filter": ReadFilter(min_mapping_quality=61)})
    found = measured(dataset.reads, reference=dataset.reference, technology=strict)
    assert found.left_out == {}
    assert found == usual_profile(**strict.usual_errors.model_dump())


def rewritten(source: Path, out: Path, change: Callable[[pysam.AlignedSegment], None]) -> Path:
    with (
        pysam.AlignmentFile(str(source)) as reads,
        pysam.AlignmentFile(str(out), "wb", template=reads) as file,
    ):
        for read in reads:
            change(read)
            file.write(read)
    pysam.index(str(out))
    return out


@needs_shared
def test_real_reads_with_moved_qualities_have_the_same_profile(tmp_path: Path) -> None:
    """Qualities lower by 8: what they mean is found again; and one quality for all means the mean of all."""
    source = SHARED / "illumina/HG002_b37.chr20_slices.2x150.60-96x.bam"
    reference = SHARED / "reference/b37.chr20_regions.fa.gz"

    def lower(read: pysam.AlignedSegment) -> None:
        qualities = np.maximum(np.array(read.query_qualities), 8) - 8
        read.query_qualities = qualities.astype(np.uint8)

    def flat(read: pysam.AlignedSegment) -> None:
        read.query_qualities = np.full(read.query_length, 20, np.uint8)

    plain = measured(source, reference=reference)
    moved = measured(rewritten(source, tmp_path / "lower.bam", lower), reference=reference)
    common = [q for q in plain.counted_qualities() if q > 8 and plain.base_counts[q, 1] >= 50]
    assert len(common) > 5
    for quality in common:
        assert moved.mismatch_p[quality - 8] == pytest.approx(plain.mismatch_p[quality], rel=0.05)
    np.testing.assert_array_equal(moved.length_p, plain.length_p)
    assert (moved.depth, moved.fragment_length) == (plain.depth, plain.fragment_length)
    one = measured(rewritten(source, tmp_path / "flat.bam", flat), reference=reference)
    bases, mismatches = plain.base_counts.sum(axis=0)
    assert one.mismatch_p[20] == pytest.approx(mismatches / bases, rel=0.01)
