"""Simulate the reads that the shipped models are trained and measured on: profile, person, reads, mapping.

    python tools/build_training_reads.py train --tech pacbio --shared ../shared/data --out DIR
    python tools/build_training_reads.py benchmark --shared ../shared/data --out DIR

needs `bwa`, `samtools` and `bcftools`, and gives the same reads each time for the same seed. `train` writes
one folder per set (see `SETS`) with ref.fa, reads.bam, truth.vcf.gz, confident.bed, on chr20 also tune.bed
(a slice that is not in confident.bed), and done.txt last of all. Sets that are held out have contigs of their own.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from cyclopts import App

from dvplug.genome.bed import read_bed
from dvplug.genome.reference import Reference
from dvplug.simulate.drawn_variants import VariantModel, drawn_variants
from dvplug.simulate.genome import Codes, encode, known_intervals, write_bed, write_fasta
from dvplug.simulate.learn.context import ContextProfile, learn_context_profile
from dvplug.simulate.learn.noise import measure_noise
from dvplug.simulate.learn.profile import Profile, learn_profile
from dvplug.simulate.long_reads import long_fastq_batches, prepare_long, read_spans
from dvplug.simulate.mapping import Mapper, open_mapper
from dvplug.simulate.sample import (
    decoys,
    duplicated,
    read_fasta,
    real_variants,
    subtract,
    within,
)
from dvplug.simulate.short_reads import (
    SHOULDER,
    capture_blocks,
    depth_blocks,
    fastq_batches,
    fragment_starts,
    prepare,
    ripple,
)
from dvplug.simulate.variants import Variant, apply_variants, write_truth
from dvplug_lab.read_sets import (
    CONFIDENT,
    HELD_OUT,
    HISEQX,
    HISEQX_NOISE,
    MAIN,
    NEVER,
    PLATFORMS,
    REAL_END,
    SETS,
    TRUTH,
    TUNE,
    ReadSet,
)

app = App(help=__doc__)


def make_person(
    shared: Path, fasta: str, rng: np.random.Generator
) -> tuple[dict[str, Codes], dict[str, list[Variant]]]:
    """Return the reference contigs and their variants: real on chr20, drawn like them elsewhere."""
    contigs = {name: encode(text) for name, text in read_fasta(shared / fasta).items()}
    chr20 = contigs.get("chr20")
    if chr20 is None:
        chr20 = encode(read_fasta(shared / MAIN)["chr20"])
    real = real_variants(shared / TRUTH, "chr20", rng)
    confident = [(start, end) for _, start, end in read_bed(shared / CONFIDENT, {"chr20": len(chr20)})]
    model = VariantModel.learn(chr20, real, confident)
    variants = {
        name: real if name == "chr20" else drawn_variants(codes, model, rng)
        for name, codes in contigs.items()
    }
    return contigs, variants


def labelled(shared: Path, contigs: dict[str, Codes]) -> list[tuple[str, int, int]]:
    """Return where the truth is whole: the confident regions of chr20, all known sequence elsewhere."""
    intervals: list[tuple[str, int, int]] = []
    for name, codes in contigs.items():
        known = (
            read_bed(shared / CONFIDENT, {name: len(codes)})
            if name == "chr20"
            else known_intervals(name, codes)
        )
        intervals += known
    return subtract(intervals, NEVER)


@dataclass(frozen=True)
class Plan:
    """How deep a contig is sequenced: starts and depths of blocks, and a factor per 1000 bp."""

    blocks: tuple[np.ndarray, np.ndarray]
    waves: np.ndarray


def plan_depths(
    contigs: dict[str, Codes], chosen: ReadSet, stretch: tuple[str, int, int] | None, rng: np.random.Generator
) -> dict[str, Plan]:
    """Draw each contig's depths; 0 in blocks left out for the scale, but never in the tuning slice.

    With a ``stretch``, and beyond the end of chr20's real variants, nothing is sequenced elsewhere.
    """
    plans = {}
    for name, codes in contigs.items():
        if chosen.captured:
            starts, depths = capture_blocks(len(codes), rng, chosen.depths, chosen.typical_depth)
        else:
            starts, depths = depth_blocks(len(codes), rng, chosen.depths)
        left_out = rng.random(len(starts)) >= chosen.scale
        if name == TUNE[0]:
            left_out &= (starts < TUNE[1] - 100_000) | (starts >= TUNE[2])
        depths = np.where(left_out, 0.0, depths)
        if stretch and name == stretch[0]:
            starts, depths = np.array([0, *stretch[1:]]), np.array([0.0, chosen.depths[0], 0.0])
        elif name == "chr20":
            before = starts < REAL_END
            starts, depths = np.append(starts[before], REAL_END), np.append(depths[before], 0.0)
        plans[name] = Plan((starts, depths), ripple(len(codes), rng))
    return plans


def not_sequenced(
    name: str, length: int, plan: Plan, edge: int, shift: int = 0
) -> list[tuple[str, int, int]]:
    """Return the blocks without reads, widened by the stretch where depth falls off, and shifted."""
    starts, depths = plan.blocks
    ends = np.append(starts[1:], length)
    return [
        (name, max(int(a) + shift - edge, 0), int(b) + shift + edge)
        for a, b, d in zip(starts, ends, depths, strict=True)
        if d == 0
    ]


def ends(lengths: dict[str, int], size: int = 2000) -> list[tuple[str, int, int]]:
    """Return both ends of all contigs: fragments begin and end there, so hardly any reach the last bases."""
    return [(name, *end) for name, n in lengths.items() for end in ((0, size), (n - size, n))]


def confident(
    shared: Path,
    contigs: dict[str, Codes],
    chosen: ReadSet,
    profile: Profile | ContextProfile,
    plans: dict[str, Plan],
) -> list[tuple[str, int, int]]:
    """Return where the truth is whole and reads are: where variants are labelled and counted."""
    shift = 0
    if chosen.captured:
        # Blocks say where fragments start: what they cover lies half a fragment further on. Exomes are measured
        # within their targets; the shoulders serve for training alone.
        assert isinstance(profile, Profile)
        edge, shift = SHOULDER if chosen.held_out else 0, int(profile.fragment.mean()) // 2
    else:
        edge = 500 if isinstance(profile, Profile) else int(profile.length.mean())
    lengths = {name: len(codes) for name, codes in contigs.items()}
    holes = [hole for name, n in lengths.items() for hole in not_sequenced(name, n, plans[name], edge, shift)]
    if chosen.held_out:
        holes += duplicated(contigs) + ends(lengths)
    return subtract(labelled(shared, contigs), holes)


def sequence(
    mapper: Mapper,
    profile: Profile | ContextProfile,
    chosen: ReadSet,
    copies: dict[str, tuple[Codes, list[Variant]]],
    plans: dict[str, Plan],
    rng: np.random.Generator,
) -> int:
    """Write the reads, or pairs, of every contig of the sample to the mapper; return how many."""
    serial = 0
    for name, (codes, variants) in copies.items():
        plan = plans[name]
        for which in (0, 1):
            haplotype = apply_variants(codes, variants, which)
            if isinstance(profile, Profile):
                source = prepare(haplotype.codes, profile, chosen.noise, chosen.seed)
                waves = plan.waves * ripple(len(codes), rng, chosen.imbalance_sd)
                begins = fragment_starts(haplotype, profile, plan.blocks, waves, rng)
                texts, count = fastq_batches(source, begins, profile, rng, serial), len(begins)
            else:
                long_source = prepare_long(haplotype.codes, chosen.noise, chosen.seed)
                spans = read_spans(haplotype, profile, plan.blocks, rng)
                texts, count = long_fastq_batches(long_source, spans, profile, rng, serial), len(spans[0])
            for text in texts:
                mapper.write(text)
            serial += count
    return serial


def build(
    shared: Path,
    out: Path,
    chosen: ReadSet,
    profile: Profile | ContextProfile,
    threads: int,
    contig_names: tuple[str, ...] = (),
    stretch: tuple[str, int, int] | None = None,
) -> Path:
    """Make one folder of reads, beside its place, and move it in when whole.

    Parameters
    ----------
    contig_names
        The contigs to use; when empty all but `HELD_OUT`, or those alone.
    stretch
        Sequence and label only this.
    """
    began = time.time()
    folder = out / f".{chosen.name}.partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    rng = np.random.default_rng(chosen.seed)
    contigs, variants = make_person(shared, chosen.fasta, rng)
    for name in [*contigs]:
        if name not in contig_names if contig_names else (name in HELD_OUT) != chosen.held_out:
            del contigs[name], variants[name]
    known, of_sample, hidden = decoys(contigs, chosen.decoy_share, chosen.hidden_share, rng)
    lengths = {name: len(codes) for name, codes in contigs.items()}
    write_fasta(folder / "ref.fa", contigs | {"decoys": known})
    write_truth(folder / "truth.vcf.gz", variants, lengths | {"decoys": len(known)}, chosen.name)
    copies = {name: (codes, variants[name]) for name, codes in contigs.items()}
    copies |= {"decoys": (of_sample, []), "hidden": (hidden, [])}
    plans = plan_depths({name: codes for name, (codes, _) in copies.items()}, chosen, stretch, rng)
    intervals = confident(shared, contigs, chosen, profile, plans)
    if "chr20" in contigs and not stretch:
        write_bed(folder / "tune.bed", within(intervals, TUNE))
        intervals = subtract(intervals, [TUNE])
    write_bed(folder / "confident.bed", intervals)
    reads, platform = folder / "reads.bam", PLATFORMS[chosen.technology]
    mapper = open_mapper(chosen.aligner, folder / "ref.fa", reads, chosen.name, platform, threads)
    if isinstance(profile, Profile):
        profile = profile.scaled(clip=chosen.clip_factor, indel=chosen.indel_factor, rng=rng)
    count_of_reads = sequence(mapper, profile, chosen, copies, plans, rng)
    mapper.close()
    for index in folder.glob("ref.fa.*"):
        if index.suffix != ".fai":
            index.unlink()
    count = sum(map(len, variants.values()))
    (folder / "done.txt").write_text(
        f"{chosen}\n{count_of_reads} reads or pairs, {count} variants, {time.time() - began:.0f} s\n"
    )
    final = out / chosen.name
    shutil.rmtree(final, ignore_errors=True)
    return folder.rename(final)


def profile_of(shared: Path, out: Path, chosen: ReadSet) -> Profile | ContextProfile:
    """Learn a profile, or take it from the folder of an earlier run."""
    path = out / f"profile.{Path(chosen.profile_bam).stem}.npz"
    bam, fasta = shared / chosen.profile_bam, chosen.profile_fasta and shared / chosen.profile_fasta
    if not path.exists():
        out.mkdir(parents=True, exist_ok=True)
        if chosen.paired:
            assert fasta
            learn_profile(bam, fasta).save(path)
        else:
            learn_context_profile(bam, fasta or None).save(path)
    return Profile.load(path) if chosen.paired else ContextProfile.load(path)


@app.command
def train(
    *,
    shared: Path,
    out: Path,
    tech: str = "illumina-wgs",
    scale: float = 1.0,
    only: tuple[str, ...] = (),
    threads: int = 2,
) -> None:
    """Make all training sets of a technology, or those named.

    Parameters
    ----------
    shared
        The folder of real data (reference/, truth/, illumina/).
    out
        Where the sets are written.
    tech
        The technology.
    scale
        Share of the sequence that is given reads, relative to the full sets.
    only
        Names of the sets to make; all when not given.
    threads
        Threads of the aligner.
    """
    for chosen in SETS:
        if chosen.technology != tech or (only and chosen.name not in only):
            continue
        profile = profile_of(shared, out, chosen)
        print(build(shared, out, replace(chosen, scale=chosen.scale * scale), profile, threads))


@app.command
def benchmark(*, shared: Path, out: Path, threads: int = 2) -> None:
    """Make the speed benchmark: 4 Mb of chr20 at an even 30x of 2x150.

    Parameters
    ----------
    shared
        The folder of real data.
    out
        Where the folder `benchmark` is written.
    threads
        Threads of the aligner.
    """
    chosen = ReadSet("benchmark", HISEQX, MAIN, 305, HISEQX_NOISE, depths=(30.0, 30.0))
    profile = profile_of(shared, out, chosen)
    print(build(shared, out, chosen, profile, threads, ("chr20",), ("chr20", 1_000_000, 5_000_000)))


@app.command
def noise(*, bam: Path, fasta: Path, bed: Path, truth: Path | None = None) -> None:
    """Print how many false alleles a BAM shows per 100 kb, by allele fraction: compare real and simulated.

    Parameters
    ----------
    bam
        Aligned reads.
    fasta
        Their reference.
    bed
        Where to count.
    truth
        Variants whose surroundings are left out.
    """
    print(measure_noise(bam, fasta, read_bed(bed, Reference.open(fasta).lengths), truth))


if __name__ == "__main__":
    app()
