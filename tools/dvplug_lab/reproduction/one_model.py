"""One model of genomes and exomes, which is told the type when it calls, beside the two shipped ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dvplug.evaluate import evaluate
from dvplug.evaluate.counts import ClassCounts
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.depths import capture_blocks
from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.sample import read_fasta
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.export import Description, export
from dvplug.train.fit import fit
from dvplug.train.state import SIMULATED
from dvplug_lab import commands
from dvplug_lab.comparison import peers
from dvplug_lab.comparison.callers import depths, where_to_call
from dvplug_lab.comparison.sets import (
    ValidationSet,
    as_long_as_aligned,
    confident_regions,
    find_set,
    real_sets,
)
from dvplug_lab.model_building import examples
from dvplug_lab.model_run import ModelRun
from dvplug_lab.read_sets import EXTRA, HELD_OUT, MAIN, TUNE, sets_of
from dvplug_lab.recipes import HELD_OUT_TEXT, Shard, recipe_of
from dvplug_lab.reproduction.people import variant_model
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.samples import Reads, sequenced, write_genome
from dvplug_lab.training_reads.build import build, build_absent, is_made, profile_of

WGS, WES = TYPES = ("illumina-wgs", "illumina-wes")
THIN = 15.0
"""Mean depth to which every set is thinned, as for the cards."""
GENOMES = ("hiseqx_2x150_extra", "hiseq2000_2x101_extra")
GENOMES_TUNE = tuple(f"{name}_tune_{number}" for name in ("hiseqx", "hiseq2000") for number in (1, 2))
"""Read sets of the shipped model's recipe, of which the genomes' examples are."""
SETTINGS = SIMULATED.model_copy(
    update={
        "epochs": 1,
        "patience": 1,
        "learning_rate": 2e-4,
        "sequencing_types": TYPES,
        "types_kept": True,
    }
)
MEASURED = {"two models": None, "one model": "right", "wrong type": "wrong"}
"""What a set is called with, and whether the one model is told the right type."""


class Capture(NamedTuple):
    """A person whose exome is sequenced: how, and on which piece of sequence."""

    recipe: str
    fasta: str
    contig: str
    start: int
    seed: int
    pieces: float
    """Of how many times `Setting.length` bp."""


TRAIN = (
    Capture("exome_2x76", EXTRA, "chr1_10M", 0, 41, 2.0),
    Capture("exome_2x101", EXTRA, "chr4_105M", 0, 42, 2.0),
    Capture("exome_2x150_extra", EXTRA, "chr7_55M", 0, 43, 2.0),
)
TUNED = (
    Capture("exome_2x101", MAIN, "chr20", TUNE[1], 44, 1.0),
    Capture("exome_2x150_extra", MAIN, "chr20", TUNE[1] + 500_000, 45, 1.0),
)


def measure(setting: Setting) -> list[Row]:
    """Make examples, fit from the shipped weights, and call all held-out sets with three choices of model and type."""
    folder = setting.work / f"types_{setting.length}"
    model = folder / "model"
    if not model.exists():
        _fit(setting, folder, model)
    found: list[tuple[str, str, dict[str, tuple[ClassCounts, ClassCounts]]]] = []
    for tech in TYPES:
        for name in [*real_sets(tech), *map(str, _held_out(tech, setting))]:
            chosen = as_long_as_aligned(find_set(name, setting.shared, tech), folder)
            for one, depth in depths(chosen, [THIN], folder):
                counts = {label: called(one, label, model, folder, setting.threads) for label in MEASURED}
                found.append((tech, f"{one.name}, {depth:.0f}x", counts))
    return rows(found)


def _held_out(tech: str, setting: Setting) -> Iterator[Path]:
    """Make the cards' held-out sets of a technology, of the first of their contigs alone; yield their folders."""
    out = setting.work / "held_out"
    for one in sets_of(tech):
        if one.held_out:
            if not is_made(one, out):
                profile = profile_of(setting.shared, setting.work, one)
                build(setting.shared, out, one, profile, setting.threads, HELD_OUT[:1])
            yield out / one.name


def rows(found: Sequence[tuple[str, str, dict[str, tuple[ClassCounts, ClassCounts]]]]) -> list[Row]:
    """Return a row of false and missed calls for each set of reads, and one of all of each type."""
    table = []
    for tech in TYPES:
        of_type = [counts for kind, _, counts in found if kind == tech]
        named = [(reads, [counts]) for kind, reads, counts in found if kind == tech]
        for reads, several in [*named, ("all of these", of_type)]:
            row: Row = {"type": tech, "reads": reads}
            for label in MEASURED:
                snps, indels = (sum(one[label][n].fp + one[label][n].fn for one in several) for n in (0, 1))
                row |= {f"{label}: SNPs": snps, f"{label}: indels": indels, f"{label}: both": snps + indels}
            table.append(row)
    return table


def called(
    chosen: ValidationSet, label: str, model: Path, folder: Path, workers: int
) -> tuple[ClassCounts, ClassCounts]:
    """Call a set, with which of `MEASURED`, and count SNPs and indels."""
    other = TYPES[1 - TYPES.index(chosen.tech)]
    out = folder / chosen.name / f"{label.replace(' ', '_')}.vcf.gz"
    out.parent.mkdir(exist_ok=True)
    where = where_to_call(chosen, confident_regions(chosen))
    told = MEASURED[label]
    tech = other if told == "wrong" else chosen.tech
    given = str(model) if told else None
    commands.run(peers.dvplug(tech, chosen.reference, chosen.reads, out, where, model=given, workers=workers))
    judged = evaluate(chosen.truth, out, chosen.confident, chosen.reference)
    return judged.snp, judged.indel


def _fit(setting: Setting, folder: Path, model: Path) -> None:
    train, tune = (list(paths) for paths in (_train(setting, folder), _tune(setting, folder)))
    fitted = folder / "fitted"
    if not fitted.exists():
        fit(train, tune, SETTINGS, fitted, start_from=WGS)
    told = Description(
        name="illumina-both",
        version="1.0.0",
        description="Illumina reads, genomes and exomes",
        held_out=HELD_OUT_TEXT,
        usual=recipe_of(WGS).usual,
    )
    export(fitted, tune, told, model)


def _train(setting: Setting, folder: Path) -> Iterator[Path]:
    for name in GENOMES:
        yield from (_of_genomes(setting, Shard(name, kept)) for kept in (1.0, recipe_of(WGS).thinned))
    for one in TRAIN:
        yield from (_of_exome(one, kept, setting, folder) for kept in (1.0, recipe_of(WES).thinned))


def _tune(setting: Setting, folder: Path) -> Iterator[Path]:
    for name in GENOMES_TUNE:
        yield _of_genomes(setting, Shard(name, part="tune"))
    for one in TUNED:
        yield from (_of_exome(one, kept, setting, folder) for kept in (1.0, recipe_of(WES).thinned))


def _of_genomes(setting: Setting, shard: Shard) -> Path:
    """Make a shard of the shipped model's recipe; it may lie there from `tools/build_model.py`."""
    run = ModelRun(tech=WGS, work=setting.work / WGS, shared=setting.shared, workers=setting.threads)
    made = run.work / "examples" / f"{shard.name}.h5"
    if not made.exists():
        chosen = [one for one in sets_of(WGS) if one.name == shard.read_set]
        build_absent(chosen, run.shared, run.reads, run.workers)
        examples(run, shard)
    return made


def _of_exome(one: Capture, kept: float, setting: Setting, folder: Path) -> Path:
    """Make a shard of a person's exome, with targets of all depths."""
    place = folder / f"{one.recipe}.{one.seed}"
    out = place / f"{kept:g}.h5"
    if out.exists():
        return out
    recipe = next(chosen for chosen in sets_of(WES) if chosen.name == one.recipe)
    end = one.start + round(one.pieces * setting.length)
    codes = encode_bases(read_fasta(setting.shared / one.fasta)[one.contig][one.start : end].encode())
    variants = drawn_variants(codes, variant_model(setting.shared), np.random.default_rng(one.seed))
    person, bam = write_genome(place, {one.contig: codes}, {one.contig: variants}), place / "reads.bam"
    if not bam.with_suffix(".bam.bai").exists():
        reads = Reads(recipe, blocks=partial(capture_blocks, depths=recipe.depths))
        sequenced(
            person, {person.reference: bam}, setting.shared, setting.work,
            seed=one.seed, threads=setting.threads, reads=reads,
        )  # fmt: skip
    inputs = LabeledReads(person.reference, (bam,), person.truth, person.confident, kept)
    make_examples(WES, inputs, out, workers=setting.threads)
    return out
