"""One network of genomes and exomes, which is told the type, beside those of the two shipped models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.genotypes.networks import build, quiet_backend
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.export import load_fit
from dvplug.train.fit import fit, predict
from dvplug.train.starting_point import StartingPoint, read_starting_point
from dvplug.train.state import SIMULATED
from dvplug.train.store import VARIANT_TYPES, ExampleReader
from dvplug_lab.read_sets import TUNE, ReadSet, sets_of
from dvplug_lab.reproduction import training
from dvplug_lab.reproduction.results import Row, Setting
from dvplug_lab.reproduction.training import KEPT, TEST, TRAIN, WES, WGS, person, shard
from dvplug_lab.training_reads.build import build as build_reads
from dvplug_lab.training_reads.build import is_made, profile_of

if TYPE_CHECKING:
    import keras

TYPES = (WGS, WES)
TUNE_SETS = ("hiseqx_tune_1", "hiseq2000_tune_1")
TEST_SETS = ("hiseqx_tune_2", "hiseq2000_tune_2")
"""Of the shipped model's recipe: people whose reads no network was trained on, on sequence that none saw."""
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
NETWORKS = ("two models", "one model", "wrong type")
"""The shipped one of the type; the one that is told the type; the same, told the other."""


class Wrong(NamedTuple):
    """Wrong genotypes."""

    snps: int
    indels: int


def measure(setting: Setting) -> list[Row]:
    """Fit from the shipped weights to the post's people, and count what all networks say of held-out examples."""
    fitted = setting.made / "one_model"
    if not fitted.exists():
        train, tune = (
            [shard(person(part, setting), tech, 1.0, setting) for tech in TYPES]
            for part in (TRAIN, training.TUNE)
        )
        tune += [_of_recipe(setting, name) for name in TUNE_SETS[: setting.sizes.tuned_sets]]
        fit(train, tune, SETTINGS, fitted, start_from=WGS)
    _, told = load_fit(fitted)
    found = []
    for tech, label, path in _held_out(setting):
        counts = wrong_genotypes(path, shipped(tech), told)
        found.append((tech, label, len(ExampleReader([path])), counts))
    return rows(found)


def shipped(tech: str) -> keras.Model:
    """Open the network of a shipped model, in float32."""
    quiet_backend()
    start = read_starting_point(tech)
    assert isinstance(start, StartingPoint)
    network = build(start.architecture, start.architecture_settings, start.layout.shape, len(start.features))
    start.load_into(network)
    return network


def wrong_genotypes(path: Path, plain: keras.Model, told: keras.Model) -> dict[str, Wrong]:
    """Count, for each of `NETWORKS`, the wrong genotypes of a shard."""
    readers = (ExampleReader([path]), ExampleReader([path], TYPES), ExampleReader([path], TYPES[::-1]))
    return {
        name: _wrong(predict(network, reader), reader)
        for name, network, reader in zip(NETWORKS, (plain, told, told), readers, strict=True)
    }


def _wrong(probabilities: NDArray[np.float32], reader: ExampleReader) -> Wrong:
    wrong = probabilities.argmax(axis=1) != reader.labels
    snp = reader.variant_types == VARIANT_TYPES.index("snp")
    return Wrong(int((wrong & snp).sum()), int((wrong & ~snp).sum()))


def rows(found: Sequence[tuple[str, str, int, dict[str, Wrong]]]) -> list[Row]:
    """Return a row for each shard, and one of all of each type."""
    table = []
    for tech in TYPES:
        of_type = [one for one in found if one[0] == tech]
        for label, several in [*((one[1], [one]) for one in of_type), ("all of these", of_type)]:
            row: Row = {"type": tech, "reads": label, "examples": sum(n for _, _, n, _ in several)}
            for name in NETWORKS:
                snps, indels = (sum(counts[name][n] for *_, counts in several) for n in (0, 1))
                row |= {f"{name}: SNPs": snps, f"{name}: indels": indels, f"{name}: both": snps + indels}
            table.append(row)
    return table


def _held_out(setting: Setting) -> Iterator[tuple[str, str, Path]]:
    for name in TEST_SETS[: setting.sizes.tuned_sets]:
        yield WGS, name, _of_recipe(setting, name)
    for kept in KEPT:
        yield WES, f"the post's, {kept:g} of them", shard(person(TEST, setting), WES, kept, setting)


def _of_recipe(setting: Setting, name: str) -> Path:
    """Make examples of a read set of the shipped model's recipe, unless they lie there."""
    out = setting.made / f"{name}.h5"
    if not out.exists():
        folder, where = _reads_of_recipe(setting, next(one for one in sets_of(WGS) if one.name == name))
        files = (folder / "ref.fa", (folder / "reads.bam",), folder / "truth.vcf.gz", where)
        make_examples(WGS, LabeledReads(*files), out, workers=setting.threads)
    return out


def _reads_of_recipe(setting: Setting, chosen: ReadSet) -> tuple[Path, Path]:
    """Return the folder of a read set, made unless it is there, and where its examples are."""
    place, stretch = setting.reads / "recipe", (TUNE[0], TUNE[1], TUNE[1] + setting.sizes.tuned)
    part = None if stretch == TUNE else stretch
    if not is_made(chosen, place):
        profile = profile_of(setting.shared, setting.reads, chosen)
        build_reads(setting.shared, place, chosen, profile, setting.threads, stretch=part)
    folder = place / chosen.name
    return folder, folder / ("confident.bed" if part else "tune.bed")
