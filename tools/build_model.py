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
from dvplug.train.examples import make_examples
from dvplug.train.export import Description, export
from dvplug.train.fit import FitSettings, fit
from model_card import metrics, write_card

REPOSITORY = Path(__file__).resolve().parent.parent
TUNE = "chr20:7900001-8400000"
HELD_OUT_START = 8_400_000
HELD_OUT_TEXT = (
    "GRCh38 chr20:7,900,001-8,400,000 (to choose the epoch and check int8), chr20:8,400,001-8,900,000 (for these "
    "figures), chr20:60,001-160,000 and 5,020,001-5,080,000; all real reads"
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

    def shards(self, tech: str) -> list[Shard]:
        """Of all sets of the technology; those with chr20 have a part to tune on."""
        sets = [chosen for chosen in build_training_reads.SETS if chosen.technology == tech]
        train = [Shard(chosen.name, keep) for chosen in sets for keep in (1.0, self.thinned)]
        return train + [
            Shard(chosen.name, tune=True) for chosen in sets if chosen.fasta == build_training_reads.MAIN
        ]


# The tune loss jumps while the learning rate is high: only the end of the schedule tells.
SETTINGS = FitSettings(epochs=7, patience=7, learning_rate=1e-3, batch_size=128, label_smoothing=0.0, seed=1)
RECIPES = {
    "illumina-wgs": Recipe(
        "dvplug_illumina",
        "Illumina paired reads, whole genome, 2x100 to 2x150 bp, 8x to 100x",
        0.45,
        SETTINGS,
    ),
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
    start, recipe = time.monotonic(), RECIPES[tech]
    made = work / "reads"
    wanted = {shard.read_set for shard in recipe.shards(tech)}
    absent = tuple(sorted(name for name in wanted if not (made / name / "done.txt").exists()))
    if absent:
        build_training_reads.train(shared=shared, out=made, tech=tech, only=absent, threads=workers)
    shards = {shard: examples(tech, work, shard, workers) for shard in recipe.shards(tech)}
    train = [path for shard, path in shards.items() if not shard.tune]
    tune = [path for shard, path in shards.items() if shard.tune]
    fitted = work / "fit"
    if not fitted.exists():
        fit(train, tune, recipe.settings, fitted)
    description = Description(
        name=tech,
        version=version,
        description=recipe.description,
        held_out=HELD_OUT_TEXT,
    )
    trial = exported(fitted, tune, description, work / "model" / f"{tech}-{version}")
    measured = work / "comparison.json"
    held_out = [str(held_out_bed(work / "reads" / shard.read_set)) for shard in shards if shard.tune]
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


def held_out_bed(folder: Path) -> Path:
    """Write the part of a set's tune.bed that no example of any kind was made of."""
    out = folder / "held_out.bed"
    lines = (folder / "tune.bed").read_text().splitlines(keepends=True)
    out.write_text("".join(line for line in lines if int(line.split()[1]) >= HELD_OUT_START))
    return out


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
            regions=[TUNE] if shard.tune else [],
            out=out,
            workers=workers,
            keep_fraction=shard.keep_fraction,
        )
        print(f"{out.name}: {made} examples")
    return out


if __name__ == "__main__":
    app()
