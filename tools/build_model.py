"""Build a shipped model: reads, examples, fit, export, held-out evaluation, model card.

    python tools/build_model.py --tech illumina-wgs --shared ../shared/data --work DIR

makes `plugins/PLUGIN/models/TECH-VERSION` and `model_cards/TECH-VERSION.md`. What is already in the work folder is not
made again. Needs bwa or minimap2, samtools, bcftools and freebayes, and the real data folder. Real reads are never
trained on: only their error profiles are learned (see `build_training_reads.py`), and variants are those of HG002's
chr20 outside the slices kept for validation, or drawn like them. How each model is made is in `recipes.py`.
"""

from __future__ import annotations

import resource
import shutil
import time
from pathlib import Path

from cyclopts import App

from dvplug.genome.bed import read_bed
from dvplug.simulate.genome import encode, write_bed
from dvplug.simulate.sample import around_runs, read_fasta
from dvplug.train.compare import compare_strategies
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.export import Description, export
from dvplug.train.fit import CURVE_NAME, WEIGHTS_NAME, fit
from dvplug_lab.model_card import write_strategies
from dvplug_lab.read_sets import sets_of
from dvplug_lab.recipes import HELD_OUT_TEXT, REPOSITORY, SHARED, Shard, recipe_of
from dvplug_lab.script import run
from evaluate_model import evaluate_model, simulate_reads

app = App(help=__doc__, help_format="plaintext")


@app.default
def build(
    *,
    tech: str,
    shared: Path = SHARED,
    work: Path,
    models: Path | None = None,
    cards: Path = REPOSITORY / "model_cards",
    version: str = "1.0.0",
    workers: int = 2,
    fit_only: bool = False,
) -> None:
    """Build the model.

    Parameters
    ----------
    tech
        A key of `recipes.RECIPES`.
    shared
        The folder of real data.
    work
        Where reads, examples and fits go: about 2 GB.
    models, cards
        Where the model folder and its card go; models into the plugin by default.
    version
        Of the model, and of the one that it starts from if it does.
    workers
        Processes that make examples, and threads that map.
    fit_only
        Stop after the fit, for which TensorFlow need not be installed: KERAS_BACKEND may be jax or torch. The same
        command without this goes on from the work folder, on any machine.
    """
    start, recipe = time.monotonic(), recipe_of(tech)
    train, tune = reads_and_examples(tech, shared, work, workers)
    fitted = work / "fit"
    if recipe.source:
        base = recipe_of(recipe.source).models / f"{recipe.source}-{version}"
        source, _ = reads_and_examples(recipe.source, shared, work / recipe.source, workers)
        test = [examples(tech, work, shard, workers) for shard in recipe.tests(tech)]
        weights, out = base / WEIGHTS_NAME, work / "strategies"
        found = compare_strategies(train, tune, test, source, weights, recipe.settings, recipe.steps, out)
        write_strategies(found, tech, base.name, cards / f"{tech}-{version}.strategies.md")
        fitted = out / found.best
    elif not fitted.exists():
        fit(train, tune, recipe.settings, fitted)
    if fit_only:
        return
    description = Description(
        name=tech, version=version, description=recipe.description, held_out=HELD_OUT_TEXT
    )
    model = exported(fitted, tune, description, (models or recipe.models) / f"{tech}-{version}")
    shutil.copyfile(fitted / CURVE_NAME, cards / f"{model.name}.png")
    evaluate_model(tech=tech, shared=shared, work=work, model=model, cards=cards, workers=workers)
    memory = max(
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    minutes = (time.monotonic() - start) / 60
    print(f"{model} and its card after {minutes:.0f} minutes, {memory / 2**20:.1f} GB at most in one process")


def reads_and_examples(tech: str, shared: Path, work: Path, workers: int) -> tuple[list[Path], list[Path]]:
    """Make all reads and examples of a technology; returns the shards to train and to tune on."""
    simulate_reads(sets_of(tech), shared, work / "reads", workers)
    shards = {shard: examples(tech, work, shard, workers) for shard in recipe_of(tech).shards(tech)}
    train = [path for shard, path in shards.items() if shard.part == "train"]
    return train, [path for shard, path in shards.items() if shard.part == "tune"]


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
        confident = folder / ("tune.bed" if shard.part == "tune" else "confident.bed")
        if shard.least_run:
            confident = write_runs(confident, folder / "ref.fa", shard.least_run, out.with_suffix(".bed"))
        made = make_examples(
            tech,
            LabeledReads(
                folder / "ref.fa",
                (folder / "reads.bam",),
                folder / "truth.vcf.gz",
                confident,
                shard.keep_fraction,
            ),
            out,
            workers=workers,
            source=f"simulated {shard.read_set} x {shard.keep_fraction:g}",
        )
        print(f"{out.name}: {made} examples")
    return out


def write_runs(confident: Path, reference: Path, least: int, out: Path) -> Path:
    """Write the parts of a BED file around homopolymers."""
    contigs = {name: encode(sequence) for name, sequence in read_fasta(reference).items()}
    lengths = {name: len(codes) for name, codes in contigs.items()}
    write_bed(out, around_runs(read_bed(confident, lengths), contigs, least))
    return out


if __name__ == "__main__":
    run(app)
