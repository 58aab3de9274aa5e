"""Table 1: eight kinds of reads, and of each what the candidates are and what the network made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dvplug.evaluate import Also, Evaluation, evaluate
from dvplug.evaluate.counts import ClassCounts
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.depths import DepthBlocks, capture_blocks
from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.profile import Profile
from dvplug.simulate.sample import read_fasta
from dvplug_lab import commands
from dvplug_lab.comparison import peers
from dvplug_lab.comparison.callers import depths, where_to_call
from dvplug_lab.comparison.sets import ValidationSet, as_long_as_aligned, confident_regions, find_set
from dvplug_lab.read_sets import EXTRA, SETS
from dvplug_lab.reproduction.people import variant_model
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.samples import Genome, Reads, sequenced, write_genome, write_targets

CONTIG = "chr13_32M"
"""Sequence that no model was trained on."""
REAL = "hg002_illumina"
UNKNOWN = "unknown"
"""Where the paper's own figure could not be read."""
CLR_ERRORS = {"insertion_p": 0.08, "deletion_p": 0.04, "substitution_p": 0.015}
"""Per base, as raw reads of a PacBio are believed to err; none were at hand to learn from."""
_BY_NAME = {one.name: one for one in SETS}


@dataclass(frozen=True)
class Dataset:
    """A row of the paper's table: what stands in for its reads, and which model calls them."""

    name: str
    here: str
    tech: str
    """Whose model is used."""
    model: str = ""
    """What is to be said of that; nothing where it was made for such reads."""
    reads: Reads | None = None
    """None: real ones, thinned to ``depth``."""
    depth: float = 0.0


def _simulated(recipe: str, depth: float, changed: Callable = lambda profile: profile) -> Reads:
    return Reads(_BY_NAME[recipe], depth, changed=changed)


def as_raw(profile: Profile | ContextProfile) -> ContextProfile:
    """Return long reads' profile with the errors of `CLR_ERRORS` outside homopolymers, in all classes of reads."""
    assert isinstance(profile, ContextProfile)
    rates = {name: np.full_like(getattr(profile, name), rate) for name, rate in CLR_ERRORS.items()}
    return replace(profile, **rates)


def exome(length: int, rng: np.random.Generator) -> DepthBlocks:
    """Targets as those of the model card's exomes."""
    recipe = _BY_NAME["exome_2x76_held_out"]
    return capture_blocks(length, rng, recipe.depths, recipe.typical_depth)


DATASETS = (
    Dataset(
        "10X Chromium, 75x", "simulated 2x150 without barcodes", "illumina-wgs",
        "borrowed: reads without barcodes", _simulated("illumina_held_out", 75.0),
    ),
    Dataset(
        "10X GemCode, 34x", "simulated 2x101 without barcodes", "illumina-wgs",
        "borrowed: reads without barcodes", _simulated("hiseq2000_2x101_extra", 34.0),
    ),
    Dataset("Illumina HiSeq, 31x", "real, HG002, .17 Mb, thinned", "illumina-wgs", depth=31.0),
    Dataset("Illumina HiSeq, 60x", "real, HG002, .17 Mb, thinned", "illumina-wgs", depth=60.0),
    Dataset(
        "Ion AmpliSeq exome", "simulated PGM reads, 100x, of no amplicons", "ion",
        reads=_simulated("pgm_held_out", 100.0),
    ),
    Dataset(
        "PacBio raw reads, 40x", "simulated R10 reads with the errors of raw PacBio ones", "ont",
        "borrowed", _simulated("r10_held_out", 40.0, as_raw),
    ),
    Dataset(
        "SOLiD, 85x", "simulated Illumina 2x76, not in colours", "illumina-wgs",
        "borrowed", _simulated("exome_2x76_held_out", 85.0),
    ),
    Dataset(
        "Illumina TruSeq exome", "simulated 2x76, about 80x at targets", "illumina-wes",
        reads=Reads(_BY_NAME["exome_2x76_held_out"], blocks=exome),
    ),
)  # fmt: skip


def measure(setting: Setting) -> list[Row]:
    """Call all eight; where two of them are of one person, the person is the same."""
    folder = setting.reads / "technologies"
    person = _person(folder, setting)
    rows: list[Row] = []
    for number, one in enumerate(DATASETS):
        place = folder / f"{number}"
        place.mkdir(parents=True, exist_ok=True)
        chosen = real(one, setting, place) if one.reads is None else simulated(one, person, setting, place)
        found = _judged(chosen, place, setting.threads)
        candidates = found.candidates
        assert candidates is not None
        rows.append(
            {
                "paper's reads": one.name,
                "reads here": one.here,
                "model": f"{one.tech}, {one.model}" if one.model else one.tech,
                "variants": sum(c.tp_truth + c.fn for c in (found.snp, found.indel)),
                **_figures("candidates", candidates.snp, candidates.indel),
                **_figures("calls", found.snp, found.indel),
                "paper": UNKNOWN,
            }
        )
    return rows


def _figures(what: str, snp: ClassCounts, indel: ClassCounts) -> Row:
    """Sensitivity, PPV and F1 of SNPs and indels together."""
    pairs = zip(
        (snp.tp_truth, snp.tp_query, snp.fp, snp.fn),
        (indel.tp_truth, indel.tp_query, indel.fp, indel.fn),
        strict=True,
    )
    both = ClassCounts(*(a + b for a, b in pairs))
    figures = {"sensitivity": both.recall, "PPV": both.precision, "F1": both.f1}
    return {f"{what}' {name}": None if one is None else round(one, 4) for name, one in figures.items()}


def _person(folder: Path, setting: Setting) -> Genome:
    codes = encode_bases(read_fasta(setting.shared / EXTRA)[CONTIG][: setting.length].encode())
    variants = drawn_variants(codes, variant_model(setting.shared), np.random.default_rng(2))
    return write_genome(folder, {CONTIG: codes}, {CONTIG: variants})


def real(one: Dataset, setting: Setting, place: Path) -> ValidationSet:
    """Thin the real reads to the row's depth."""
    chosen = as_long_as_aligned(find_set(REAL, setting.shared), place)
    return depths(chosen, [one.depth], place)[-1][0]


def simulated(one: Dataset, person: Genome, setting: Setting, place: Path) -> ValidationSet:
    """Sequence the person as the row says, and count where there are reads."""
    assert one.reads is not None
    bam, confident = place / "reads.bam", person.confident
    if one.reads.blocks is not None:
        confident = place / "targets.bed"
    if not bam.with_suffix(".bam.bai").exists() or not confident.exists():
        work, seed = setting.reads, 200 + int(place.name)
        to = {person.reference: bam}
        made = sequenced(
            person, to, setting.shared, work, seed=seed, threads=setting.threads, reads=one.reads
        )
        if one.reads.blocks is not None:
            write_targets(person, made, confident)
    return ValidationSet(one.name, one.tech, person.reference, bam, person.truth, confident)


def _judged(chosen: ValidationSet, place: Path, workers: int) -> Evaluation:
    calls = place / "dvplug.vcf.gz"
    where = where_to_call(chosen, confident_regions(chosen))
    commands.run(
        peers.dvplug(
            chosen.tech, chosen.reference, chosen.reads, calls, where, workers=workers, keep_ref_calls=True
        )
    )
    return evaluate(chosen.truth, calls, chosen.confident, chosen.reference, also=Also(candidates=True))
