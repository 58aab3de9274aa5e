"""The files of a world: a person's genome, its truth, where it is labelled, and its reads, mapped.

`write_world` fills a folder with ref.fa, truth.vcf.gz, confident.bed, where something is kept to tune on tune.bed,
reads.bam, and world.json, which says what the reads are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.simulate.amplicons import Amplicons, draw_amplicons, without_unknown
from dvplug.simulate.depths import DepthBlocks, capture_blocks, depth_blocks, ripple
from dvplug.simulate.genome import Codes, N, write_bed, write_fasta
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.mapping import mapping, remove_indexes
from dvplug.simulate.sample import decoys
from dvplug.simulate.sequencing import PlannedContig, rewrite, write_reads
from dvplug.simulate.transcripts import Transcript, draw_genes, draw_transcripts, labelled, transcribe
from dvplug.simulate.variants import PhasedVariant, write_truth
from dvplug.simulate.world import World
from dvplug.simulate.world_ranges import depth_range

SHORT_STRETCH, LONG_STRETCH, AMPLICON_STRETCH = 75_000, 250_000, 15_000
"""bp that are sequenced in one piece: of short reads, of long or linked ones, of amplicons."""
TRANSCRIBED = 0.15
"""Share of a contig that is in exons, about."""
LONG_READ = 2_000
"""Mean bp of reads from which on they are long."""

Interval = tuple[str, int, int]


class WorldPerson(NamedTuple):
    """Whom a world is of: the reference, how the person differs from it, and what of that may be used.

    Attributes
    ----------
    contigs
        The reference, by name.
    variants
        Of each contig.
    whole
        Where these are all that there are, bool[bp] of each contig.
    tune
        Where nothing is trained on: to choose the epoch and calibrate. Intervals of the contigs, or of others.
    ends
        bp beyond which a contig is not sequenced; its length by default.
    """

    contigs: dict[str, Codes]
    variants: dict[str, list[PhasedVariant]]
    whole: dict[str, NDArray[np.bool_]]
    tune: tuple[Interval, ...] = ()
    ends: Mapping[str, int] = MappingProxyType({})


class WorldRun(NamedTuple):
    """How the person is sequenced.

    Attributes
    ----------
    name
        Of the sample.
    noise
        Of the machine that the profile was learnt from.
    bases
        Of all reads together: the deeper, the less sequence is covered.
    platform
        The read group's PL; none where it is empty.
    stretch
        bp that are sequenced in one piece; None for what suits the reads.
    own_lengths
        Pairs and their fragments are as long as in the profile, whatever the world says.
    """

    name: str
    world: World
    noise: LocusNoise
    bases: float
    platform: str
    stretch: int | None = None
    own_lengths: bool = False


class ContigLayout(NamedTuple):
    """How a contig is sequenced, and where reads are enough to label by."""

    blocks: DepthBlocks
    amplicons: Amplicons | None
    pieces: list[tuple[int, int]]  # sequenced stretches
    read: NDArray[np.bool_]  # [bp]


def write_world(
    folder: Path,
    person: WorldPerson,
    run: WorldRun,
    profile: Profile | ContextProfile,
    rng: np.random.Generator,
    threads: int,
) -> int:
    """Fill an empty folder; returns how many reads, or pairs, were written.

    ``threads`` are those of the aligner; nothing depends on them. Raises DvplugError where a program that maps cannot
    be found, or fails.
    """
    contigs, world = person.contigs, run.world
    mean_length = 0.0
    if isinstance(profile, ContextProfile):
        mean_length = float(profile.length.mean()) * world.machine.length_factor
    layouts = lay_out(person, run, mean_length, rng)
    sequenced = {
        f"{name}:{start}": codes[start:end]
        for name, codes in contigs.items()
        for start, end in layouts[name].pieces
    }
    known, of_sample, hidden = decoys(
        sequenced,
        world.person.decoy_share,
        world.person.hidden_share,
        rng,
        divergence=world.person.decoy_divergence,
        longest=world.person.decoy_longest,
    )
    lengths = {name: len(codes) for name, codes in contigs.items()}
    write_fasta(folder / "ref.fa", contigs | {"decoys": known})
    write_truth(folder / "truth.vcf.gz", person.variants, lengths | {"decoys": len(known)}, run.name)
    (folder / "world.json").write_text(world.model_dump_json(indent=1) + "\n")
    planned = _planned_contigs(person, layouts, world, rng)
    write_labels(folder, person, layouts)
    for codes in (of_sample, hidden):
        plan = _whole(codes, world, rng)
        planned.append(_planned(codes, [], _layout(codes, plan, [(0, len(codes))], world, mean_length), rng))
    reads, aligner = folder / "reads.bam", world.mapping.aligner
    with mapping(aligner, folder / "ref.fa", reads, run.name, run.platform, threads) as mapper:
        written = write_reads(mapper, profile, world, run.noise, planned, rng, own_lengths=run.own_lengths)
    rewrite(reads, world, written)
    remove_indexes(folder / "ref.fa")
    return len(written.is_copy)


def _planned_contigs(
    person: WorldPerson, layouts: dict[str, ContigLayout], world: World, rng: np.random.Generator
) -> list[PlannedContig]:
    """Plan how each contig is sequenced, or in its place its transcripts: those of them that are read are labelled."""
    contigs, variants = person.contigs, person.variants
    if world.library.spliced is None:
        return [_planned(contigs[name], variants[name], layouts[name], rng) for name in contigs]
    found = {name: _transcripts(contigs[name], variants[name], layouts[name], world, rng) for name in contigs}
    for name, of in found.items():
        layouts[name].read[:] &= labelled(len(contigs[name]), variants[name], of)
    return [_transcribed(contigs[name], variants[name], of, rng) for name, of in found.items()]


def lay_out(
    person: WorldPerson, run: WorldRun, mean_length: float, rng: np.random.Generator
) -> dict[str, ContigLayout]:
    """Choose stretches at random until their reads have so many bases as wanted.

    The first one lies where there is something to tune on, if there is such a place, so that every world has a part to
    tune on; and one at least does not. ``mean_length`` of reads is in bp.
    """
    contigs, world = person.contigs, run.world
    size = run.stretch or usual_stretch(world, mean_length)
    whole = {name: _whole(codes, world, rng) for name, codes in contigs.items()}
    places = [
        (name, start)
        for name, codes in contigs.items()
        for start in range(0, person.ends.get(name, len(codes)) - size + 1, size)
        if (codes[start : start + size] == N).mean() < 0.2
    ]

    def to_tune_on(name: str, start: int) -> bool:
        return any(name == on and low <= start and start + size <= high for on, low, high in person.tune)

    order = [places[i] for i in rng.permutation(len(places)).tolist()]
    first = next((place for place in order if to_tune_on(*place)), order[0])
    pieces: dict[str, list[tuple[int, int]]] = {name: [] for name in contigs}
    wanted = run.bases
    for name, start in [first, *(place for place in order if place != first)]:
        if wanted <= 0 and any(not to_tune_on(at, piece[0]) for at in pieces for piece in pieces[at]):
            break
        pieces[name].append((start, start + size))
        wanted -= _bases(whole[name], start, start + size) * (
            1.0 if world.library.spliced is None else TRANSCRIBED
        )
    return {
        name: _layout(codes, whole[name], sorted(pieces[name]), world, mean_length)
        for name, codes in contigs.items()
    }


def usual_stretch(world: World, mean_length: float) -> int:
    """Return how many bp are sequenced in one piece; ``mean_length`` of reads is 0 for those copied from pairs."""
    if world.library.kind == "amplicons":
        return AMPLICON_STRETCH
    long = mean_length >= LONG_READ or world.library.linked is not None
    return LONG_STRETCH if long else SHORT_STRETCH


def _whole(codes: Codes, world: World, rng: np.random.Generator) -> DepthBlocks | Amplicons:
    """Plan all of a contig."""
    library = world.library
    if library.kind == "amplicons":
        return without_unknown(draw_amplicons(len(codes), library, rng), codes)
    if library.kind == "captured":
        return capture_blocks(len(codes), rng, (3.0, 4 * library.depth), library.depth)
    return depth_blocks(len(codes), rng, depth_range(world))


def _bases(plan: DepthBlocks | Amplicons, start: int, end: int) -> float:
    """Return how many bases the reads of a stretch have."""
    if isinstance(plan, Amplicons):
        inside = (plan.start >= start) & (plan.end <= end)
        return float((plan.depth * (plan.end - plan.start))[inside].sum())
    return float(plan.depth_at(np.arange(start, end, 25)).mean() * (end - start))


def _layout(
    codes: Codes,
    plan: DepthBlocks | Amplicons,
    pieces: list[tuple[int, int]],
    world: World,
    mean_length: float,
) -> ContigLayout:
    """Leave nothing but the pieces of a plan, and tell where their reads are."""
    library, read = world.library, np.zeros(len(codes), bool)
    nothing = DepthBlocks(np.array([0]), np.array([0.0]))
    if isinstance(plan, Amplicons):
        inside = np.zeros(len(plan.start), bool)
        for start, end in pieces:
            inside |= (plan.start >= start) & (plan.end <= end)
        kept = Amplicons(plan.start[inside], plan.end[inside], plan.depth[inside], plan.primer)
        reach = int(world.machine.read_length if mean_length == 0 else mean_length)
        for start, end in kept.inserts():
            read[start : min(start + reach - 2 * kept.primer, end)] = True
            read[max(end - reach + 2 * kept.primer, start) : end] = True
        return ContigLayout(nothing, kept, pieces, read)
    edges = np.unique(np.array([0, *plan.start, *(edge for piece in pieces for edge in piece)], np.int64))
    edges = edges[edges < len(codes)]
    sequenced = np.zeros(len(codes), bool)
    for start, end in pieces:
        sequenced[start:end] = True
    blocks = DepthBlocks(edges, np.where(sequenced[edges], plan.depth_at(edges), 0.0))
    if library.kind == "captured":
        shift = int(library.fragment_mean) // 2  # blocks say where fragments begin
        for start, end, depth in zip(edges, np.append(edges[1:], len(codes)), blocks.depth, strict=True):
            read[start + shift : end + shift] |= depth > 0
        return ContigLayout(blocks, None, pieces, read)
    edge = int(mean_length or library.fragment_mean + library.fragment_sd)
    for start, end in pieces:
        read[start + edge : end - edge] = True
    return ContigLayout(blocks, None, pieces, read)


def intervals(name: str, inside: NDArray[np.bool_]) -> list[Interval]:
    """Return the runs of True as intervals of a contig."""
    steps = np.flatnonzero(np.diff(inside.astype(np.int8), prepend=0, append=0))
    return [(name, int(start), int(end)) for start, end in steps.reshape(-1, 2)]


def write_labels(folder: Path, person: WorldPerson, layouts: dict[str, ContigLayout]) -> None:
    """Write where there are reads and a whole truth: what is to train on and, if there is any, what to tune on."""
    train, tune = [], []
    for name in person.contigs:
        inside = person.whole[name] & layouts[name].read
        tuned = np.zeros_like(inside)
        for on, start, end in person.tune:
            if on == name:
                tuned[start:end] = inside[start:end]
        tune += intervals(name, tuned)
        train += intervals(name, inside & ~tuned)
    write_bed(folder / "confident.bed", train)
    if any(name in person.contigs for name, _, _ in person.tune):
        write_bed(folder / "tune.bed", tune)


def _planned(
    codes: Codes, variants: list[PhasedVariant], layout: ContigLayout, rng: np.random.Generator
) -> PlannedContig:
    return PlannedContig(codes, variants, layout.blocks, ripple(len(codes), rng), layout.amplicons)


def _transcripts(
    codes: Codes,
    variants: list[PhasedVariant],
    layout: ContigLayout,
    world: World,
    rng: np.random.Generator,
) -> list[Transcript]:
    """Draw the transcripts of the stretches that are sequenced."""
    spliced, found = world.library.spliced, list[Transcript]()
    assert spliced is not None
    for start, end in layout.pieces:
        genes = list(draw_genes(codes, start, end, spliced, rng))
        found += draw_transcripts(codes, variants, genes, world.library.depth, spliced, rng)
    return found


def _transcribed(
    codes: Codes, variants: list[PhasedVariant], transcripts: list[Transcript], rng: np.random.Generator
) -> PlannedContig:
    """Plan a contig's transcripts in place of the contig."""
    all_of_them = transcribe(codes, variants, transcripts, rng)
    waves = ripple(len(all_of_them.codes), rng)
    return PlannedContig(
        all_of_them.codes, all_of_them.variants, all_of_them.blocks, waves,
        ends=all_of_them.ends, balance=all_of_them.balance,
    )  # fmt: skip
