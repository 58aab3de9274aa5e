"""Table 1: eight kinds of reads, and of each what the candidates are and what the network made of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dvplug.evaluate import Also, Evaluation, evaluate
from dvplug.evaluate.counts import ClassCounts
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.depths import DepthBlocks, capture_blocks
from dvplug.simulate.drawn_variants import drawn_variants
from dvplug.simulate.genome import write_fasta
from dvplug.simulate.sample import read_fasta
from dvplug_lab import commands
from dvplug_lab.comparison import peers
from dvplug_lab.comparison.callers import depths, where_to_call
from dvplug_lab.comparison.sets import ValidationSet, as_long_as_aligned, confident_regions, find_set
from dvplug_lab.read_sets import EXTRA, SETS
from dvplug_lab.reproduction.people import variant_model
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.samples import Genome, Reads, sequenced, write_genome, write_targets
from dvplug_lab.reproduction.stated import Stated, installed, sequenced_as_stated

CONTIG = "chr13_32M"
"""Sequence that no model was trained on."""
LEAST = 250_000
"""bp from which stretches can be drawn that hold long reads."""
REAL = "hg002_illumina"
UNKNOWN = "unknown"
"""Where the paper's own figure could not be read."""
_BY_NAME = {one.name: one for one in SETS}


@dataclass(frozen=True)
class Dataset:
    """A row of the paper's table: what stands in for its reads, and which model calls them."""

    name: str
    here: str
    tech: str
    """Whose model is used."""
    reads: Reads | Stated | None = None
    """None: real ones, thinned to ``depth``."""
    depth: float = 0.0

    @property
    def model(self) -> str:
        """Whose model it is, where that is not this distribution's."""
        return f"{self.tech}, of {self.reads.plugin}" if isinstance(self.reads, Stated) else self.tech


def exome(length: int, rng: np.random.Generator) -> DepthBlocks:
    """Targets as those of the model card's exomes."""
    recipe = _BY_NAME["exome_2x76_held_out"]
    return capture_blocks(length, rng, recipe.depths, recipe.typical_depth)


DATASETS = (
    Dataset(
        "10X Chromium, 75x", "simulated 2x150 of molecules, with barcodes", "linked-reads",
        Stated("dvplug-linked-reads", 75.0, _BY_NAME["hiseqx_2x150_75x"]),
    ),
    Dataset(
        "10X GemCode, 34x", "simulated 2x101 of molecules, with barcodes", "linked-reads",
        Stated("dvplug-linked-reads", 34.0, _BY_NAME["hiseq2000_2x101_28x"]),
    ),
    Dataset("Illumina HiSeq, 31x", "real, HG002, .17 Mb, thinned", "illumina-wgs", depth=31.0),
    Dataset("Illumina HiSeq, 60x", "real, HG002, .17 Mb, thinned", "illumina-wgs", depth=60.0),
    Dataset(
        "Ion AmpliSeq exome", "simulated PGM reads, 100x, of no amplicons", "ion",
        Reads(_BY_NAME["pgm_held_out"], 100.0),
    ),
    Dataset(
        "PacBio raw reads, 40x", "simulated by stated errors, 13 % of the bases", "pacbio-clr",
        Stated("dvplug-pacbio-clr", 40.0),
    ),
    Dataset(
        "SOLiD, 85x", "simulated 50 bp, decoded from colours", "solid", Stated("dvplug-solid", 85.0)
    ),
    Dataset(
        "Illumina TruSeq exome", "simulated 2x76, about 80x at targets", "illumina-wes",
        Reads(_BY_NAME["exome_2x76_held_out"], blocks=exome),
    ),
)  # fmt: skip


def measure(setting: Setting) -> list[Row]:
    """Call all eight; reads that are stated are of a person each, all others that are simulated of one."""
    folder = setting.reads / "technologies"
    person = _person(folder, setting)
    rows: list[Row] = []
    plugins = [one.reads.plugin for one in DATASETS if isinstance(one.reads, Stated)]
    for number, one in enumerate(DATASETS):
        place = folder / f"{number}"
        place.mkdir(parents=True, exist_ok=True)
        chosen = _sequenced(one, person, 200 + number, setting, place)
        with installed(plugins, setting.made / "plugins"):
            found = _judged(chosen, place, setting.threads)
        candidates = found.candidates
        assert candidates is not None
        rows.append(
            {
                "paper's reads": one.name,
                "reads here": one.here,
                "model": one.model,
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


def _sequenced(one: Dataset, person: Genome, seed: int, setting: Setting, place: Path) -> ValidationSet:
    """Return reads as the row says."""
    if one.reads is None:
        return real(one, setting, place)
    if isinstance(one.reads, Stated):
        return sequenced_as_stated(one.name, one.tech, one.reads, _genome(setting), seed, setting, place)
    return simulated(one, one.reads, person, seed, setting, place)


def _genome(setting: Setting) -> Path:
    """Write sequence that no model was trained on, unless it is there: about half of it is sequenced."""
    path = setting.reads / f"{CONTIG}.fa"
    if not path.with_suffix(".fa.fai").exists():
        text = read_fasta(setting.shared / EXTRA)[CONTIG][: max(2 * setting.length, LEAST)]
        write_fasta(path, {CONTIG: encode_bases(text.encode())})
    return path


def simulated(
    one: Dataset, reads: Reads, person: Genome, seed: int, setting: Setting, place: Path
) -> ValidationSet:
    """Sequence the person, and count where there are reads."""
    bam, confident = place / "reads.bam", person.confident
    if reads.blocks is not None:
        confident = place / "targets.bed"
    if not bam.with_suffix(".bam.bai").exists() or not confident.exists():
        to, work = {person.reference: bam}, setting.reads
        made = sequenced(person, to, setting.shared, work, seed=seed, threads=setting.threads, reads=reads)
        if reads.blocks is not None:
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
