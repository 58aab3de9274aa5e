"""Give a model a first stage: dense layers over the features, fitted to examples and to what its network says of them.

Half of what it is fitted to is the label, half what the network answers (distillation, Hinton et al. 2015,
arXiv:1503.02531): where it stands in for the network, it is to be as sure.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, PositiveInt

from dvplug.errors import InputError
from dvplug.genotypes.first_stage import DenseLayer, FeatureNetwork, OpenedFirstStage, settles
from dvplug.genotypes.networks import quiet_backend, require_tensorflow
from dvplug.models import load_model, opener_of
from dvplug.plugins.loading import installed_plugins
from dvplug.system import console
from dvplug.system.locations import StrPath
from dvplug.technology import Frozen
from dvplug.train.calibrate import fit_temperatures
from dvplug.train.export import lapse_rates
from dvplug.train.places import refuse_shared_places
from dvplug.train.store import VARIANT_TYPES, ExampleHeader, ExampleReader
from dvplug_registry.files import whole_folder
from dvplug_registry.first_stage import FirstStage, SettledShare
from dvplug_registry.known_answer import Predict, load_known_answer
from dvplug_registry.manifest import (
    FIRST_STAGE,
    KNOWN_ANSWER,
    LapseRates,
    Lapses,
    Manifest,
)
from dvplug_registry.model_folder import LoadedModel, ModelFolder, file_entry, save_manifest

if TYPE_CHECKING:
    import keras

FILE_NAME = "first_stage.safetensors"
NEVER = 1.0
ABOVE = (0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
"""Probabilities that may become thresholds. What is settled claims a GQ of 15 at least."""
LEAST_OF_SNPS, LEAST_OF_INDELS = 0.99, 0.995
"""For variants: users filter by a GQ of 20, which the image gives many that features alone leave below it. The lapse
rates of indels take the more from it."""
FEW = 100
"""Examples of an answer below which no threshold for it can be chosen."""
_BATCH = 1024


class FirstStageSettings(Frozen):
    """How it is built and fitted."""

    units: tuple[PositiveInt, ...] = (64, 32)
    epochs: int = Field(default=25, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False)
    labels: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="share of the label in what is fitted to; the rest is the network's answer",
    )
    allowed: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="share of settled tune examples that the network may give another genotype",
    )
    seed: int = Field(default=1, ge=0, lt=1 << 32)


class Answered(NamedTuple):
    """Examples without their images, and what the model's network says of them."""

    features: NDArray[np.float32]  # [n, f]
    network: NDArray[np.float32]  # [n, 3]
    labels: NDArray[np.int8]  # [n]
    changes_length: NDArray[np.bool_]  # [n]


def add_first_stage(
    model: StrPath,
    examples: Sequence[StrPath],
    tune_examples: Sequence[StrPath],
    out: StrPath,
    settings: FirstStageSettings | None = None,
) -> Manifest:
    """Make a copy of a model that has a first stage, in place of any that it had.

    Parameters
    ----------
    model
        Folder or name of a model whose network is of one sequencing type.
    examples, tune_examples
        Shards of its features: to fit to, and to calibrate and choose thresholds by.
    out
        The model folder to make; it appears when it is whole.

    Raises
    ------
    InputError
        The examples are not of the model's kind, or both share places; or ``out`` exists.
    ModelError
        The model is damaged, or has several sequencing types.
    """
    require_tensorflow()
    settings = settings or FirstStageSettings()
    out, plugins = Path(out), installed_plugins()
    loaded = load_model(plugins, model)
    reader, tune = ExampleReader(examples), ExampleReader(tune_examples)
    _require_fit(loaded.manifest, reader, tune, out)
    predictor = opener_of(plugins, loaded)(loaded, "cpu")
    tuned = _answered(tune, predictor.predict, "What the network says of the tune examples")
    fitted_to = _answered(reader, predictor.predict, "What the network says of the examples")
    network = _calibrated(fit_feature_network(fitted_to, settings), tuned)
    stage = choose_thresholds(network.predict(tuned.features), tuned, settings.allowed)
    sources = sorted({header.source for header in reader.headers})
    data = f"{len(reader):,} examples: {'; '.join(sources)}"
    stage = stage.model_copy(update={"data": data})
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_folder(out) as folder:
        manifest = _write(folder, loaded, network, stage, tune, tuned)
    console.info(
        f"{manifest.label}: the first stage settles {stage.settled:,} of {stage.examples:,} tune examples, "
        f"{stage.disagreements} of them otherwise than the network"
    )
    return manifest


def answers_of(model: ModelFolder, examples: ExampleReader, predict: Predict) -> NDArray[np.float32]:
    """What a model says of examples, its first stage and its network together: float32[n, 3], in order.

    Parameters
    ----------
    predict
        That of its network.
    """
    told = _answered(examples, predict, "What the model says of the examples")
    opened = OpenedFirstStage.of(model)
    return told.network if opened is None else _joined(opened.network, opened.thresholds, told)


def _joined(network: FeatureNetwork, stage: FirstStage, told: Answered) -> NDArray[np.float32]:
    p = network.predict(told.features)
    return np.where(settles(p, told.changes_length, stage)[:, None], p, told.network)


def _require_fit(manifest: Manifest, reader: ExampleReader, tune: ExampleReader, out: Path) -> None:
    if out.exists():
        raise InputError(f"'{out}' exists already", repair="Name another folder, or remove it.")
    if manifest.sequencing_types:
        raise InputError(
            f"{manifest.label} is a model of several sequencing types",
            cause="a first stage is not told which, and would answer for all alike",
            repair="Give a model of one.",
        )
    for one in (reader, tune):
        for path, header in zip(one.paths, one.headers, strict=True):
            _require_kind(manifest, path, header)
    refuse_shared_places(("training", reader), ("tune", tune))


def _require_kind(manifest: Manifest, path: Path, header: ExampleHeader) -> None:
    """Refuse examples that are not what the model's network calls."""
    repair = "Give examples that the model was fitted to, or made alike."
    if header.technology != manifest.technology:
        raise InputError(
            f"'{path}' has examples of {header.technology}, and {manifest.label} is for {manifest.technology}",
            repair=repair,
        )
    image = manifest.image
    seen = header.features, header.layout.shape, header.layout.channels
    if seen != (manifest.features, image.shape, image.channels):
        raise InputError(
            f"'{path}' has other features or another layout than {manifest.label}", repair=repair
        )
    made = [(header.encoder, header.encoder_version), *header.feature_sets]
    known = [(one.name, one.version) for one in (manifest.encoder, *manifest.feature_sets)]
    if made != known:
        raise InputError(
            f"'{path}' was made by another version of the image encoder or of a feature set than {manifest.label}",
            cause=f"{_versions(made)} against {_versions(known)}",
            repair=repair,
        )


def _versions(named: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {version}" for name, version in named)


def _answered(reader: ExampleReader, predict: Predict, what: str) -> Answered:
    features, answers = [], []
    with console.progress(what, len(reader)) as advance:
        for part in reader.in_order():
            features.append(part.features)
            answers.append(predict(part.images, part.features))
            advance(len(part))
    return Answered(
        np.concatenate(features),
        np.concatenate(answers),
        reader.labels,
        reader.variant_types != VARIANT_TYPES.index("snp"),
    )


def fit_feature_network(given: Answered, settings: FirstStageSettings) -> FeatureNetwork:
    """Fit dense layers, by AdamW with a cosine schedule, on whichever backend Keras runs."""
    quiet_backend()
    import keras

    mean, scale = given.features.mean(axis=0), given.features.std(axis=0)
    scale[scale < 1e-6] = 1  # a feature that never changes
    bare = FeatureNetwork(mean.astype(np.float32), scale.astype(np.float32), ())
    x = bare.standardised(given.features)
    labels = np.eye(3, dtype=np.float32)[given.labels]
    y = settings.labels * labels + (1 - settings.labels) * given.network
    keras.utils.set_random_seed(settings.seed)
    model = _built(x.shape[1], settings.units)
    batch = min(_BATCH, len(x))
    steps = len(x) // batch * settings.epochs
    schedule = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=1e-4),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
    )
    model.fit(x, y, batch_size=batch, epochs=settings.epochs, verbose=0)
    layers = tuple(DenseLayer(*layer.get_weights()) for layer in model.layers)
    return FeatureNetwork(bare.mean, bare.scale, layers)


def _built(features: int, units: Sequence[int]) -> keras.Model:
    import keras

    hidden = [keras.layers.Dense(n, activation="relu", dtype="float32") for n in units]
    return keras.Sequential([keras.Input((features,)), *hidden, keras.layers.Dense(3, dtype="float32")])


def _calibrated(network: FeatureNetwork, tuned: Answered) -> FeatureNetwork:
    """Divide its logits by the temperatures of lowest log-loss on the tune examples."""
    temperatures = np.array(fit_temperatures(network.logits(tuned.features), tuned.labels), np.float32)
    last = DenseLayer(*(weights / temperatures for weights in network.layers[-1]))
    return FeatureNetwork(network.mean, network.scale, (*network.layers[:-1], last))


def choose_thresholds(
    probabilities: NDArray[np.float32], tuned: Answered, allowed: float = 0.0
) -> FirstStage:
    """Choose, for each kind of variant and each answer, the lowest threshold at which it agrees with the network.

    Parameters
    ----------
    probabilities
        float32[n, 3], of the first stage.
    allowed
        As of `FirstStageSettings`.
    """
    best, network = probabilities.argmax(axis=1), tuned.network.argmax(axis=1)
    sure = probabilities.max(axis=1)
    chosen: list[tuple[float, float, float]] = []
    for kind, least in ((~tuned.changes_length, LEAST_OF_SNPS), (tuned.changes_length, LEAST_OF_INDELS)):
        first, second, third = (
            _lowest(sure[of], (best != network)[of], allowed, least if genotype else ABOVE[0])
            for genotype, of in enumerate(kind & (best == genotype) for genotype in range(3))
        )
        chosen.append((first, second, third))
    of_all = [_share(above, probabilities, tuned) for above in ABOVE]
    stage = FirstStage(
        snp=chosen[0], indel=chosen[1], examples=len(best), settled=0, disagreements=0, curve=tuple(of_all)
    )
    taken = settles(probabilities, tuned.changes_length, stage)
    counts = {"settled": int(taken.sum()), "disagreements": int((taken & (best != network)).sum())}
    return stage.model_copy(update=counts)


def _lowest(sure: NDArray[np.float32], differs: NDArray[np.bool_], allowed: float, least: float) -> float:
    for above in ABOVE[ABOVE.index(least) :]:
        taken = sure > np.float32(above)
        if taken.sum() >= FEW and differs[taken].sum() <= allowed * taken.sum():
            return above
    return NEVER


def _share(above: float, probabilities: NDArray[np.float32], tuned: Answered) -> SettledShare:
    taken = probabilities.max(axis=1) > np.float32(above)
    best, network = probabilities.argmax(axis=1)[taken], tuned.network.argmax(axis=1)[taken]
    labels = tuned.labels[taken]
    return SettledShare(
        above=above,
        settled=int(taken.sum()),
        disagreements=int((best != network).sum()),
        wrong=int((best != labels).sum()),
        wrong_by_network=int((network != labels).sum()),
    )


def _write(
    folder: Path,
    model: LoadedModel,
    network: FeatureNetwork,
    stage: FirstStage,
    tune: ExampleReader,
    tuned: Answered,
) -> Manifest:
    """Write the model with its first stage."""
    manifest = model.manifest
    network.save(folder / FILE_NAME)
    known_name = manifest.file_name(KNOWN_ANSWER)
    for name, entry in manifest.files.items():
        if entry.role not in (FIRST_STAGE, KNOWN_ANSWER):
            shutil.copyfile(model.folder / name, folder / name)
    known = load_known_answer(model)
    np.savez_compressed(
        folder / known_name,
        images=known.images,
        features=known.features,
        probabilities=known.probabilities,
        first_stage=network.predict(known.features),
    )
    joined = _joined(network, stage, tuned)
    files = {name: entry for name, entry in manifest.files.items() if entry.role != FIRST_STAGE}
    files |= {FILE_NAME: file_entry(folder / FILE_NAME, FIRST_STAGE)}
    files |= {known_name: file_entry(folder / known_name, KNOWN_ANSWER)}
    rates = _lapses(manifest.lapse_rates, lapse_rates(joined, tune), lapse_rates(tuned.network, tune))
    changed = {"first_stage": stage, "files": files, "lapse_rates": rates}
    manifest = Manifest.model_validate(manifest.model_copy(update=changed).model_dump())
    save_manifest(folder, manifest)
    return manifest


def _lapses(known: LapseRates, joined: LapseRates, network: LapseRates) -> LapseRates:
    """Lapse rates of first stage and network together.

    Those of the network, which may have been measured on more examples than there are now, and raised where both
    together lapse more often than the network alone, on the same ones.
    """

    def raised(own: Lapses, with_stage: Lapses, alone: Lapses) -> Lapses:
        rates = [rate * max(1.0, _at(with_stage, at) / max(_at(alone, at), 1e-9)) for at, rate in own]
        falling = np.maximum.accumulate(rates[::-1])[::-1].tolist()
        return tuple((at, round(min(0.999999, rate), 7)) for (at, _), rate in zip(own, falling, strict=True))

    return LapseRates(
        snp=raised(known.snp, joined.snp, network.snp),
        indel=raised(known.indel, joined.indel, network.indel),
    )


def _at(lapses: Lapses, quality: float) -> float:
    return [rate for begins, rate in lapses if begins <= quality][-1]
