"""Reads of a world: what is written to the mapper, and what the file says afterwards."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.simulate.amplicons import Amplicons
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.sequencing import PlannedContig, copied, write_reads
from dvplug.simulate.world import World
from helpers.planted_reads import planted
from helpers.sequenced import GENOME, QUIET, faultless, mapped, planned, programs
from helpers.worlds import Kept, world


def written(
    chosen: World, profile: Profile | ContextProfile, contig: PlannedContig
) -> tuple[Kept, np.ndarray]:
    mapper = Kept()
    found = write_reads(mapper, profile, chosen, QUIET, [contig], np.random.default_rng(3))
    return mapper, found.is_copy


def primary(bam: Path) -> list[pysam.AlignedSegment]:
    with pysam.AlignmentFile(str(bam)) as reads:
        return [read for read in reads if not read.is_secondary and not read.is_supplementary]


def test_a_world_gives_the_same_bytes_each_time() -> None:
    chosen = world(duplicate_share=0.2, site_sd=0.1, uneven_share=0.3)
    one, two = (written(chosen, faultless(), planned(10))[0].reads for _ in range(2))
    assert [read[:2] for read in one] == [read[:2] for read in two]


def test_names_are_numbers_from_0_on_and_copies_are_of_them() -> None:
    kept, is_copy = written(world(duplicate_share=0.3), faultless(), planned(10))
    reads = kept.reads
    numbers = [int(name[1:]) for name, _, _ in reads]
    assert numbers == [k for k in range(len(is_copy)) for _ in (1, 2)]
    assert is_copy.mean() == pytest.approx(0.3, abs=0.03)
    pairs = [reads[k][1] + reads[k + 1][1] for k in range(0, len(numbers), 2)]
    assert all(pairs[k] == pairs[k - 1] for k in np.flatnonzero(is_copy))


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5])
def test_copies_leave_the_number_of_fragments(share: float) -> None:
    index, is_copy = copied(50_000, share, np.random.default_rng(1))
    assert len(index) == pytest.approx(50_000, rel=0.03)
    assert is_copy.mean() == pytest.approx(share, abs=0.01)
    assert (np.diff(index)[is_copy[1:]] == 0).all()
    assert (np.diff(index)[~is_copy[1:]] > 0).all()


def test_single_reads_have_no_mates_and_the_same_depth() -> None:
    for paired in (True, False):
        kept, _ = written(world(paired=paired), faultless(), planned(20))
        names = Counter(name for name, _, _ in kept.reads)
        assert set(names.values()) == {2 if paired else 1}
        assert sum(len(bases) for _, bases, _ in kept.reads) / 60_000 == pytest.approx(20, rel=0.1)


def test_short_fragments_read_into_adapters_unless_these_are_trimmed() -> None:
    for trimmed in (False, True):
        chosen = world(fragment_mean=60.0, fragment_sd=5.0, adapters_trimmed=trimmed)
        kept, _ = written(chosen, faultless(), planned(5))
        with_adapter = np.mean(["AGATCGGAAGAGC" in bases for _, bases, _ in kept.reads])
        longest = max(len(bases) for _, bases, _ in kept.reads)
        assert (with_adapter, longest <= 85) == (
            (pytest.approx(1.0, abs=0.01), False) if not trimmed else (0, True)
        )


@programs
def test_the_file_says_paired_or_single_as_samtools_understands_it(tmp_path: Path) -> None:
    for paired in (True, False):
        folder = tmp_path / str(paired)
        folder.mkdir()
        reads = primary(mapped(folder, world(paired=paired), planned(8)))
        assert {read.is_paired for read in reads} == {paired}
        proper = np.mean([read.is_proper_pair for read in reads])
        assert proper > 0.95 if paired else proper == 0
        assert all(read.next_reference_id == -1 and read.template_length == 0 for read in reads) != paired
        pysam.quickcheck(str(folder / "reads.bam"))


@programs
@pytest.mark.parametrize("marked", [True, False])
def test_duplicates_are_found_at_the_same_ends_and_marked_or_not(tmp_path: Path, marked: bool) -> None:
    chosen = world(duplicate_share=0.3, duplicates_marked=marked, fragment_sd=60.0)
    reads = [read for read in primary(mapped(tmp_path, chosen, planned(10))) if read.is_proper_pair]
    ends = Counter(
        (min(r.reference_start, r.next_reference_start), abs(r.template_length), r.is_read1 == r.is_reverse)
        for r in reads
        if r.is_read1
    )
    again = 1 - len(ends) / sum(ends.values())
    assert again == pytest.approx(0.3, abs=0.05)
    assert np.mean([read.is_duplicate for read in reads]) == pytest.approx(0.3 if marked else 0, abs=0.04)


@programs
def test_a_heterozygote_has_the_share_of_its_alt(tmp_path: Path) -> None:
    """A third of the fragments where that is the mean, and no more spread than chance has."""
    contig = planned(120)
    bam = mapped(tmp_path, world(alt_share=0.35), contig)
    with pysam.AlignmentFile(str(bam)) as reads:
        counts = []
        for variant in contig.variants:
            found = reads.count_coverage("c", variant.start, variant.start + 1, quality_threshold=0)
            depth, alt = (
                sum(found["ACGT".index(b)][0] for b in letters) for letters in ("ACGT", variant.alts[0])
            )
            counts.append((alt, depth))
    alt, depth = np.array(counts).T
    assert alt.sum() / depth.sum() == pytest.approx(0.35, abs=0.02)
    z = (alt - 0.35 * depth) / np.sqrt(depth * 0.35 * 0.65)
    assert 0.5 < z.std() < 1.7  # mates that overlap count twice


@programs
def test_reads_of_amplicons_begin_at_primers(tmp_path: Path) -> None:
    starts = np.arange(2000, 50_000, 3000)
    amplicons = Amplicons(starts, starts + 220, np.full(len(starts), 400.0), 20)
    reads = primary(mapped(tmp_path, world(kind="amplicons"), planned(0, amplicons, len(GENOME))))
    forward = Counter(read.reference_start for read in reads if not read.is_reverse)
    backward = Counter(read.reference_end for read in reads if read.is_reverse)
    ends = set(starts.tolist()), set((starts + 220).tolist())
    for found, expected in zip((forward, backward), ends, strict=True):
        at_primer = sum(count for place, count in found.items() if place in expected)
        assert at_primer / sum(found.values()) > 0.99
    bases = sum(read.query_alignment_length for read in reads) / (220 * len(starts))
    assert bases == pytest.approx(400, rel=0.05)


@programs
def test_files_tell_other_scales_no_qualities_and_one_strand(tmp_path: Path) -> None:
    chosen = world(scale="flat", top=50, absent=True, reverse_kept=0.25)
    reads = primary(mapped(tmp_path, chosen, planned(10)))
    assert {read.mapping_quality for read in reads} <= {0, 1, 2, 3, 4, 50}
    assert all(read.query_qualities is None for read in reads)
    assert np.mean([read.is_reverse for read in reads]) == pytest.approx(0.2, abs=0.03)
    with pysam.AlignmentFile(str(tmp_path / "reads.bam")) as indexed:
        assert indexed.has_index()
        assert indexed.count("c", 20_000, 21_000) > 10


def test_single_reads_tell_qualities_by_the_table_and_start_at_amplicons() -> None:
    starts = np.arange(2000, 50_000, 3000)
    amplicons = Amplicons(starts, starts + 300, np.full(len(starts), 50.0), 20)
    chosen = world(kind="amplicons", bins="flat", high=25, length_factor=0.2)
    kept, _ = written(chosen, planted(substitution_p=0.0), planned(0, amplicons, len(GENOME)))
    assert {int(q) for _, _, quality in kept.reads for q in quality} == {25}
    text = "".join("ACGT"[base] for base in GENOME)
    heads = Counter(bases[:6] for _, bases, _ in kept.reads)
    primers = {text[s : s + 6] for s in starts}
    assert sum(n for head, n in heads.items() if head in primers) / len(kept.reads) > 0.35
    assert sum(len(bases) for _, bases, _ in kept.reads) / (300 * len(starts)) == pytest.approx(50, rel=0.12)
