"""Phased reads: against the haplotypes they were drawn from, and against the HP tags of real HiFi reads."""

import random
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.candidates.finder import find_candidates
from dvplug.candidates.phasing import assign_haplotypes, phase_reads
from dvplug.engine.draw import RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.genome.reference import Reference
from dvplug.line.candidate_batch import ReadSupport
from dvplug.line.region import Region
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.groups import ReadSource
from dvplug.reads.opened import OpenedReads
from dvplug.sequence.codes import encode_bases
from dvplug.technology import CandidateThresholds, ReadFilter
from helpers.read_batches import Read, alignment_file, read_batch
from helpers.shared_data import SHARED, needs_shared

HIFI = SHARED / "pacbio" / "HG002_GRCh38.hifi_sequel2.chr20_60-160k.21x.bam"
ONT = SHARED / "ont" / "HG002_GRCh38.r10.4.1_sup.chr20_5.02-5.075M.bam"
GRCH38 = SHARED / "reference" / "grch38.chr20_and_21_10M.fa.gz"


def diploid(seed: int, *, gap: bool = False) -> tuple[str, list[Read], list[int]]:
    """30 kb with a het SNP every 500 bp, and reads of 6 kb; with a ``gap``, none in the middle 8 kb."""
    rng = random.Random(seed)
    reference = "".join(rng.choices("ACGT", k=30_000))
    sites = [at for at in range(300, 29_900, 500) if not (gap and 11_000 < at < 19_000)]
    haplotypes = [list(reference), list(reference)]
    for at in sites:
        haplotypes[rng.randrange(2)][at] = {"A": "C", "C": "G", "G": "T", "T": "A"}[reference[at]]
    reads, origin = [], []
    for number in range(120):
        which, start = rng.randrange(2), rng.randrange(24_000)
        seq = haplotypes[which][start : start + 6_000]
        for at in rng.sample(range(6_000), 12):
            seq[at] = rng.choice("ACGT")
        reads.append(Read(start, "6000M", "".join(seq), name=f"r{number}"))
        origin.append(which)
    order = sorted(range(120), key=lambda i: reads[i].start)
    return reference, [reads[i] for i in order], [origin[i] for i in order]


def phased(reference: str, reads: list[Read]) -> list[int]:
    batch, codes = read_batch(reads), encode_bases(reference.encode())
    candidates = find_candidates(batch, codes, 0, Region("c", 0, len(reference)), CandidateThresholds())
    return phase_reads(batch, candidates).haplotype.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_reads_of_one_haplotype_get_one_label(seed: int) -> None:
    reference, reads, origin = diploid(seed)
    found = phased(reference, reads)
    assert {(label, which) for label, which in zip(found, origin, strict=True)} in (
        {(1, 0), (2, 1)},
        {(1, 1), (2, 0)},
    )


def test_each_block_is_consistent_where_nothing_links_them() -> None:
    reference, reads, origin = diploid(11, gap=True)
    found = phased(reference, reads)
    for inside in (lambda r: r.end < 11_000, lambda r: r.start > 19_000):
        pairs = {(a, b) for a, b, r in zip(found, origin, reads, strict=True) if inside(r)}
        assert len(pairs) == 2
    between = [a for a, r in zip(found, reads, strict=True) if r.start > 11_000 and r.end < 19_000]
    assert set(between) <= {0}


def test_a_false_heterozygote_does_not_turn_its_reads() -> None:
    rng = random.Random(2)
    origin = [rng.randrange(2) for _ in range(40)]
    index = np.arange(40)
    rows = [
        np.array(origin),
        np.array(origin),
        np.array([rng.randrange(2) for _ in origin]),
        1 - np.array(origin),
    ]
    found = assign_haplotypes(
        40,
        np.arange(4),
        ReadSupport(
            np.arange(5) * 40, np.tile(index, 4).astype(np.int32), np.concatenate(rows).astype(np.int8)
        ),
    )
    assert {(a, b) for a, b in zip(found.tolist(), origin, strict=True)} in (
        {(1, 1), (2, 0)},
        {(2, 1), (1, 0)},
    )


def test_without_heterozygotes_nothing_is_phased() -> None:
    reference = "".join(random.Random(1).choices("ACGT", k=500))
    assert phased(reference, [Read(i, "300M", reference[i : i + 300]) for i in range(0, 200, 10)]) == [0] * 20


def test_a_small_region_has_the_haplotypes_of_its_neighbourhood(tmp_path: Path) -> None:
    """A homozygous SNP, alone in its region: only the heterozygotes beside it part its reads."""
    reference, reads, origin = diploid(3)
    at = 15_050
    alt = {"A": "C", "C": "G", "G": "T", "T": "A"}[reference[at]]
    reads = [
        read._replace(seq=read.seq[: at - read.start] + alt + read.seq[at - read.start + 1 :])
        if read.start <= at < read.end
        else read
        for read in reads
    ]
    alignment_file(tmp_path / "reads.bam", reads, {"c": reference}).close()
    plugins = installed_plugins()
    profile = plugins.technology("pacbio")
    images = RegionImages(
        Pipeline.of(plugins, profile), tmp_path / "reads.fa", [ReadSource(tmp_path / "reads.bam")]
    )
    (drawn,) = images.draw(Region("c", at - 50, at + 50))
    assert drawn.candidates.start.tolist() == [at]
    channel = drawn.images.images[0, :, profile.image.width // 2, profile.image.channels.index("haplotype")]
    of_either = [
        sum(read.start <= at < read.end and of == which for read, of in zip(reads, origin, strict=True))
        for which in (0, 1)
    ]
    assert sorted(np.unique(channel[channel > 0], return_counts=True)[1].tolist()) == sorted(of_either)


@needs_shared
@pytest.mark.parametrize(("tech", "reads", "start"), [("pacbio", HIFI, 60_000), ("ont", ONT, 5_030_000)])
def test_pieces_of_a_region_have_its_haplotypes(tech: str, reads: Path, start: int) -> None:
    """Real reads: as many rows of no, one and the other haplotype in the images, whichever is called 1."""
    plugins = installed_plugins()
    profile = plugins.technology(tech)
    images = RegionImages(Pipeline.of(plugins, profile), GRCH38, [ReadSource(reads)])
    channel = profile.image.channels.index("haplotype")

    def rows_by_haplotype(region: Region) -> dict[int, tuple[int, ...]]:
        found = {}
        for drawn in images.draw(region):
            firsts = drawn.images.images[:, profile.image.reference_rows :, :, channel].max(axis=2)
            starts = drawn.candidates.start[drawn.images.site]
            for at, rows in zip(starts.tolist(), firsts, strict=True):
                found[at] = tuple(sorted(np.unique(rows[rows > 0], return_counts=True)[1].tolist()))
        return found

    whole = rows_by_haplotype(Region("chr20", start, start + 40_000))
    pieces: dict[int, tuple[int, ...]] = {}
    for piece in range(start, start + 40_000, 500):
        pieces |= rows_by_haplotype(Region("chr20", piece, piece + 500))
    assert pieces.keys() == whole.keys()
    same = sum(pieces[at] == whole[at] for at in whole)
    assert same >= 0.95 * len(whole) > 25


@needs_shared
def test_real_hifi_reads_are_parted_as_their_tags_say() -> None:
    region = Region("chr20", 60_000, 160_000)
    with pysam.AlignmentFile(str(HIFI)) as file, Reference.open(GRCH38) as reference:
        reads = fetch_reads([OpenedReads(file)], region, ReadFilter(max_read_span=25_000), haplotypes=True)
        codes = reference.codes("chr20", 0, 250_000)
    found = phase_reads(reads, find_candidates(reads, codes, 0, region, CandidateThresholds()))
    both = (found.haplotype > 0) & (reads.haplotype > 0)
    assert both.sum() > 0.8 * (reads.haplotype > 0).sum()
    same = found.haplotype == reads.haplotype
    # Labels may swap where no read links two blocks: count agreement within stretches of 20 kb.
    agree, told = 0, 0
    for start in range(60_000, 160_000, 20_000):
        here = both & (reads.start >= start) & (reads.start < start + 20_000)
        agree += max(int(same[here].sum()), int((~same[here]).sum()))
        told += int(here.sum())
    assert agree >= 0.95 * told
