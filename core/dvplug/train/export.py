"""Make a model folder of a fit: weights, LiteRT file, known answers and manifest."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from dvplug.errors import InputError, Problems
from dvplug.genotypes.genotyper import LiteRTPredictor, LiteRTSettings
from dvplug.genotypes.networks import (
    GENOTYPES,
    TYPES_SETTING,
    predict_batch,
    quiet_backend,
    require_tensorflow,
)
from dvplug.genotypes.onnx_runtime import ONNX
from dvplug.genotypes.weights import load_weights, save_weights
from dvplug.system import console
from dvplug.system.explain import explain
from dvplug.system.locations import StrPath
from dvplug.system.quiet import libraries_kept_quiet
from dvplug.technology import Frozen
from dvplug.train.calibrate import Temperatures, calibrate, fit_lapse_rates
from dvplug.train.fit import predict
from dvplug.train.onnx_file import BACKEND, ONNX_NAME, require_onnx, write_onnx
from dvplug.train.state import WEIGHTS_NAME, Fit, network_of, read_fit
from dvplug.train.store import VARIANT_TYPES, ExampleReader, Examples, require_same_kind
from dvplug.train.trained_range import UsualRules, trained_on
from dvplug.train.tune import log_losses
from dvplug_registry.files import whole_folder
from dvplug_registry.manifest import (
    CARD,
    KNOWN_ANSWER,
    WEIGHTS,
    Calling,
    FileEntry,
    ImageShape,
    LapseRates,
    Manifest,
    Metric,
    RunMeasure,
    TrainedOn,
    Training,
    Versioned,
)
from dvplug_registry.model_folder import file_entry, save_manifest
from dvplug_registry.versions import NAME_PATTERN, Version

if TYPE_CHECKING:
    import keras

GENOTYPER = "litert"
"""What an exported model is opened with, and the role of the file that only it has."""
LITERT_NAME = "network.tflite"
KNOWN_ANSWER_NAME = "known_answer.npz"
CARD_NAME = "card.md"
_KNOWN_ANSWERS = 8  # per genotype
_REPRESENTATIVE = 400
_TRIED_AS_ONNX = 300
# Dense layers and what joins them are a hundredth of the arithmetic: kept in float32, they cost nothing, and
# neither features nor logits are rounded to 1/256 of their range.
_FLOAT_OPERATIONS = ["FULLY_CONNECTED", "CONCATENATION", "MEAN", "MINIMUM", "RELU"]
_LOG_LOSS_ALLOWANCE = 1.01


class Description(Frozen):
    """What a manifest says that no fit knows."""

    name: str
    version: str
    description: str
    held_out: str
    licence: str = "Apache-2.0"
    metrics: tuple[Metric, ...] = ()
    usual: UsualRules = UsualRules(measures=get_args(RunMeasure))


@dataclass(frozen=True)
class PrecisionComparison:
    """A quantised network against its float32 weights on the same examples."""

    examples: int
    log_loss_float: float
    log_loss_int8: float
    only_float_wrong: int
    only_int8_wrong: int
    max_difference: float

    @property
    def equal(self) -> bool:
        """Whether int8 may stand in for float32.

        Its log-loss is at most 1 % higher, and its errors are not significantly more: of the examples that one
        of the two gets wrong and the other right, the excess is at most two standard deviations of a fair coin
        (McNemar's test, one-sided, p about .02).
        """
        excess = self.only_int8_wrong - self.only_float_wrong
        discordant = self.only_int8_wrong + self.only_float_wrong
        return (
            self.log_loss_int8 <= self.log_loss_float * _LOG_LOSS_ALLOWANCE and excess <= 2 * discordant**0.5
        )


def compare(
    float_p: NDArray[np.float32], int8_p: NDArray[np.float32], labels: NDArray[np.int8]
) -> PrecisionComparison:
    """Compare probabilities float32[n,3] of both precisions against labels int8[n]."""
    float_wrong, int8_wrong = float_p.argmax(axis=1) != labels, int8_p.argmax(axis=1) != labels
    return PrecisionComparison(
        examples=len(labels),
        log_loss_float=float(log_losses(float_p, labels).mean()),
        log_loss_int8=float(log_losses(int8_p, labels).mean()),
        only_float_wrong=int((float_wrong & ~int8_wrong).sum()),
        only_int8_wrong=int((int8_wrong & ~float_wrong).sum()),
        max_difference=float(np.abs(float_p - int8_p).max()),
    )


def export(
    fitted: StrPath,
    tune_examples: Sequence[StrPath],
    description: Description,
    out: StrPath,
    card: StrPath | None = None,
    onnx: bool = False,
) -> Manifest:
    """Make a model folder.

    The logits are divided by temperatures, and the manifest has the lapse rates, that `dvplug.train.calibrate` fits to
    the tune set.
    The LiteRT file is int8 when `PrecisionComparison.equal` finds it as good as float32 on the tune set, else float32.

    Parameters
    ----------
    fitted
        Folder made by `dvplug.train.fit.fit`.
    tune_examples
        Shards that calibrate probabilities and the int8 ranges, compare both precisions and give the known answers.
    description
        The rest of the manifest.
    out
        The model folder to make; it appears when it is whole.
    card
        A model card to put beside it.
    onnx
        Whether to add the float32 network as a file of ONNX.

    Raises
    ------
    InputError
        TensorFlow, or what ``onnx`` needs, is not installed, ``out`` exists, ``fitted`` holds no fit, the examples are
        not of its kind, or the description is not valid.
        Where several things are wrong: `ManyProblems`.
    """
    require_tensorflow()
    out = Path(out)
    with libraries_kept_quiet():
        state, model, tune = _checked(Path(fitted), tune_examples, description, out, card, onnx)
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_folder(out) as folder:
            temperatures = calibrate(model, tune)
            probabilities = predict(model, tune)
            litert = _write_litert(model, tune, probabilities, folder)
            save_weights(model, folder / WEIGHTS_NAME)
            _write_known_answer(model, tune, folder / KNOWN_ANSWER_NAME)
            if onnx:
                differs = write_onnx(model, _draw(tune, _TRIED_AS_ONNX), folder / ONNX_NAME)
                console.info(
                    f"{ONNX_NAME}: probabilities within {differs:.1g} of Keras' in batches of several sizes"
                )
            if card is not None:
                shutil.copyfile(card, folder / CARD_NAME)
            lapses = lapse_rates(litert.p, tune)
            known = _trained_on(state, description.usual, tune)
            manifest = _manifest(state, description, known, temperatures, lapses, litert, _files(folder))
            save_manifest(folder, manifest)
    console.info(f"{manifest.label}: {litert.settings.precision} LiteRT, {litert.comparison}")
    return manifest


def _checked(
    fitted: Path,
    tune_examples: Sequence[StrPath],
    description: Description,
    out: Path,
    card: StrPath | None,
    onnx: bool,
) -> tuple[Fit, keras.Model, ExampleReader]:
    """Look at all that an export needs; raises as `export`."""
    problems = Problems()
    fit, tune = None, None
    if out.exists():
        problems.found.append(
            InputError(f"'{out}' exists already", repair="Name another folder, or remove it.")
        )
    if onnx:
        with problems.collect():
            require_onnx()
    with problems.collect():
        fit = load_fit(fitted, BACKEND if onnx else None)
    with problems.collect():
        tune = ExampleReader(tune_examples, fit[0].kept_types if fit else ())
    if fit and tune:
        with problems.collect():
            require_same_kind(
                fit[0].header,
                tune.header,
                "the network and the tune examples",
                "Give the tune examples that the network was fitted with.",
            )
    if card is not None and not Path(card).is_file():
        problems.found.append(InputError(f"model card '{card}' does not exist", repair="Correct --card."))
    with problems.collect():
        require_good(description)
    problems.raise_all()
    assert fit is not None
    assert tune is not None
    return *fit, tune


def require_good(description: Description) -> None:
    """Refuse at once what the manifest would refuse in the end."""
    try:
        Version.parse(description.version)
    except ValueError as error:
        raise InputError(
            f"'{description.version}' is no model version", cause=str(error), repair="Give one such as 1.0.0."
        ) from error
    if not re.fullmatch(NAME_PATTERN, description.name):
        raise InputError(
            f"'{description.name}' is no model name",
            repair="Use lower-case words joined by '-', such as my-wgs.",
        )


def load_fit(folder: StrPath, backend: str | None = None) -> tuple[Fit, keras.Model]:
    """Read a finished fit and build its network, on this backend of Keras; raises InputError or ModelError."""
    folder = Path(folder)
    state = read_fit(folder)
    quiet_backend(backend)
    model = network_of(state.header, state.settings, typed=state.settings.types_kept)
    load_weights(model, folder / WEIGHTS_NAME)
    model.compile(jit_compile=False)
    return state, model


def convert(model: keras.Model, representative: Examples | None = None) -> bytes:
    """Convert a network to a LiteRT flatbuffer that takes one uint8 image and one float32 feature vector.

    Parameters
    ----------
    representative
        Examples whose activations set the int8 ranges; None converts to float32.
    """
    import keras
    import tensorflow as tf

    signature = [
        keras.InputSpec(shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=tensor.name)
        for tensor in model.inputs
    ]
    with tempfile.TemporaryDirectory() as folder:
        model.export(folder, format="tf_saved_model", verbose=False, input_signature=[signature])
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if representative is None:
            return converter.convert()
        calibrate = _feed(representative, *(tensor.name for tensor in model.inputs))
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = calibrate
        options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=_FLOAT_OPERATIONS)
        debugger = tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=calibrate, debug_options=options
        )
        return debugger.get_nondebug_quantized_model()


def _feed(examples: Examples, image: str, features: str) -> Callable[[], Iterator[dict[str, NDArray]]]:
    """Give examples one by one to the inputs of these names."""

    def feed() -> Iterator[dict[str, NDArray]]:
        for i in range(len(examples)):
            yield {image: examples.images[i : i + 1], features: examples.features[i : i + 1]}

    return feed


class _Inference(NamedTuple):
    """The inference file that was written."""

    settings: LiteRTSettings
    tolerance: float  # largest difference of a probability from the float32 weights' that is allowed
    comparison: PrecisionComparison
    p: NDArray[np.float32]  # [n, 3]: what it says of the tune set


def _write_litert(
    model: keras.Model, tune: ExampleReader, float_p: NDArray[np.float32], folder: Path
) -> _Inference:
    """Write the int8 file if it is as good as float32, else the float32 one."""
    path = folder / LITERT_NAME
    shape, features = tune.header.layout.shape, model.inputs[1].shape[1]
    choices: tuple[tuple[Literal["int8", "float32"], Examples | None], ...] = (
        ("int8", _draw(tune, _REPRESENTATIVE)),
        ("float32", None),
    )
    for precision, examples in choices:
        path.write_bytes(convert(model, examples))
        genotyper = LiteRTPredictor(path, shape, features)
        litert_p = np.concatenate([genotyper.predict(p.images, p.features) for p in tune.in_order()])
        comparison = compare(float_p, litert_p, tune.labels)
        if comparison.equal or precision == "float32":
            break
        console.warn(f"int8 is not equal to float32, float32 is shipped: {comparison}")
    # A tenth more than was seen, for other processors' rounding.
    tolerance = min(1.0, max(1e-4, round(1.1 * comparison.max_difference + 5e-4, 3)))
    return _Inference(LiteRTSettings(precision=precision), tolerance, comparison, litert_p)


def _draw(reader: ExampleReader, n: int) -> Examples:
    """Draw n random examples, or all where there are fewer."""
    return next(reader.shuffled(min(n, len(reader)), seed=0))


def lapse_rates(p: NDArray[np.float32], tune: ExampleReader) -> LapseRates:
    """Measure lapses where a variant is called: at the many sites that hardly look like one, being right is easy.

    ``p`` float32[n, 3] is what the network says of the examples, in their order.
    """
    snp = tune.variant_types == VARIANT_TYPES.index("snp")
    called = p.argmax(axis=1) > 0
    of_snps, of_indels = (
        fit_lapse_rates(p[which].astype(np.float64), tune.labels[which])
        for which in (snp & called, ~snp & called)
    )
    return LapseRates(snp=of_snps, indel=of_indels)


def _write_known_answer(model: keras.Model, tune: ExampleReader, path: Path) -> None:
    """Write a few examples of each genotype, and what the float32 weights say of them."""
    drawn = _draw(tune, 3000)
    rows = [np.flatnonzero(drawn.labels == label)[:_KNOWN_ANSWERS] for label in range(len(GENOTYPES))]
    known, own = drawn.take(np.concatenate(rows)), len(tune.header.features)
    inputs = known.features.copy()
    inputs[:, own:] = np.eye(
        1, inputs.shape[1] - own
    )  # the first sequencing type, whatever the examples are of
    np.savez_compressed(
        path,
        images=known.images,
        features=known.features[:, :own],
        probabilities=predict_batch(model, known.images, inputs),
    )


def _files(folder: Path) -> dict[str, FileEntry]:
    roles = {
        WEIGHTS_NAME: WEIGHTS, LITERT_NAME: GENOTYPER, KNOWN_ANSWER_NAME: KNOWN_ANSWER, CARD_NAME: CARD,
        ONNX_NAME: ONNX,
    }  # fmt: skip
    return {name: file_entry(folder / name, role) for name, role in roles.items() if (folder / name).exists()}


def _trained_on(state: Fit, rules: UsualRules, tune: ExampleReader) -> TrainedOn:
    """Of all reads, and of the images of the tune set that show a heterozygote."""
    own = len(state.header.features)
    features = np.concatenate([part.features[part.labels == 1, :own] for part in tune.in_order()])
    return trained_on(state.runs, rules, state.header.features, features if len(features) else None)


def _manifest(
    state: Fit,
    description: Description,
    known: TrainedOn,
    temperatures: Temperatures,
    lapse_rates: LapseRates,
    litert: _Inference,
    files: dict[str, FileEntry],
) -> Manifest:
    header = state.header
    try:
        return Manifest(
            name=description.name,
            version=description.version,
            technology=header.technology,
            description=description.description,
            architecture=state.settings.architecture,
            architecture_settings=state.settings.architecture_settings
            | ({TYPES_SETTING: len(state.kept_types)} if state.kept_types else {}),
            image=ImageShape(**header.layout.model_dump()),
            features=header.features,
            sequencing_types=state.kept_types,
            feature_sets=tuple(
                Versioned(name=name, version=version) for name, version in header.feature_sets
            ),
            encoder=Versioned(name=header.encoder, version=header.encoder_version),
            calling=Calling(
                read_filter=header.read_filter.model_dump(),
                realign_reads=header.realign_reads,
                assembly=header.assembly.model_dump(),
                phase_reads=header.phase_reads,
                steps=header.steps,
                candidate_thresholds=header.candidate_thresholds.model_dump(),
            ),
            training=Training(
                data="; ".join(
                    [*state.sources, *([f"begun with {origin}"] if (origin := state.started_from) else [])]
                ),
                seed=state.settings.seed,
                n_examples=state.n_examples,
                held_out=description.held_out,
            ),
            trained_on=known,
            temperatures=temperatures,
            lapse_rates=lapse_rates,
            metrics=description.metrics,
            licence=description.licence,
            genotyper=GENOTYPER,
            genotyper_settings=litert.settings.model_dump(),
            tolerance=litert.tolerance,
            files=files,
        )
    except ValidationError as error:
        raise InputError(
            "the manifest would not be valid", cause=explain(error), repair="Correct it and export again."
        ) from error
