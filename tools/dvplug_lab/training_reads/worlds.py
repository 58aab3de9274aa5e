"""Make the folder of a world: the files of other read sets, and world.json, which says what the reads are."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.genome.bed import read_bed
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.amplicons import Amplicons, draw_amplicons, without_unknown
from dvplug.simulate.crowded_variants import with_crowds
from dvplug.simulate.depths import DepthBlocks, capture_blocks, depth_blocks, ripple
from dvplug.simulate.drawn_variants import VariantModel, drawn_variants
from dvplug.simulate.genome import Codes, N, write_bed, write_fasta
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.mapping import open_mapper
from dvplug.simulate.sample import decoys, read_fasta, real_variants
from dvplug.simulate.sequencing import PlannedContig, rewrite, write_reads
from dvplug.simulate.variants import PhasedVariant, write_truth
from dvplug_lab.read_sets import CONFIDENT, MAIN, NEVER, PLATFORMS, REAL_END, TRUTH, TRUTHS, TUNE
from dvplug_lab.training_reads.folder import begun, finished
from dvplug_lab.world_sets import WorldSet

SHORT_STRETCH, LONG_STRETCH, AMPLICON_STRETCH = 75_000, 250_000, 15_000
"""bp that are sequenced in one piece: of short reads, long reads, amplicons."""
LONG_READ = 2_000
"""Mean bp of reads from which on they are long."""


class Layout(NamedTuple):
    """How a contig is sequenced, and where reads are enough to label by."""

    blocks: DepthBlocks
    amplicons: Amplicons | None
    pieces: list[tuple[int, int]]  # sequenced stretches
    read: NDArray[np.bool_]  # [bp]


def make_world_person(
    shared: Path, chosen: WorldSet, rng: np.random.Generator
) -> tuple[dict[str, Codes], dict[str, list[PhasedVariant]]]:
    """Return the reference contigs and their variants: real on chr20, drawn like HG002's elsewhere, and crowds."""
    sequences = read_fasta(shared / chosen.fasta)
    contigs = {name: encode_bases(sequences[name].encode()) for name in chosen.contigs}
    variants = {}
    for name, codes in contigs.items():
        if name == "chr20":
            found = real_variants(shared / TRUTHS[chosen.world.person.truth], name, rng)
        else:
            found = drawn_variants(codes, _learnt(shared), rng)
        variants[name] = with_crowds(codes, found, chosen.world.person, rng)
    return contigs, variants


def _learnt(shared: Path) -> VariantModel:
    chr20 = encode_bases(read_fasta(shared / MAIN)["chr20"].encode())
    whole = [(start, end) for _, start, end in read_bed(shared / CONFIDENT, {"chr20": len(chr20)})]
    return VariantModel.learn(chr20, real_variants(shared / TRUTH, "chr20", np.random.default_rng(1)), whole)


def labelled(shared: Path, name: str, codes: Codes) -> NDArray[np.bool_]:
    """Tell where the truth is whole, bool[bp]: HG002's confident regions of chr20, known sequence elsewhere."""
    inside = np.zeros(len(codes), bool)
    if name == "chr20":
        for _, start, end in read_bed(shared / CONFIDENT, {name: len(codes)}):
            inside[start:end] = True
    inside |= name != "chr20"
    inside[np.flatnonzero(codes == N)] = False
    for contig, start, end in NEVER:
        if contig == name:
            inside[start:end] = False
    return inside


def lay_out(
    contigs: dict[str, Codes], chosen: WorldSet, mean_length: float, rng: np.random.Generator
) -> dict[str, Layout]:
    """Choose stretches at random until their reads have so many bases as wanted.

    The first one of chr20 lies in `TUNE`, so that every world with real variants has a part to tune on; and one at
    least does not.
    ``mean_length`` of reads is in bp.
    """
    size = LONG_STRETCH if mean_length >= LONG_READ else SHORT_STRETCH
    if chosen.world.library.kind == "amplicons":
        size = AMPLICON_STRETCH
    whole = {name: _whole(codes, chosen, rng) for name, codes in contigs.items()}
    places = [
        (name, start)
        for name, codes in contigs.items()
        for start in range(0, (REAL_END if name == TUNE[0] else len(codes)) - size + 1, size)
        if (codes[start : start + size] == N).mean() < 0.2
    ]
    order = [places[i] for i in rng.permutation(len(places)).tolist()]
    first = next((place for place in order if _in_tune(place, size)), order[0])
    pieces: dict[str, list[tuple[int, int]]] = {name: [] for name in contigs}
    wanted = chosen.bases
    for name, start in [first, *(place for place in order if place != first)]:
        if wanted <= 0 and any(not _in_tune((at, piece[0]), size) for at in pieces for piece in pieces[at]):
            break
        pieces[name].append((start, start + size))
        wanted -= _bases(whole[name], start, start + size)
    return {
        name: _layout(codes, whole[name], sorted(pieces[name]), chosen, mean_length)
        for name, codes in contigs.items()
    }


def _in_tune(place: tuple[str, int], size: int) -> bool:
    name, start = place
    return name == TUNE[0] and start >= TUNE[1] and start + size <= TUNE[2]


def _whole(codes: Codes, chosen: WorldSet, rng: np.random.Generator) -> DepthBlocks | Amplicons:
    """Plan all of a contig."""
    library = chosen.world.library
    if library.kind == "amplicons":
        return without_unknown(draw_amplicons(len(codes), library, rng), codes)
    if library.kind == "captured":
        return capture_blocks(len(codes), rng, (3.0, 4 * library.depth), library.depth)
    return depth_blocks(len(codes), rng, chosen.depths)


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
    chosen: WorldSet,
    mean_length: float,
) -> Layout:
    """Leave nothing but the pieces of a plan, and tell where their reads are."""
    library, read = chosen.world.library, np.zeros(len(codes), bool)
    nothing = DepthBlocks(np.array([0]), np.array([0.0]))
    if isinstance(plan, Amplicons):
        inside = np.zeros(len(plan.start), bool)
        for start, end in pieces:
            inside |= (plan.start >= start) & (plan.end <= end)
        kept = Amplicons(plan.start[inside], plan.end[inside], plan.depth[inside], plan.primer)
        reach = int(chosen.world.machine.read_length if mean_length == 0 else mean_length)
        for start, end in kept.inserts():
            read[start : min(start + reach - 2 * kept.primer, end)] = True
            read[max(end - reach + 2 * kept.primer, start) : end] = True
        return Layout(nothing, kept, pieces, read)
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
        return Layout(blocks, None, pieces, read)
    edge = int(mean_length or library.fragment_mean + library.fragment_sd)
    for start, end in pieces:
        read[start + edge : end - edge] = True
    return Layout(blocks, None, pieces, read)


def intervals(name: str, inside: NDArray[np.bool_]) -> list[tuple[str, int, int]]:
    """Return the runs of True as intervals of a contig."""
    steps = np.flatnonzero(np.diff(inside.astype(np.int8), prepend=0, append=0))
    return [(name, int(start), int(end)) for start, end in steps.reshape(-1, 2)]


def write_labels(folder: Path, shared: Path, contigs: dict[str, Codes], layouts: dict[str, Layout]) -> None:
    """Write where there are reads and a whole truth: what is to train on, and on chr20 what is to tune on."""
    train, tune = [], []
    for name, codes in contigs.items():
        inside = labelled(shared, name, codes) & layouts[name].read
        if name == TUNE[0]:
            tuned = np.zeros_like(inside)
            tuned[TUNE[1] : TUNE[2]] = inside[TUNE[1] : TUNE[2]]
            tune, inside = intervals(name, tuned), inside & ~tuned
        train += intervals(name, inside)
    write_bed(folder / "confident.bed", train)
    if TUNE[0] in contigs:
        write_bed(folder / "tune.bed", tune)


def build_world(
    shared: Path, out: Path, chosen: WorldSet, profile: Profile | ContextProfile, threads: int
) -> Path:
    """Make one folder of reads, beside its place, and move it in when whole; done.txt says what CPU time it took."""
    began, world = _cpu_seconds(), chosen.world
    folder = begun(out, chosen.name)
    rng = np.random.default_rng(chosen.seed)
    contigs, variants = make_world_person(shared, chosen, rng)
    mean_length = 0.0
    if isinstance(profile, ContextProfile):
        mean_length = float(profile.length.mean()) * world.machine.length_factor
    layouts = lay_out(contigs, chosen, mean_length, rng)
    sequenced = {
        f"{name}:{start}": codes[start:end]
        for name, codes in contigs.items()
        for start, end in layouts[name].pieces
    }
    known, of_sample, hidden = decoys(sequenced, chosen.decoy_share, chosen.hidden_share, rng)
    lengths = {name: len(codes) for name, codes in contigs.items()}
    write_fasta(folder / "ref.fa", contigs | {"decoys": known})
    write_truth(folder / "truth.vcf.gz", variants, lengths | {"decoys": len(known)}, chosen.name)
    write_labels(folder, shared, contigs, layouts)
    (folder / "world.json").write_text(world.model_dump_json(indent=1) + "\n")
    planned = [_planned(contigs[name], variants[name], layouts[name], rng) for name in contigs]
    for codes in (of_sample, hidden):
        plan = _whole(codes, chosen, rng)
        planned.append(_planned(codes, [], _layout(codes, plan, [(0, len(codes))], chosen, mean_length), rng))
    reads = folder / "reads.bam"
    platform = PLATFORMS[chosen.technology]
    mapper = open_mapper(chosen.aligner, folder / "ref.fa", reads, chosen.name, platform, threads)
    is_copy = write_reads(mapper, profile, world, chosen.noise, planned, rng)
    mapper.close()
    rewrite(reads, world, is_copy)
    count = sum(map(len, variants.values()))
    done = f"{chosen}\n{len(is_copy)} reads or pairs, {count} variants, {_cpu_seconds() - began:.0f} CPU s\n"
    return finished(folder, out, chosen.name, done)


def _planned(
    codes: Codes, variants: list[PhasedVariant], layout: Layout, rng: np.random.Generator
) -> PlannedContig:
    return PlannedContig(codes, variants, layout.blocks, ripple(len(codes), rng), layout.amplicons)


def _cpu_seconds() -> float:
    """Of this process and of the programs that it ran."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
