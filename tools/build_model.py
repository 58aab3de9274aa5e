"""Build a shipped model: reads, examples, fit, export, held-out evaluation, model card.

    python tools/build_model.py --tech illumina-wgs --shared ../shared/data --work DIR

makes `plugins/PLUGIN/models/TECH-VERSION` and `model_cards/TECH-VERSION.md`. What is already in the work folder is not
made again. Needs bwa or minimap2, samtools, bcftools and freebayes, and the real data folder. Real reads are never
trained on: only their error profiles are learned (see `build_training_reads.py`), and variants are those of HG002's
chr20 outside the slices kept for validation, or drawn like them.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from cyclopts import App

import build_training_reads
from compare_callers import compare_callers
from comparison.sets import real_sets
from dvplug.errors import InputError, near_misses
from dvplug.train.examples import make_examples
from dvplug.train.export import Description, export
from dvplug.train.fit import WEIGHTS_NAME, FitSettings, fit
from model_card import metrics, write_card
from simulate.read_sets import MAIN, sets_of

REPOSITORY = Path(__file__).resolve().parent.parent
HELD_OUT_TEXT = (
    "GRCh38 chr20:7,900,001-8,900,000 (to choose the epoch and calibrate), two stretches of 1 Mb from chr13:32M and "
    "chr17:43M (for these figures), chr20:60,001-160,000 and 5,020,001-5,080,000; all real reads"
)
app = App(help=__doc__)


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
    start_from: str | None = None
    """A shipped model whose weights training starts from, where examples are few."""

    def shards(self, tech: str) -> list[Shard]:
        """Of all sets of the technology; those with chr20 have a part to tune on."""
        sets = [chosen for chosen in sets_of(tech) if not chosen.held_out]
        train = [Shard(chosen.name, keep) for chosen in sets for keep in (1.0, self.thinned)]
        return train + [Shard(chosen.name, tune=True) for chosen in sets if chosen.fasta == MAIN]

    def initial_weights(self) -> Path | None:
        """Those of the model to start from."""
        if self.start_from is None:
            return None
        return REPOSITORY / "plugins" / self.plugin / "models" / self.start_from / WEIGHTS_NAME


# The tune loss jumps while the learning rate is high: only the end of the schedule tells.
SETTINGS = FitSettings(epochs=7, patience=7, learning_rate=1e-3, batch_size=128, label_smoothing=0.0, seed=1)
RECIPES = {
    "illumina-wgs": Recipe(
        "dvplug_illumina",
        "Illumina paired reads, whole genome, 2x100 to 2x150 bp, 8x to 100x",
        0.45,
        SETTINGS,
    ),
    "illumina-wes": Recipe(
        "dvplug_illumina",
        "Illumina paired reads, exome, 2x76 to 2x150 bp, 3x to 300x at targets",
        0.4,
        SETTINGS,
        start_from="illumina-wgs-1.0.0",
    ),
    "ion": Recipe("dvplug_ion", "Ion Torrent PGM reads, single, about 130 bp, 10x to 200x", 0.4, SETTINGS),
    "ont": Recipe("dvplug_ont", "ONT R10.4.1 reads, super-accuracy basecalls, 8x to 60x", 0.5, SETTINGS),
    "pacbio": Recipe("dvplug_pacbio", "PacBio HiFi reads, 8x to 50x", 0.5, SETTINGS),
}


@app.default
def build(
    *,
    tech: str,
    shared: Path = REPOSITORY.parent / "shared" / "data",
    work: Path,
    models: Path | None = None,
    cards: Path = REPOSITORY / "model_cards",
    version: str = "1.0.0",
    workers: int = 2,
) -> None:
    """Build the model.

    Parameters
    ----------
    tech
        A key of `RECIPES`.
    shared
        The folder of real data.
    work
        Where reads, examples and fits go: about 1 GB.
    models, cards
        Where the model folder and its card go; models into the plugin by default.
    version
        Of the model.
    workers
        Processes that make examples, and threads that map.
    """
    if tech not in RECIPES:
        raise InputError(f"there is no recipe for '{tech}'", repair=near_misses(tech, RECIPES))
    start, recipe = time.monotonic(), RECIPES[tech]
    simulate_reads(tech, shared, work / "reads", workers)
    shards = {shard: examples(tech, work, shard, workers) for shard in recipe.shards(tech)}
    train = [path for shard, path in shards.items() if not shard.tune]
    tune = [path for shard, path in shards.items() if shard.tune]
    fitted = work / "fit"
    if not fitted.exists():
        fit(train, tune, recipe.settings, fitted, recipe.initial_weights())
    description = Description(
        name=tech, version=version, description=recipe.description, held_out=HELD_OUT_TEXT
    )
    trial = exported(fitted, tune, description, work / "model" / f"{tech}-{version}")
    measured = work / "comparison.json"
    held_out = [str(work / "reads" / chosen.name) for chosen in sets_of(tech) if chosen.held_out]
    compare_callers(
        sets=[*real_sets(tech), *held_out],
        tech=tech,
        model=f"{trial.parent}/{trial.name}",
        workers=workers,
        shared=shared,
        json=measured,
    )
    description = description.model_copy(update={"metrics": metrics(measured)})
    models = models or REPOSITORY / "plugins" / recipe.plugin / "models"
    final = exported(fitted, tune, description, models / trial.name)
    write_card(final, measured, cards / f"{trial.name}.md")
    shutil.copyfile(fitted / "learning_curve.png", cards / f"{trial.name}.png")
    print(f"{final} and its card after {(time.monotonic() - start) / 60:.0f} minutes")


def simulate_reads(tech: str, shared: Path, out: Path, threads: int) -> None:
    """Make the read sets that are not there."""
    absent = tuple(chosen.name for chosen in sets_of(tech) if not (out / chosen.name / "done.txt").exists())
    if absent:
        build_training_reads.train(shared=shared, out=out, tech=tech, only=absent, threads=threads)


def exported(fitted: Path, tune: list[Path], description: Description, folder: Path) -> Path:
    """Export in place of whatever is there."""
    shutil.rmtree(folder, ignore_errors=True)
    export(fitted, tune, description, folder)
    return folder


def examples(tech: str, work: Path, shard: Shard, workers: int) -> Path:
    """Make one shard, unless it is there."""
    out, folder = work / "examples" / f"{shard.name}.h5", work / "reads" / shard.read_set
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        made = make_examples(
            tech=tech,
            reference=folder / "ref.fa",
            reads=[folder / "reads.bam"],
            truth=folder / "truth.vcf.gz",
            confident=folder / ("tune.bed" if shard.tune else "confident.bed"),
            out=out,
            workers=workers,
            keep_fraction=shard.keep_fraction,
        )
        print(f"{out.name}: {made} examples")
    return out


if __name__ == "__main__":
    app()
