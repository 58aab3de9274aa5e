"""One model of genomes and exomes, which is told the type when it calls, beside the two shipped ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dvplug.evaluate import evaluate
from dvplug.evaluate.counts import ClassCounts
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
from dvplug_lab.read_sets import HELD_OUT, sets_of
from dvplug_lab.recipes import Shard, recipe_of
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.training import TEST, TRAIN, TUNE, WES, WGS, person, reads_of, shard
from dvplug_lab.training_reads.build import build_absent

TYPES = (WGS, WES)
THIN = 15.0
"""Mean depth to which reads of the held-out person are thinned, as for the cards."""
TUNE_SETS = ("hiseqx_tune_1", "hiseq2000_tune_1")
"""Read sets of the shipped model's recipe: the post's people to tune on are too few for a calibration."""
SETTINGS = SIMULATED.model_copy(
    update={
        "epochs": 1,
        "patience": 1,
        "learning_rate": 1e-4,
        "batch_size": 64,
        "keep": (1.0, 1.0, 1.0),
        "sequencing_types": TYPES,
        "types_kept": True,
    }
)
MEASURED = {"two models": None, "one model": "right", "wrong type": "wrong"}
"""What a set is called with, and whether the one model is told the right type."""


def measure(setting: Setting) -> list[Row]:
    """Fit from the shipped weights to the post's people, and call what is held out with three choices."""
    folder = setting.work / f"one_model_{setting.length}"
    model = folder / "model"
    if not model.exists():
        _fit(setting, folder, model)
    held_out = person(TEST, setting)
    found: list[tuple[str, str, dict[str, tuple[ClassCounts, ClassCounts]]]] = []
    for tech in TYPES:
        reads, where = reads_of(held_out, tech, setting)
        simulated = ValidationSet(f"held_out_{tech}", tech, held_out.reference, reads, held_out.truth, where)
        real = [as_long_as_aligned(find_set(name, setting.shared), folder) for name in real_sets(tech)]
        at_depths = [*depths(simulated, [THIN], folder), *(depths(one, [], folder)[0] for one in real)]
        for one, depth in at_depths:
            counts = {label: called(one, label, model, folder, setting.threads) for label in MEASURED}
            found.append((tech, f"{one.name}, {depth:.0f}x", counts))
    return rows(found)


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
    train, tune = (
        [shard(person(part, setting), tech, 1.0, setting) for tech in TYPES] for part in (TRAIN, TUNE)
    )
    tune += [_of_recipe(setting, Shard(name, part="tune")) for name in TUNE_SETS]
    fitted = folder / "fitted"
    if not fitted.exists():
        fit(train, tune, SETTINGS, fitted, start_from=WGS)
    told = Description(
        name="illumina-both",
        version="1.0.0",
        description="Illumina reads, genomes and exomes",
        held_out=", ".join(HELD_OUT),
        usual=recipe_of(WGS).usual,
    )
    export(fitted, tune, told, model)


def _of_recipe(setting: Setting, chosen: Shard) -> Path:
    """Make a shard of the shipped model's recipe, unless it lies there."""
    run = ModelRun(tech=WGS, work=setting.work / WGS, shared=setting.shared, workers=setting.threads)
    made = run.work / "examples" / f"{chosen.name}.h5"
    if not made.exists():
        build_absent(
            [one for one in sets_of(WGS) if one.name == chosen.read_set], run.shared, run.reads, run.workers
        )
        examples(run, chosen)
    return made
