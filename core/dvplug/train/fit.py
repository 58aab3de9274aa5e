"""Fit a network to examples: shuffled batches in, the weights that do best on the tune set out."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from dvplug.errors import InputError, Problems
from dvplug.genotypes.binned_features import PIECES, edges_of, has_pieces, set_edges
from dvplug.genotypes.head import keep_image_layers
from dvplug.genotypes.networks import fold_sequencing_type, predict_batch, quiet_backend
from dvplug.genotypes.weights import save_weights
from dvplug.plugins.network_checks import LOGITS
from dvplug.system import console
from dvplug.system.explain import explain
from dvplug.system.locations import StrPath
from dvplug.system.outputs import told
from dvplug.system.quiet import libraries_kept_quiet
from dvplug.train.fit_inputs import (
    FitInputs,
    check_fit_inputs,
    epoch_steps,
    warn_of_chance,
    warn_of_few_steps,
)
from dvplug.train.image_start import ImageStart
from dvplug.train.labels import SNP_FEATURE, Answers, Labels, SnpsAsBefore
from dvplug.train.starting_point import StartingPoint
from dvplug.train.state import FIT_NAME, WEIGHTS_NAME, Epoch, Fit, FitSettings, network_of
from dvplug.train.store import ExampleHeader, ExampleReader, Examples
from dvplug.train.tune import measure
from dvplug_registry.files import write_whole

if TYPE_CHECKING:
    import keras

CURVE_NAME = "learning_curve.png"
_CURVE_POINTS = 40  # per epoch
_WHY_STOPPED = {
    "epochs": "stopped, as all of its epochs are done",
    "convergence": "stopped, as it has converged: {0.patience} epochs without a better tune log-loss",
    "hours": "stopped, as its {0.max_hours:g} hours are over",
}
_EDGES_OF = 30_000  # examples, whose quantiles are the edges of features told in pieces
_STATISTICS_BATCHES = 100  # with a momentum of 0.95 nothing is left of what was there before


def fit(
    examples: Sequence[StrPath],
    tune_examples: Sequence[StrPath],
    settings: FitSettings,
    out: StrPath,
    start_from: StrPath | None = None,
) -> Fit:
    """Fit a network, and keep the weights of the epoch with the lowest log-loss on the tune set.

    Where it starts from a model or a fit and no epoch does better than these weights did, they are what is kept.

    Every epoch is saved in ``<out>.unfinished``; the same call after an interruption goes on from there. What libraries
    print is held back, and told where they fail.

    Parameters
    ----------
    examples, tune_examples
        Shards of `dvplug.train.store`, made alike; the tune set shares no place with the training set.
    settings
        Network, schedule and seed.
    out
        Folder to make: ``weights.safetensors``, ``fit.json``, ``learning_curve.png``.
    start_from
        Model, fit or network of photographs whose weights to start from, as `read_starting_point` takes it; the network
        is then its. None starts at random.

    Raises
    ------
    InputError
        ``out`` exists, the examples differ in layout, features or settings or share places, there are fewer than one
        batch, or the loss is no longer a number. Where several things are wrong: `ManyProblems`.
    ModelError, PluginError
        The network is unknown or cannot be used, or what to start from does not fit the examples.
    """
    out, problems = Path(out), Problems()
    with problems.collect():
        _require_absent(out)
    with problems.collect():
        inputs = check_fit_inputs(examples, tune_examples, settings, start_from)
    problems.raise_all()
    with libraries_kept_quiet():
        return _fit(inputs, out)


def _require_absent(out: Path) -> None:
    if out.exists():
        raise InputError(f"'{out}' exists already", repair="Name another folder, or remove it.")


def _fit(inputs: FitInputs, out: Path) -> Fit:
    reader, tune, settings, origin = inputs
    steps = epoch_steps(reader, settings)
    unfinished = out.with_name(out.name + ".unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    model = _compiled(reader.header, settings, steps)
    if has_pieces(model):
        set_edges(model, edges_of(reader.some_features(_EDGES_OF, settings.seed), _pieces(model)))
    if origin is not None:
        origin.load_into(model)
    start = Fit(
        header=reader.header,
        settings=settings,
        n_examples=len(reader),
        sources=tuple(dict.fromkeys(header.source for header in reader.headers)),
        started_from=origin.label if origin else "",
        runs=tuple(header.run for header in reader.headers),
    )
    answers = _answers(reader.header, settings, origin)
    state = _resume(start, model, unfinished)
    if isinstance(origin, StartingPoint) and not state.epochs:
        state = _measured_before(state, model, tune, unfinished)
        _shift_logits(model, np.log(settings.keep))
    console.info(f"{len(reader)} examples, {len(tune)} to tune on, {model.count_params()} weights")
    if origin is None:
        warn_of_few_steps(settings, steps)
    while state.stopped_by is None:
        state = _one_more_epoch(state, model, reader, tune, answers, unfinished)
    warn_of_chance(state)
    return _finish(state, unfinished, out)


def _measured_before(state: Fit, model: keras.Model, tune: ExampleReader, folder: Path) -> Fit:
    """Measure the weights that a fit begins with, and save them as epoch 0."""
    metrics = measure(predict(model, tune), tune.labels, tune.variant_types)
    save_weights(_folded(model, state), folder / "epoch_0.safetensors")
    console.info(f"before training: {metrics.summary()}")
    return state.model_copy(update={"before": metrics})


def _one_more_epoch(
    state: Fit,
    model: keras.Model,
    reader: ExampleReader,
    tune: ExampleReader,
    answers: Answers,
    folder: Path,
) -> Fit:
    """Train and measure one epoch, and save it in the folder."""
    settings, done, began = state.settings, len(state.epochs) + 1, time.monotonic()
    steps = epoch_steps(reader, settings)
    until = began + state.seconds_left
    losses = _train_epoch(model, reader, answers, settings, len(state.epochs), until)
    batches = reader.shuffled(settings.batch_size, (settings.seed, len(state.epochs)), settings.keep)
    statistics = 0 if settings.image_kept else min(steps, _STATISTICS_BATCHES)
    with _averaged(model, islice(batches, statistics), settings.keep):
        metrics = measure(predict(model, tune), tune.labels, tune.variant_types)
        save_weights(_folded(model, state), folder / f"epoch_{done}.safetensors")
    took = None if settings.max_hours is None else time.monotonic() - began
    epoch = Epoch(train_losses=losses, tune=metrics, seconds=took)
    state = state.model_copy(update={"epochs": (*state.epochs, epoch)})
    console.info(f"epoch {done}: train loss {losses[-1]:.4f}, {metrics.summary()}")
    _checkpoint(state, model, folder)
    return state


def predict(model: keras.Model, reader: ExampleReader) -> NDArray[np.float32]:
    """Probabilities float32[n,3] of all examples, in order."""
    parts = [predict_batch(model, part.images, part.features) for part in reader.in_order()]
    return np.concatenate(parts)


def _compiled(header: ExampleHeader, settings: FitSettings, steps_per_epoch: int) -> keras.Model:
    quiet_backend()
    import keras

    keras.utils.set_random_seed(settings.seed)
    model = network_of(header, settings, typed=True)
    if settings.image_kept:
        keep_image_layers(model)
    steps = steps_per_epoch * settings.epochs
    warm_up = int(settings.warm_up * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=settings.learning_rate / 100 if warm_up else settings.learning_rate,
        decay_steps=max(1, steps - warm_up),
        alpha=0.01,
        warmup_target=settings.learning_rate if warm_up else None,
        warmup_steps=warm_up,
    )
    momentum = 1 - 1 / max(2.0, settings.average * steps_per_epoch)
    # An average over the last few hundred steps does better, and varies less from epoch to epoch, than any one step
    # (Polyak and Juditsky 1992); DeepVariant keeps one too.
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=settings.weight_decay, use_ema=True, ema_momentum=momentum
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing)
    # JAX needs XLA. TensorFlow does not: on two cores it makes these small convolutions half as fast.
    model.compile(optimizer=optimizer, loss=loss, jit_compile=keras.backend.backend() == "jax")
    optimizer.build(model.trainable_variables)
    return model


def _pieces(model: keras.Model) -> int:
    layer = model.get_layer(PIECES)
    return int(layer.units) // int(layer.input.shape[1])


def _answers(
    header: ExampleHeader, settings: FitSettings, origin: StartingPoint | ImageStart | None
) -> Answers:
    """Return what is to be learnt; SNPs as before are as what it starts from answers the classes as they are shown."""
    labels = Labels(np.asarray(settings.class_weights, np.float32))
    if not settings.snps_as_before:
        return labels
    assert isinstance(origin, StartingPoint)
    before = network_of(header, settings, typed=True)
    origin.load_into(before)
    _shift_logits(before, np.log(settings.keep))
    return SnpsAsBefore(labels, before, header.features.index(SNP_FEATURE), settings.snps_as_before)


def _folded(model: keras.Model, state: Fit) -> keras.Model:
    """Return the network of the first sequencing type, or the network itself where there are none, or they are kept."""
    settings = state.settings
    if not settings.sequencing_types or settings.types_kept:
        return model
    plain = network_of(state.header, settings, typed=False)
    fold_sequencing_type(model, plain, len(settings.sequencing_types), 0)
    return plain


@contextlib.contextmanager
def _averaged(model: keras.Model, batches: Iterable[Examples], keep: Sequence[float]) -> Iterator[None]:
    """Put the average weights in the place of the latest ones for a while.

    The batches give the statistics of batch normalisation anew: those at hand are of the latest weights (Izmailov et
    al. 2018, arXiv:1803.05407, section 3.2). A class of which a fraction ``keep`` was shown looks so much rarer than
    it is: its logit gets -ln(keep), which is exact for the prior (Saerens et al. 2002, doi:10.1162/089976602753284446).
    """
    from keras.ops import convert_to_numpy

    # Copies, both times: JAX frees the arrays that a step or a prediction was given, whoever else holds them.
    latest = [np.array(convert_to_numpy(variable)) for variable in model.variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    for variable in model.trainable_variables:
        variable.assign(np.array(convert_to_numpy(variable)))
    for batch in batches:
        model([batch.images, batch.features], training=True)
    _shift_logits(model, -np.log(keep))
    try:
        yield
    finally:
        for variable, value in zip(model.variables, latest, strict=True):
            variable.assign(value)


def _shift_logits(model: keras.Model, by: NDArray[np.float64]) -> None:
    """Add to the logits of the three genotypes.

    A model answers as common as genotypes are, a fit sees them as they are shown: it begins with the one, shifted to
    the other, and `_averaged` shifts back.
    """
    from keras.ops import convert_to_numpy

    last = model.get_layer(LOGITS)
    last.bias.assign(convert_to_numpy(last.bias) + by.astype(np.float32))


def _train_epoch(
    model: keras.Model,
    reader: ExampleReader,
    answers: Answers,
    settings: FitSettings,
    epoch: int,
    until: float,
) -> tuple[float, ...]:
    """Run one epoch, or what of it is done by this time of the clock; return the mean loss of each of its parts."""
    steps = epoch_steps(reader, settings)
    losses: list[float] = []
    batches = reader.shuffled(settings.batch_size, (settings.seed, epoch), settings.keep)
    with console.progress(f"epoch {epoch + 1}", steps) as advance:
        for batch in _ahead(islice(batches, steps)):
            model.reset_metrics()  # train_on_batch returns a running mean otherwise
            losses.append(float(model.train_on_batch([batch.images, batch.features], *answers.of(batch))))
            if not np.isfinite(losses[-1]):
                raise InputError(
                    f"the loss is {losses[-1]} in epoch {epoch + 1}",
                    cause="training diverged",
                    repair="Lower the learning rate, and check that all features lie near [0, 1].",
                )
            advance()
            if time.monotonic() >= until:
                break
    parts = np.array_split(losses, min(_CURVE_POINTS, len(losses)))
    return tuple(float(part.mean()) for part in parts)


def _ahead(batches: Iterator[Examples]) -> Iterator[Examples]:
    """Read a few batches ahead in a thread, so that unpacking and arithmetic overlap."""
    ready: queue.Queue[Examples | BaseException | None] = queue.Queue(maxsize=4)
    stop = threading.Event()

    def put(item: Examples | BaseException | None) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.2)
                break

    def read() -> None:
        last: BaseException | None = None
        try:
            for batch in batches:
                put(batch)
                if stop.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that trains
            last = error
        put(last)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def _checkpoint(state: Fit, model: keras.Model, folder: Path) -> None:
    """Save the epoch; ``fit.json`` comes last, and its length says which files belong to it."""
    done = len(state.epochs)
    with told(f"The fit in {folder}"):
        model.save_weights(folder / f"epoch_{done}.weights.h5")
        write_whole(folder / FIT_NAME, state.model_dump_json(indent=1).encode())
    (folder / f"epoch_{done - 1}.weights.h5").unlink(missing_ok=True)


def _resume(start: Fit, model: keras.Model, folder: Path) -> Fit:
    path = folder / FIT_NAME
    if not path.exists():
        return start
    try:
        state = Fit.model_validate_json(path.read_text())
    except ValidationError as error:
        raise InputError(
            f"'{path}' is damaged", cause=explain(error), repair=f"Remove '{folder}'."
        ) from error
    if state.model_copy(update={"before": None, "epochs": ()}) != start:
        raise InputError(
            f"'{folder}' is an unfinished fit with other settings or examples",
            repair="Remove it to start anew, or give the settings it was started with.",
        )
    model.load_weights(folder / f"epoch_{len(state.epochs)}.weights.h5")
    console.info(f"going on after epoch {len(state.epochs)} of '{folder}'")
    return state


def _finish(state: Fit, unfinished: Path, out: Path) -> Fit:
    draw_learning_curve(state, unfinished / CURVE_NAME)
    kept = 0 if state.start_is_kept else state.best + 1
    (unfinished / f"epoch_{kept}.safetensors").replace(unfinished / WEIGHTS_NAME)
    for path in unfinished.glob("epoch_*"):
        path.unlink()
    unfinished.rename(out)
    console.info(_WHY_STOPPED[state.stopped_by or "epochs"].format(state.settings))
    what = f"epoch {kept}" if kept else "the weights it began with, as no epoch did better"
    console.info(f"kept {what}: {state.kept.summary()}")
    return state


def draw_learning_curve(state: Fit, path: Path) -> None:
    """Draw training and tune loss over the epochs as a PNG."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for i, epoch in enumerate(state.epochs):
        n = len(epoch.train_losses)
        x = i + (np.arange(n) + 0.5) / n
        axes.plot(x, epoch.train_losses, color="tab:blue", lw=1, label=None if i else "training loss")
    before = [] if state.before is None else [state.before]
    tune = [one.log_loss for one in (*before, *(epoch.tune for epoch in state.epochs))]
    axes.plot(np.arange(len(tune)) + 1 - len(before), tune, "o-", color="tab:orange", label="tune log-loss")
    kept = 0 if state.start_is_kept else state.best + 1
    axes.plot(kept, state.kept.log_loss, "o", ms=10, mfc="none", color="black", label="kept")
    axes.set(xlabel="epoch", ylabel="loss", yscale="log")
    axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)
