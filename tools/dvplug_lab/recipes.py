"""How each shipped model is made: read sets, examples, settings of the fit, and what its card must admit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from dvplug.errors import InputError, near_misses
from dvplug.train.state import SIMULATED, FitSettings
from dvplug.train.trained_range import UsualRules
from dvplug_lab.places import REPOSITORY
from dvplug_lab.read_sets import EXTRA, MAIN, ReadSet, sets_of, training_sets
from dvplug_lab.world_sets import worlds_of
from dvplug_registry.manifest import RunMeasure

HELD_OUT_TEXT = (
    "GRCh38 chr20:7,900,001-8,900,000 (to choose the epoch and calibrate), three stretches of 1 Mb from chr13:32M, "
    "chr17:43M and chr21:37M (for these figures), chr20:60,001-160,000 and 5,020,001-5,080,000; all real reads"
)


SHIFTED_KEPT = 0.6
"""Share of the fragments in shards of shifted reads."""
RUNS_KEPT = 0.7
"""Share of the fragments in shards of homopolymers: another depth than in the other two."""


@dataclass(frozen=True)
class Shard:
    """One file of examples: a read set, how much of its reads, and where."""

    read_set: str
    keep_fraction: float = 1.0
    part: Literal["train", "tune", "test"] = "train"
    least_run: int = 0
    """Only homopolymers of so many bp or more; 0 for everything."""
    shift: str = ""
    """What is taken from the reads first: a key of `dvplug_lab.shifts.reads.SHIFTS`."""

    @property
    def name(self) -> str:
        """File name without its ending."""
        runs = f".runs{self.least_run}" if self.least_run else ""
        shift = f"+{self.shift}" if self.shift else ""
        return f"{self.part}.{self.read_set}{shift}.{self.keep_fraction:g}{runs}"


_OF_READS: tuple[RunMeasure, ...] = (
    "base_quality",
    "mapping_quality",
    "reverse_strand",
    "differing_positions",
)
# What each network is given in place of what it has not met: that which was found to help, on real and simulated reads
# (tools/measure_shifts.py), and no more.
_SHORT = UsualRules(measures=(*_OF_READS, "with_fragment_length", "read_length", "distinct_starts"))
_PACBIO = UsualRules(measures=_OF_READS)
_ONT = UsualRules(measures=_OF_READS, mapping_quality=True)
_ION = UsualRules(
    measures=("base_quality", "mapping_quality", "reverse_strand", "read_length"), base_quality=True
)


@dataclass(frozen=True)
class Recipe:
    """How one technology's model is made."""

    plugin: str
    description: str
    thinned: float
    """A second shard of each set has this share of the fragments: depths at which calling becomes hard."""
    settings: FitSettings
    source: str | None = None
    """Where examples are few: a technology that has many, drawn alike. Every way of `dvplug.train.compare` is tried,
    starting from that technology's shipped model where it starts from one, and the best is kept."""
    steps: int = 0
    """Batches that each of those ways is shown; 0 to take the source's network as it is, with its calibration."""
    least_run: int = 0
    """Where homopolymers are the hard part: a third shard of each set has those of so many bp or more alone. They are
    chosen by the reference, so the network is not biased by seeing more of them."""
    shifts: tuple[str, ...] = ()
    """What is taken from the reads of ordinary sets, each in a shard of its own. In worlds alone, where all else is
    drawn too, a network does not learn that errors stay as rare where no mate, mapping quality or full length tells of
    them."""
    first_stage: bool = False
    """Whether the features alone settle what they are enough for."""
    usual: UsualRules = field(default=UsualRules())
    """What the network is given in place of what it has not met."""
    limits: tuple[str, ...] = field(default=())
    """What a user must know before relying on the model; the first says what was simulated."""

    def shards(self, tech: str) -> list[Shard]:
        """Of all sets of the technology but those held out, and its worlds; those with chr20 have a part to tune on."""
        sets: list[ReadSet] = [*training_sets(tech), *worlds_of(tech)]
        train = [Shard(chosen.name, keep) for chosen in sets for keep in (1.0, self.thinned)]
        if self.least_run:
            train += [Shard(chosen.name, RUNS_KEPT, least_run=self.least_run) for chosen in sets]
        ordinary = [one.name for one in training_sets(tech) if one.fasta == EXTRA]
        train += [Shard(name, SHIFTED_KEPT, shift=shift) for shift in self.shifts for name in ordinary]
        sets += [chosen for chosen in sets_of(tech) if chosen.tune_only]
        return train + [Shard(chosen.name, part="tune") for chosen in sets if chosen.fasta == MAIN]

    def test_shards(self, tech: str) -> list[Shard]:
        """Return shards of the sets held out, at full depth, half and a quarter.

        What ways of training do on them is told; which is the best is decided on the shards to tune on.
        """
        held_out = [chosen for chosen in sets_of(tech) if chosen.held_out]
        return [Shard(chosen.name, keep, "test") for chosen in held_out for keep in (1.0, 0.5, 0.25)]

    @property
    def models(self) -> Path:
        """Where the plugin keeps its models."""
        return REPOSITORY / "plugins" / self.plugin / "models"


SIMULATED_READS = (
    "All training reads are simulated. Real reads gave only how reads err; what no simulated read shows (rare "
    "artefacts of a library, mobile elements, structural variants, alternate contigs) the network has not met."
)
BEGUN = (
    "It began with the network before it, of whose examples some had another spelling of a variant as an example of "
    "the reference; the examples that it was fitted to have not."
)
RECIPES = {
    "illumina-wgs": Recipe(
        "dvplug_illumina",
        "Illumina reads, whole genome or amplicons, paired or single, 36 to 300 bp, 5x to 300x (amplicons 3,000x)",
        0.45,
        SIMULATED,
        least_run=10,
        shifts=("single", "mapq-255", "length-75"),
        first_stage=True,
        usual=_SHORT,
        limits=(
            SIMULATED_READS,
            "How reads err was learnt from HiSeq X, HiSeq 2000 and one exome, and scaled from 0.4 to 2.5 times; "
            "qualities were told on other scales, in other bins, flat or not at all. What errs by other rules than "
            "theirs (two-colour chemistry's dark G, flow sequencing) was not seen.",
            "The layers that see the image are those of the network before it, and of SNPs it was to answer as that "
            "one does, whose examples were made when repeats of two bases and more were simulated as misread ten "
            "times too often in amplified libraries, and some had another spelling of a variant as an example of "
            "the reference. The last layers, with features in pieces, were fitted to the examples named here, which "
            "have neither fault; their weights are seven tenths of what came of it and three tenths of those "
            "before. These shares, of 0, .7 and 1, and those of the network before, were chosen by the reads below, "
            "real and held out, whose figures so flatter it.",
            "Real figures come from 0.27 Mb of chromosome 20 in two samples. The confident regions of NA12878 are "
            "HG002's, as a stand-in: what its truth leaves out for doubt is counted against every caller there.",
        ),
    ),
    "illumina-wes": Recipe(
        "dvplug_illumina",
        "Illumina reads, exome or other capture, paired or single, 36 to 300 bp, 3x to 300x at targets",
        0.4,
        SIMULATED,
        source="illumina-wgs",
        least_run=10,
        usual=_SHORT,
        limits=(
            SIMULATED_READS,
            "The network and its calibration are those of illumina-wgs: one that was trained on exomes errs more often "
            "on them. It saw genomes and amplicons, and no capture.",
            "No real exome with a truth was at hand: all figures are of simulated reads. Targets were drawn at random "
            "over the genome, not at exons, so density and kind of variants are those of whole genomes. In the figures "
            "their depths lie around 80x, and what lies beside targets is not counted.",
            "One real exome of 76-bp reads gave qualities and read lengths; allele bias of capture is a guess.",
        ),
    ),
    "pacbio": Recipe(
        "dvplug_pacbio",
        "PacBio HiFi reads, 8x to 50x",
        0.5,
        SIMULATED,
        usual=_PACBIO,
        limits=(
            SIMULATED_READS,
            BEGUN,
            "Learnt from Sequel and Sequel II reads; Revio was not trained on.",
            "Real figures come from 0.1 Mb of chromosome 20 of one sample.",
        ),
    ),
    "ont": Recipe(
        "dvplug_ont",
        "ONT R10.4.1 reads, super-accuracy basecalls, 8x to 60x",
        0.5,
        SIMULATED.model_copy(update={"keep": (0.2, 1.0, 1.0)}),
        least_run=10,
        usual=_ONT,
        limits=(
            SIMULATED_READS,
            BEGUN,
            "Errors of homopolymers and single bases are learnt by length, base and quality; what else the basecaller "
            "gets wrong by motif (methylated bases above all) is drawn as a rate that differs from place to place.",
            "R9 flow cells, and fast or high-accuracy basecalls, err otherwise and are not covered.",
            "Real figures come from 33 kb of chromosome 20 of one sample, with 14 indels. How reads err, in "
            "homopolymers too, was learnt from the same reads (and others), without the truth but for how much places "
            "differ.",
        ),
    ),
    "ion": Recipe(
        "dvplug_ion",
        "Ion Torrent PGM reads, single, about 130 bp, 10x to 200x",
        0.4,
        SIMULATED,
        usual=_ION,
        limits=(
            SIMULATED_READS,
            BEGUN,
            "No real Ion Torrent reads with a truth were at hand: all figures are of simulated reads, whose errors "
            "were learnt from one PGM panel. Those of the panel's homopolymers come from few places; simulated ones "
            "of 6 and 7 bp err less often (table at the end). Proton, S5 and longer reads were not seen.",
            "Reads were mapped with bwa mem; TMAP places indels and clips otherwise.",
            "Coverage is random, as of sheared libraries; the edges of amplicons, where all reads end, were not seen.",
        ),
    ),
}


def recipe_of(tech: str) -> Recipe:
    """Return a technology's recipe; raises InputError when there is none."""
    if tech not in RECIPES:
        raise InputError(f"there is no recipe for '{tech}'", repair=near_misses(tech, RECIPES))
    return RECIPES[tech]
