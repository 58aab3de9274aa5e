"""Make a shipped model: reads, examples, fit, export, evaluation, card. What is already there is not made again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from dvplug.genome.bed import read_bed
from dvplug.sequence.codes import encode_bases
from dvplug.simulate.genome import write_bed
from dvplug.simulate.sample import around_runs, read_fasta
from dvplug.train.compare import compare_strategies
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.export import Description, export
from dvplug.train.first_stage import add_first_stage
from dvplug.train.fit import CURVE_NAME, fit
from dvplug_lab.model_card import write_strategies
from dvplug_lab.model_evaluation import evaluate_model
from dvplug_lab.model_run import ModelRun
from dvplug_lab.read_sets import sets_of
from dvplug_lab.recipes import HELD_OUT_TEXT, Shard, recipe_of
from dvplug_lab.shifts.reads import shift_reads
from dvplug_lab.training_reads.build import build_absent
from dvplug_lab.world_sets import worlds_of
from dvplug_registry.model_folder import load_manifest, save_manifest


def build_model(run: ModelRun, models: Path | None = None, *, fit_only: bool = False) -> Path | None:
    """Make the model, its card and its figures; returns its folder in ``models`` (by default of the plugin).

    With ``fit_only`` nothing is exported and None returned.
    """
    if run.recipe.source and not run.recipe.steps:
        model = borrowed(run, (models or run.recipe.models) / run.label)
        evaluate_model(run, model)
        return model
    train, tune = reads_and_examples(run)
    fitted = fit_or_choose(run, train, tune)
    if fit_only:
        return None
    description = Description(
        name=run.tech,
        version=run.version,
        description=run.recipe.description,
        held_out=HELD_OUT_TEXT,
        usual=run.recipe.usual,
    )
    model = exported(fitted, tune, description, (models or run.recipe.models) / run.label)
    if run.recipe.first_stage:
        give_first_stage(model, train, tune)
    shutil.copyfile(fitted / CURVE_NAME, run.cards / f"{model.name}.png")
    evaluate_model(run, model)
    return model


def fit_or_choose(run: ModelRun, train: list[Path], tune: list[Path]) -> Path:
    """Fit, where the recipe has a source in every way that there is; returns the folder of the best fit."""
    recipe, fitted = run.recipe, run.work / "fit"
    if recipe.source:
        base = recipe_of(recipe.source).models / f"{recipe.source}-{run.version}"
        source, _ = reads_and_examples(replace(run, tech=recipe.source, work=run.work / recipe.source))
        test = [path for shard in recipe.test_shards(run.tech) if (path := examples(run, shard))]
        out = run.work / "strategies"
        found = compare_strategies(train, tune, test, source, base, recipe.settings, recipe.steps, out)
        write_strategies(found, run.tech, base.name, run.cards / f"{run.label}.strategies.md")
        return out / found.best
    if not fitted.exists():
        fit(train, tune, recipe.settings, fitted)
    return fitted


def borrowed(run: ModelRun, folder: Path) -> Path:
    """Write the model of the recipe's source under the technology's own name, in place of whatever is there."""
    source = run.recipe.source
    assert source is not None
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(recipe_of(source).models / f"{source}-{run.version}", folder)
    manifest = load_manifest(folder)
    save_manifest(
        folder,
        manifest.model_copy(
            update={
                "name": run.tech,
                "version": run.version,
                "technology": run.tech,
                "description": run.recipe.description,
                "training": manifest.training.model_copy(
                    update={"data": f"the network and calibration of {source}@{run.version}"}
                ),
                "metrics": (),
            }
        ),
    )
    return folder


def reads_and_examples(run: ModelRun) -> tuple[list[Path], list[Path]]:
    """Make all reads and examples of a technology; returns the shards to train and to tune on."""
    build_absent([*sets_of(run.tech), *worlds_of(run.tech)], run.shared, run.reads, run.workers)
    made = [(shard.part, examples(run, shard)) for shard in run.recipe.shards(run.tech)]
    train, tune = ([path for part, path in made if path and part == wanted] for wanted in ("train", "tune"))
    return train, tune


def exported(fitted: Path, tune: list[Path], description: Description, folder: Path) -> Path:
    """Export in place of whatever is there."""
    shutil.rmtree(folder, ignore_errors=True)
    export(fitted, tune, description, folder)
    return folder


def give_first_stage(model: Path, train: list[Path], tune: list[Path]) -> None:
    """Put a model with a first stage in the place of one."""
    made = model.with_name(f".{model.name}.with-first-stage")
    shutil.rmtree(made, ignore_errors=True)
    add_first_stage(model.absolute(), train, tune, made)
    shutil.rmtree(model)
    made.rename(model)


def examples(run: ModelRun, shard: Shard) -> Path | None:
    """Make one shard, unless it is there; None where a world has nothing of what the shard is to hold."""
    out, folder = run.work / "examples" / f"{shard.name}.h5", run.reads / shard.read_set
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        confident = folder / ("tune.bed" if shard.part == "tune" else "confident.bed")
        if shard.least_run:
            confident = write_runs(confident, folder / "ref.fa", shard.least_run, out.with_suffix(".bed"))
        if not confident.stat().st_size:
            return None
        with reads_of(shard, folder) as reads:
            made = make_examples(
                run.tech,
                LabeledReads(
                    folder / "ref.fa", (reads,), folder / "truth.vcf.gz", confident, shard.keep_fraction
                ),
                out,
                workers=run.workers,
                source=f"simulated {shard.read_set}{shard.shift and f', {shard.shift},'} x {shard.keep_fraction:g}",
                as_called=shard.part != "train",
            )
        print(f"{out.name}: {made} examples")
    return out


@contextmanager
def reads_of(shard: Shard, folder: Path) -> Iterator[Path]:
    """A shard's reads, of the folder of its set; shifted ones are there as long as they are needed."""
    if not shard.shift:
        yield folder / "reads.bam"
        return
    with TemporaryDirectory(dir=folder) as made:
        yield shift_reads(shard.shift, folder / "reads.bam", Path(made) / "reads.bam")


def write_runs(confident: Path, reference: Path, least: int, out: Path) -> Path:
    """Write the parts of a BED file around homopolymers."""
    contigs = {name: encode_bases(sequence.encode()) for name, sequence in read_fasta(reference).items()}
    lengths = {name: len(codes) for name, codes in contigs.items()}
    write_bed(out, around_runs(read_bed(confident, lengths), contigs, least))
    return out
