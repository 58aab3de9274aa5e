"""How each shipped model is made: read sets, examples, settings of the fit, and what its card must admit."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dvplug.errors import InputError, near_misses
from dvplug.train.fit import FitSettings
from simulate.read_sets import MAIN, sets_of

REPOSITORY = Path(__file__).resolve().parent.parent
SHARED = REPOSITORY.parent / "shared" / "data"
HELD_OUT_TEXT = (
    "GRCh38 chr20:7,900,001-8,900,000 (to choose the epoch and calibrate), two stretches of 1 Mb from chr13:32M and "
    "chr17:43M (for these figures), chr20:60,001-160,000 and 5,020,001-5,080,000; all real reads"
)


@dataclass(frozen=True)
class Shard:
    """One file of examples: a read set, how much of its reads, and where."""

    read_set: str
    keep_fraction: float = 1.0
    tune: bool = False

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"{'tune' if self.tune else 'train'}.{self.read_set}.{self.keep_fraction:g}"


@dataclass(frozen=True)
class Recipe:
    """How one technology's model is made."""

    plugin: str
    description: str
    thinned: float
    """A second shard of each set has this share of the fragments: depths at which calling becomes hard."""
    settings: FitSettings
    limits: tuple[str, ...] = field(default=())
    """What a user must know before relying on the model; the first says what was simulated."""

    def shards(self, tech: str) -> list[Shard]:
        """Of all sets of the technology but those held out; those with chr20 have a part to tune on."""
        sets = [chosen for chosen in sets_of(tech) if not chosen.held_out]
        train = [Shard(chosen.name, keep) for chosen in sets for keep in (1.0, self.thinned)]
        return train + [Shard(chosen.name, tune=True) for chosen in sets if chosen.fasta == MAIN]

    @property
    def models(self) -> Path:
        """Where the plugin keeps its models."""
        return REPOSITORY / "plugins" / self.plugin / "models"


# The tune loss jumps while the learning rate is high: only the end of the schedule tells.
SETTINGS = FitSettings(epochs=7, patience=7, learning_rate=1e-3, batch_size=128, label_smoothing=0.0, seed=1)
SIMULATED = (
    "All training reads are simulated. Real reads gave only how reads err; what no simulated read shows (rare "
    "artefacts of a library, mobile elements, structural variants, alternate contigs) the network has not met."
)
RECIPES = {
    "illumina-wgs": Recipe(
        "dvplug_illumina",
        "Illumina paired reads, whole genome, 2x100 to 2x150 bp, 8x to 100x",
        0.45,
        SETTINGS,
        limits=(
            SIMULATED,
            "Learnt from HiSeq X and HiSeq 2000 reads; NovaSeq's binned qualities were not seen.",
            "Real figures come from 0.27 Mb of chromosome 20 in two samples.",
        ),
    ),
    "pacbio": Recipe(
        "dvplug_pacbio",
        "PacBio HiFi reads, 8x to 50x",
        0.5,
        SETTINGS,
        limits=(
            SIMULATED,
            "Learnt from Sequel and Sequel II reads; Revio was not trained on.",
            "Real figures come from 0.1 Mb of chromosome 20 of one sample.",
        ),
    ),
    "ont": Recipe(
        "dvplug_ont",
        "ONT R10.4.1 reads, super-accuracy basecalls, 8x to 60x",
        0.5,
        # Most examples are homopolymers of the reference: a third of them a time leaves room for more epochs.
        SETTINGS.model_copy(update={"epochs": 9, "keep": (0.35, 1.0, 1.0)}),
        limits=(
            SIMULATED,
            "Errors of homopolymers and single bases are learnt by length, base and quality; what else the basecaller "
            "gets wrong by motif (methylated bases above all) is drawn as a rate that differs from place to place.",
            "R9 flow cells, and fast or high-accuracy basecalls, err otherwise and are not covered.",
            "Real figures come from 33 kb of chromosome 20 of one sample, with 14 indels.",
        ),
    ),
    "ion": Recipe(
        "dvplug_ion",
        "Ion Torrent PGM reads, single, about 130 bp, 10x to 200x",
        0.4,
        SETTINGS.model_copy(update={"epochs": 10}),
        limits=(
            SIMULATED,
            "No real Ion Torrent reads with a truth were at hand: all figures are of simulated reads, whose errors "
            "were learnt from one PGM panel. Those of the panel's homopolymers come from few places; simulated ones "
            "err less often (table at the end). Proton, S5 and longer reads were not seen.",
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
