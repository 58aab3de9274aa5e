"""The reads of a world: a person's contigs, sequenced as the world's library and machine do.

`write_reads` gives FASTQ text to a mapper, and `rewrite` changes what the mapper wrote, and tells barcodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.simulate.amplicons import Amplicons, amplify
from dvplug.simulate.balance import AlleleBalance, allele_balance
from dvplug.simulate.depths import DepthBlocks, ripple
from dvplug.simulate.fragments import Fragments, fragment_starts
from dvplug.simulate.genome import Codes
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.linked import BARCODE_TAG, NO_BARCODE, barcode_text, draw_barcodes
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.long_reads import ReadSpans, long_fastq_batches, prepare_long, read_spans
from dvplug.simulate.machines import mean_quality, short_machine, single_machine, world_noise
from dvplug.simulate.mapping import Mapper
from dvplug.simulate.reported import reported_mapping, reported_qualities
from dvplug.simulate.short_reads import fastq_batches, prepare
from dvplug.simulate.variants import HaplotypeSequence, PhasedVariant, apply_variants
from dvplug.simulate.world import World

DUPLICATE = 0x400


class PlannedContig(NamedTuple):
    """A contig of the sample, and how deep it is to be sequenced."""

    codes: Codes  # uint8[bp], of the reference, or of what only the sample has
    variants: list[PhasedVariant]
    blocks: DepthBlocks
    waves: NDArray[np.float64]  # [bp // 1000 + 1], a factor per 1000 bp
    amplicons: Amplicons | None = None  # in place of blocks
    ends: NDArray[np.int64] | None = None  # ascending: bp of the contig over which no fragment reaches
    balance: tuple[AlleleBalance, AlleleBalance] | None = None  # in place of the library's


class WrittenReads(NamedTuple):
    """What is known of reads, or pairs, by the order of their names: ``r`` and their number."""

    is_copy: NDArray[np.bool_]  # [reads or pairs], of another's fragment
    barcode: NDArray[np.int64]  # [reads or pairs], `NO_BARCODE` where it has none


class _Drawn(NamedTuple):
    """The reads, or pairs, of one haplotype."""

    texts: Iterator[NDArray[np.uint8]]
    is_copy: NDArray[np.bool_]  # as in `WrittenReads`
    barcode: NDArray[np.int64]


class _Haplotype(NamedTuple):
    """One of the two copies of a contig."""

    contig: PlannedContig
    sequence: HaplotypeSequence
    balance: AlleleBalance


def write_reads(
    mapper: Mapper,
    profile: Profile | ContextProfile,
    world: World,
    noise: LocusNoise,
    contigs: list[PlannedContig],
    rng: np.random.Generator,
    *,
    own_lengths: bool = False,
) -> WrittenReads:
    """Write the reads, or pairs, of all contigs to the mapper.

    ``noise`` is that of the profile's machine. With ``own_lengths`` pairs and fragments are as long as in the profile.
    """
    noise = world_noise(noise, world.machine)
    least = 0
    if isinstance(profile, ContextProfile):
        centre = mean_quality(profile)
        profile = single_machine(profile, world.machine)
        least = int(profile.length.mean())
    else:
        centre = 0.0
        profile = short_machine(profile, world, rng, own_lengths=own_lengths)
    copies: list[NDArray[np.bool_]] = [np.zeros(0, bool)]
    barcodes: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    serial = 0
    for contig in contigs:
        balances = contig.balance or allele_balance(contig.variants, world.library, rng, least)
        for which, balance in enumerate(balances):
            haplotype = _Haplotype(contig, apply_variants(contig.codes, contig.variants, which), balance)
            if isinstance(profile, Profile):
                drawn = _short(haplotype, profile, world, noise, rng, serial)
            else:
                drawn = _single(haplotype, profile, world, noise, rng, serial, centre)
            for text in drawn.texts:
                mapper.write(text)
            copies.append(drawn.is_copy)
            barcodes.append(drawn.barcode)
            serial += len(drawn.is_copy)
    return WrittenReads(np.concatenate(copies), np.concatenate(barcodes))


def _short(
    haplotype: _Haplotype,
    profile: Profile,
    world: World,
    noise: LocusNoise,
    rng: np.random.Generator,
    serial: int,
) -> _Drawn:
    contig, mates = haplotype.contig, 2 if world.machine.paired else 1
    codes = haplotype.sequence.codes
    if contig.amplicons is not None:
        molecules = amplify(
            contig.codes, haplotype.sequence, contig.amplicons, world.library, _shares(haplotype), rng
        )
        codes = molecules.codes
        size = profile.length[:, :mates].mean()
        read = np.minimum(molecules.length, size) * mates
        counts = rng.poisson(
            contig.amplicons.depth * molecules.length / np.maximum(read, 1) * molecules.share
        )
        start, length = np.repeat(molecules.start, counts), np.repeat(molecules.length, counts)
        index, is_copy = np.arange(len(start)), np.zeros(len(start), bool)
    else:
        waves = contig.waves * ripple(len(contig.codes), rng, world.library.imbalance_sd)
        start = fragment_starts(
            haplotype.sequence, profile, contig.blocks, waves, rng, haplotype.balance, mates
        )
        length = rng.choice(profile.fragment, len(start))
        if contig.ends is not None:
            first, last = (haplotype.sequence.to_reference(at) for at in (start, start + length - 1))
            whole = np.searchsorted(contig.ends, first, "right") == np.searchsorted(
                contig.ends, last, "right"
            )
            start, length = start[whole], length[whole]
    flip = rng.random(len(start)) < 0.5
    read_bases = np.minimum(profile.length, profile.fragment[:, None])[:, :mates].sum(axis=1).mean()
    barcode = _barcodes(start, start + length, float(read_bases), world, rng)
    if contig.amplicons is None:
        index, is_copy = copied(len(start), world.library.duplicate_share, rng)
        start, length, flip = start[index], length[index], flip[index]
    source = prepare(codes, profile, noise, world.seed)
    fragments = Fragments(start, length, flip, world.library.adapters_trimmed, index)
    texts = fastq_batches(source, fragments, profile, rng, serial, mates=mates)
    return _Drawn(texts, is_copy, barcode[index])


def _single(
    haplotype: _Haplotype,
    profile: ContextProfile,
    world: World,
    noise: LocusNoise,
    rng: np.random.Generator,
    serial: int,
    centre: float,
) -> _Drawn:
    contig, codes = haplotype.contig, haplotype.sequence.codes
    if contig.amplicons is not None:
        molecules = amplify(
            contig.codes, haplotype.sequence, contig.amplicons, world.library, _shares(haplotype), rng
        )
        codes = molecules.codes
        share_read = np.minimum(1.0, profile.length.mean() / np.maximum(molecules.length, 1))
        counts = rng.poisson(contig.amplicons.depth / share_read * molecules.share)
        low, high = np.repeat(molecules.start, counts), np.repeat(molecules.start + molecules.length, counts)
        template = rng.integers(0, len(profile.length), len(low))
        reverse = rng.random(len(low)) < 0.5
        size = np.minimum(profile.length[template], high - low)
        low, high = np.where(reverse, high - size, low), np.where(reverse, high, low + size)
        spans, is_copy = ReadSpans(low, high, template, reverse), np.zeros(len(low), bool)
        barcode = np.full(len(low), NO_BARCODE)
    else:
        drawn = read_spans(haplotype.sequence, profile, contig.blocks, rng, haplotype.balance)
        barcode = _barcodes(drawn.start, drawn.end, float(profile.length.mean()), world, rng)
        index, is_copy = copied(len(drawn.start), world.library.duplicate_share, rng)
        reverse = rng.random(len(drawn.start)) < 0.5
        spans = ReadSpans(drawn.start[index], drawn.end[index], drawn.template[index], reverse[index])
        barcode = barcode[index]
    told = reported_qualities(world.machine.quality, centre)
    source = prepare_long(codes, noise, world.seed)
    return _Drawn(long_fastq_batches(source, spans, profile, rng, serial, told=told), is_copy, barcode)


def _barcodes(
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    read_bases: float,
    world: World,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw the barcodes of fragments of one haplotype, before they are copied; none where reads are not linked."""
    linked = world.library.linked
    if linked is None:
        return np.full(len(start), NO_BARCODE)
    return draw_barcodes(start, end, read_bases, linked, rng)


def _shares(haplotype: _Haplotype) -> NDArray[np.float64]:
    """Share of a haplotype among the molecules of each amplicon, float64[amplicons]."""
    amplicons = haplotype.contig.amplicons
    assert amplicons is not None
    return haplotype.balance.factor_at((amplicons.start + amplicons.end) // 2) / 2


def copied(count: int, share: float, rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Replace a share of so many fragments by copies of others.

    Returns which fragment each read is of, int64[m] in ascending order, and which of them are copies, bool[m]. The
    number of copies of a fragment is geometrically distributed, as in a library that was amplified.
    """
    kept = np.flatnonzero(rng.random(count) >= share)
    times = rng.geometric(1 - share, len(kept))
    first = np.concatenate(([0], np.cumsum(times)))[:-1]
    is_copy = np.ones(int(times.sum()), bool)
    is_copy[first] = False
    return np.repeat(kept, times), is_copy


def rewrite(bam: Path, world: World, written: WrittenReads) -> None:
    """Change an indexed BAM in place to what the world says beside FASTQ: duplicates, mapping qualities, strands, no
    QUAL, barcodes.

    ``written`` is what `write_reads` returned; reads are recognised by their names.
    """
    library, table = world.library, reported_mapping(world.mapping)
    marked = library.duplicates_marked and bool(written.is_copy.any())
    as_is = world.mapping.scale == "as-mapped" and not world.machine.quality.absent
    linked = bool((written.barcode != NO_BARCODE).any())
    if as_is and not marked and library.reverse_kept == 1 and not linked:
        return
    rng = np.random.default_rng([world.seed, 12])
    unfinished = bam.with_name(f".{bam.name}.rewritten")
    with (
        pysam.AlignmentFile(str(bam)) as reads,
        pysam.AlignmentFile(str(unfinished), "wb", header=reads.header) as out,
    ):
        for read in reads:
            if read.is_reverse and library.reverse_kept < 1 and rng.random() >= library.reverse_kept:
                continue
            number = int(read.query_name[1:])
            if marked and written.is_copy[number]:
                read.flag |= DUPLICATE
            read.mapping_quality = int(table[read.mapping_quality])
            if world.machine.quality.absent:
                read.query_qualities = None
            if linked and written.barcode[number] != NO_BARCODE:
                read.set_tag(BARCODE_TAG, barcode_text(int(written.barcode[number])))
            out.write(read)
    unfinished.replace(bam)
    pysam.index(str(bam))
