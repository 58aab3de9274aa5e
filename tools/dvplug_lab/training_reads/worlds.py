"""Make the folder of a world: the files of other read sets, and world.json, which says what the reads are."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dvplug.genome.bed import read_bed
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.crowded_variants import with_crowds
from dvplug.simulate.drawn_variants import VariantModel, drawn_variants
from dvplug.simulate.genome import Codes, N
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.sample import read_fasta, real_variants
from dvplug.simulate.world_reads import WorldPerson, WorldRun, write_world
from dvplug_lab.read_sets import CONFIDENT, MAIN, NEVER, PLATFORMS, REAL_END, TRUTH, TRUTHS, TUNE
from dvplug_lab.training_reads.folder import begun, finished
from dvplug_lab.world_sets import WorldSet


def make_world_person(shared: Path, chosen: WorldSet, rng: np.random.Generator) -> WorldPerson:
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
    whole = {name: labelled(shared, name, codes) for name, codes in contigs.items()}
    return WorldPerson(contigs, variants, whole, (TUNE,), {"chr20": REAL_END})


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


def build_world(
    shared: Path, out: Path, chosen: WorldSet, profile: Profile | ContextProfile, threads: int
) -> Path:
    """Make one folder of reads, beside its place, and move it in when whole; done.txt says what CPU time it took."""
    began = _cpu_seconds()
    folder = begun(out, chosen.name)
    rng = np.random.default_rng(chosen.seed)
    person = make_world_person(shared, chosen, rng)
    run = WorldRun(chosen.name, chosen.world, chosen.noise, chosen.bases, PLATFORMS[chosen.technology])
    reads = write_world(folder, person, run, profile, rng, threads)
    count = sum(map(len, person.variants.values()))
    done = f"{chosen}\n{reads} reads or pairs, {count} variants, {_cpu_seconds() - began:.0f} CPU s\n"
    return finished(folder, out, chosen.name, done)


def _cpu_seconds() -> float:
    """Of this process and of the programs that it ran."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)
