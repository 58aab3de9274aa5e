"""Make the folder of a read set: a person on real sequence, decoys, reads of both haplotypes, mapped.

Each has ref.fa, reads.bam, truth.vcf.gz, confident.bed, on chr20 also tune.bed (a slice that is not in confident.bed),
and done.txt last of all. Sets that are held out have contigs of their own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import InputError
from dvplug.genome.bed import read_bed
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.depths import ripple
from dvplug.simulate.drawn_variants import VariantModel, drawn_variants
from dvplug.simulate.fragments import Fragments, fragment_starts
from dvplug.simulate.genome import Codes, write_bed, write_fasta
from dvplug.simulate.learn.context import ContextProfile, learn_context_profile
from dvplug.simulate.learn.profile import Profile, learn_profile
from dvplug.simulate.long_reads import long_fastq_batches, prepare_long, read_spans
from dvplug.simulate.mapping import Mapper, mapping
from dvplug.simulate.sample import decoys, read_fasta, real_variants, subtract, within
from dvplug.simulate.sequencing import copied
from dvplug.simulate.short_reads import fastq_batches, prepare
from dvplug.simulate.variants import PhasedVariant, apply_variants, write_truth
from dvplug_lab.read_sets import (
    CONFIDENT,
    HELD_OUT,
    HISEQX,
    HISEQX_NOISE,
    MAIN,
    PLATFORMS,
    TRUTH,
    TUNE,
    ReadSet,
)
from dvplug_lab.training_reads.folder import begun, finished
from dvplug_lab.training_reads.plans import Plan, confident, plan_depths
from dvplug_lab.training_reads.worlds import build_world
from dvplug_lab.world_sets import WorldSet


def make_person(
    shared: Path, fasta: str, rng: np.random.Generator, *, drawn: bool = False
) -> tuple[dict[str, Codes], dict[str, list[PhasedVariant]]]:
    """Return the reference contigs and their variants: real on chr20 unless ``drawn``, drawn like them elsewhere."""
    contigs = {name: encode_bases(text.encode()) for name, text in read_fasta(shared / fasta).items()}
    chr20 = contigs.get("chr20")
    if chr20 is None:
        chr20 = encode_bases(read_fasta(shared / MAIN)["chr20"].encode())
    real = real_variants(shared / TRUTH, "chr20", rng)
    whole = [(start, end) for _, start, end in read_bed(shared / CONFIDENT, {"chr20": len(chr20)})]
    model = VariantModel.learn(chr20, real, whole)
    variants = {
        name: real if name == "chr20" and not drawn else drawn_variants(codes, model, rng)
        for name, codes in contigs.items()
    }
    return contigs, variants


def add_foreign(
    copies: dict[str, tuple[Codes, list[PhasedVariant]]],
    plans: dict[str, Plan],
    others: dict[str, list[PhasedVariant]],
    share: float,
) -> None:
    """Add another person's contigs, of which a share of all reads are then; their variants are in no truth."""
    for name, variants in others.items():
        blocks = plans[name].blocks
        copies[f"{name} of another"] = copies[name][0], variants
        added = blocks._replace(depth=share / (1 - share) * blocks.depth)
        plans[f"{name} of another"] = replace(plans[name], blocks=added)


def sequence(
    mapper: Mapper,
    profile: Profile | ContextProfile,
    chosen: ReadSet,
    copies: dict[str, tuple[Codes, list[PhasedVariant]]],
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
                fragments = copied_fragments(begins, profile, rng)
                texts, count = fastq_batches(source, fragments, profile, rng, serial), len(fragments.start)
            else:
                long_source = prepare_long(haplotype.codes, chosen.noise, chosen.seed)
                spans = read_spans(haplotype, profile, plan.blocks, rng)
                texts, count = long_fastq_batches(long_source, spans, profile, rng, serial), len(spans.start)
            for text in texts:
                mapper.write(text)
            serial += count
    return serial


def copied_fragments(begins: NDArray[np.int64], profile: Profile, rng: np.random.Generator) -> Fragments:
    """Return fragments that begin there, int64[k], of which some are copies of others: as many as in the profile."""
    index, _ = copied(len(begins), profile.copies, rng)
    length, flip = rng.choice(profile.fragment, len(begins)), rng.random(len(begins)) < 0.5
    return Fragments(begins[index], length[index], flip[index], molecule=index)


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
    folder = begun(out, chosen.name)
    rng = np.random.default_rng(chosen.seed)
    contigs, variants = make_person(shared, chosen.fasta, rng, drawn=chosen.tune_only)
    contig_names = (TUNE[0],) if chosen.tune_only else contig_names
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
    if chosen.foreign_share:
        other = np.random.default_rng([chosen.seed, 1])
        _, others = make_person(shared, chosen.fasta, other, drawn=True)
        add_foreign(copies, plans, {name: others[name] for name in contigs}, chosen.foreign_share)
    intervals = confident(shared, contigs, chosen, profile, plans)
    if "chr20" in contigs and not stretch:
        write_bed(folder / "tune.bed", within(intervals, TUNE))
        intervals = subtract(intervals, [TUNE])
    write_bed(folder / "confident.bed", intervals)
    reads, platform = folder / "reads.bam", PLATFORMS[chosen.technology]
    if isinstance(profile, Profile):
        profile = profile.scaled(
            clip=chosen.clip_factor, indel=chosen.indel_factor, copies=chosen.copies_factor, rng=rng
        )
    with mapping(chosen.aligner, folder / "ref.fa", reads, chosen.name, platform, threads) as mapper:
        count_of_reads = sequence(mapper, profile, chosen, copies, plans, rng)
    count = sum(map(len, variants.values()))
    done = f"{chosen}\n{count_of_reads} reads or pairs, {count} variants, {time.time() - began:.0f} s\n"
    return finished(folder, out, chosen.name, done)


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


def is_made(chosen: ReadSet, out: Path) -> bool:
    """Tell whether a read set is there; raises InputError when its folder was made by another recipe."""
    done = out / chosen.name / "done.txt"
    if not done.exists():
        return False
    if done.read_text().splitlines()[0] != str(chosen):
        raise InputError(
            f"the reads in {done.parent} were made by another recipe than the present one of '{chosen.name}'",
            cause="a model of a mixture of both could not be made again",
            repair="Give a new work folder, or remove that of the reads and what was made of them.",
        )
    return True


def build_sets(sets: Sequence[ReadSet], shared: Path, out: Path, threads: int) -> None:
    """Make read sets, also those that are there."""
    for chosen in sets:
        profile = profile_of(shared, out, chosen)
        if isinstance(chosen, WorldSet):
            print(build_world(shared, out, chosen, profile, threads))
        else:
            print(build(shared, out, chosen, profile, threads))


def build_absent(sets: Sequence[ReadSet], shared: Path, out: Path, threads: int) -> None:
    """Make the read sets that are not there; raises InputError when one was made by another recipe."""
    build_sets([chosen for chosen in sets if not is_made(chosen, out)], shared, out, threads)


def build_benchmark(shared: Path, out: Path, threads: int) -> Path:
    """Make the folder ``benchmark``: 4 Mb of chr20 at an even 30x of 2x150."""
    chosen = ReadSet("benchmark", HISEQX, MAIN, 305, HISEQX_NOISE, depths=(30.0, 30.0))
    profile = profile_of(shared, out, chosen)
    return build(shared, out, chosen, profile, threads, ("chr20",), ("chr20", 1_000_000, 5_000_000))
