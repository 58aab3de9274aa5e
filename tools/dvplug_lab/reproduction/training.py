"""The table of the post on exomes: four ways of training, at full depth and thinned, at a small scale."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from dvplug.sequence.codes import encode_bases
from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.sample import read_fasta
from dvplug.train.compare import (
    JOINT,
    MIXED,
    TARGET_ONLY,
    WARM_START,
    StrategyComparison,
    compare_strategies,
)
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.fit import fit
from dvplug.train.state import FitSettings, read_fit
from dvplug_lab.read_sets import EXTRA
from dvplug_lab.reproduction.people import variant_model
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.samples import Genome, Reads, sequenced, write_genome, write_targets
from dvplug_lab.reproduction.technologies import exome

WGS, WES = "illumina-wgs", "illumina-wes"
KEPT = (1.0, 0.5, 0.25)
"""Shares of the fragments in the examples that are tested on."""
EPOCHS = 3
WAYS = {TARGET_ONLY: "WES only", MIXED: "WGS and WES", WARM_START: "warm start", JOINT: "SeqType"}
"""As the post calls them."""
IN_POST = {WES: 2_641_013, WGS: 37_106_930}
"""Examples that the post trained on."""
SETTINGS = FitSettings(
    epochs=EPOCHS,
    patience=EPOCHS,
    learning_rate=1e-3,
    label_smoothing=0.0,
    architecture_settings={"feature_units": 64},
)


class Part(NamedTuple):
    """A person on one piece of held-in or held-out sequence."""

    name: str
    contig: str
    seed: int
    pieces: float
    """Of how many times `Setting.length` bp."""


TRAIN, TUNE, TEST = (
    Part("train", "chr3_10M", 31, 2.0), Part("tune", "chr5_1M", 32, 0.5), Part("test", "chr13_32M", 33, 2.0),
)  # fmt: skip


def measure(setting: Setting) -> list[Row]:
    """Make the examples, fit the network of the genomes, and from it or without it the exomes' four ways."""
    folder = setting.made
    train, tune = (
        {tech: shard(person(part, setting), tech, 1.0, setting) for tech in (WGS, WES)}
        for part in (TRAIN, TUNE)
    )
    test = [shard(person(TEST, setting), WES, kept, setting) for kept in KEPT]
    start, settings = folder / "genomes", SETTINGS.model_copy(update={"batch_size": setting.sizes.batch})
    if not start.exists():
        fit([train[WGS]], [tune[WGS]], settings, start)
    found = compare_strategies(
        [train[WES]], [tune[WES]], test, [train[WGS]], start, settings, setting.sizes.steps, folder / "ways"
    )
    return rows(found, {way: read_fit(folder / "ways" / way).n_examples for way in WAYS})


def rows(found: StrategyComparison, examples: dict[str, int]) -> list[Row]:
    """Return a row for each way and depth: of how many ``examples`` it was trained, and F1 of its genotypes."""
    table: list[Row] = []
    for way, label in WAYS.items():
        both = way in (MIXED, JOINT)
        for kept, one in zip(KEPT, (one for one in found.tested if one.strategy == way), strict=True):
            table.append(
                {
                    "way": label,
                    "examples": examples[way],
                    "examples in the post": IN_POST[WES] + (IN_POST[WGS] if both else 0),
                    "tune log-loss": round(found.tune_log_loss[way], 4),
                    "share of reads": kept,
                    **{
                        f"{kind} {name}": value
                        for kind, counts in (("SNP", one.snp), ("indel", one.indel))
                        for name, value in (("F1", round(counts.f1, 4)), ("FP", counts.fp), ("FN", counts.fn))
                    },
                    "F1 in the post": "unknown",
                }
            )
    return table


def person(part: Part, setting: Setting) -> Genome:
    """Write a person; the same one each time."""
    text = read_fasta(setting.shared / EXTRA)[part.contig][: round(part.pieces * setting.length)]
    codes = encode_bases(text.encode())
    variants = drawn_variants(codes, variant_model(setting.shared), np.random.default_rng(part.seed))
    folder = setting.reads / "training" / part.name
    return write_genome(folder, {part.contig: codes}, {part.contig: variants})


def reads_of(whose: Genome, tech: str, setting: Setting) -> tuple[Path, Path]:
    """Sequence the whole genome at 30x, or targets around 80x; return the reads and where they count."""
    reads, targets = whose.folder / f"{tech}.bam", whose.folder / "targets.bed"
    if not reads.with_suffix(".bam.bai").exists():
        how = Reads(blocks=exome) if tech == WES else Reads()
        seed = 1 if tech == WES else 2
        made = sequenced(
            whose, {whose.reference: reads}, setting.shared, setting.reads,
            seed=seed, threads=setting.threads, reads=how,
        )  # fmt: skip
        if tech == WES:
            write_targets(whose, made, targets)
    return reads, targets if tech == WES else whose.confident


def shard(whose: Genome, tech: str, kept: float, setting: Setting) -> Path:
    """Make examples of a share of a person's reads."""
    out = setting.made / f"{whose.folder.name}.{tech}.{kept:g}.h5"
    if not out.exists():
        reads, where = reads_of(whose, tech, setting)
        inputs = LabeledReads(whose.reference, (reads,), whose.truth, where, kept)
        make_examples(tech, inputs, out, workers=setting.threads)
    return out
