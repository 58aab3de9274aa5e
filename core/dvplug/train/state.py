"""A fit as data: its settings, what each epoch gave, and the folder that keeps both."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field, PositiveFloat, ValidationError

from dvplug.errors import InputError
from dvplug.genotypes.networks import TYPES_SETTING, build
from dvplug.inputs.run_sample import RunSample
from dvplug.system.explain import explain
from dvplug.technology import Frozen
from dvplug.train.store import ExampleHeader
from dvplug.train.tune import TuneMetrics
from dvplug_registry.manifest import Setting

if TYPE_CHECKING:
    import keras

WEIGHTS_NAME = "weights.safetensors"
FIT_NAME = "fit.json"


_Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(gt=0, le=1)]


class FitSettings(Frozen):
    """How a network is fitted."""

    architecture: str = Field(default="small-cnn", description="a network of an installed plugin")
    architecture_settings: dict[str, Setting] = Field(
        default_factory=dict, description="overrides of its defaults, as a manifest can have them"
    )
    sequencing_types: tuple[str, ...] = Field(
        default=(), description="technologies whose examples are mixed; the network kept is that of the first"
    )
    types_kept: bool = Field(
        default=False, description="the network kept is told the sequencing type when it calls, and is of all"
    )
    epochs: int = Field(default=5, ge=1)
    steps_per_epoch: int | None = Field(
        default=None, ge=1, description="where an epoch shall not show every example"
    )
    batch_size: int = Field(default=256, ge=1)
    learning_rate: float = Field(
        default=2e-3, gt=0, allow_inf_nan=False, description="at the end of the warm-up; then cosine to 1 %"
    )
    warm_up: float = Field(default=0.05, ge=0, lt=1, description="fraction of all steps")
    weight_decay: float = Field(default=0.004, ge=0)
    average: float = Field(
        default=0.4, gt=0, description="epochs that the moving average of the weights spans"
    )
    label_smoothing: float = Field(default=0.005, ge=0, lt=0.5)
    class_weights: tuple[_Weight, _Weight, _Weight] = (1.0, 1.0, 1.0)
    keep: tuple[_Share, _Share, _Share] = Field(
        default=(1.0, 1.0, 1.0),
        description="fraction of each class per epoch; the kept weights are corrected for it",
    )
    image_kept: bool = Field(
        default=False,
        description="only the last layers are trained, and those of the image stay as they were",
    )
    snps_as_before: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="where not 0, SNPs are to be answered as what it starts from does, and each weighs so many times",
    )
    patience: int = Field(
        default=2,
        ge=1,
        description="epochs without a better tune log-loss by which it has converged, and stops",
    )
    max_hours: PositiveFloat | None = Field(
        default=None, description="of training and measuring, over all of its runs, after which it stops"
    )
    seed: int = Field(default=1, ge=0, lt=1 << 32)


# With nine epochs the fifth or sixth was best: the schedule ends before some hundred thousand examples are learnt by
# heart. Most are of the reference, so half of those at a time will do.
SIMULATED = FitSettings(
    epochs=6,
    patience=6,
    learning_rate=1e-3,
    architecture_settings={"feature_units": 64, "feature_bins": 8},
    batch_size=128,
    label_smoothing=0.0,
    keep=(0.5, 1.0, 1.0),
    seed=1,
)
"""Of the shipped models, and of those that are made of a user's reads."""


def network_of(header: ExampleHeader, settings: FitSettings, *, typed: bool) -> keras.Model:
    """Build the network of a fit, with or without the inputs that tell the sequencing type; raises as `build`."""
    types = len(settings.sequencing_types) if typed else 0
    own_settings = settings.architecture_settings | ({TYPES_SETTING: types} if types else {})
    return build(settings.architecture, own_settings, header.layout.shape, len(header.features) + types)


class Epoch(Frozen):
    """What one epoch gave."""

    train_losses: tuple[float, ...] = Field(description="means over equal parts of the epoch")
    tune: TuneMetrics
    seconds: float | None = Field(default=None, description="that it took, where hours are limited")


class Fit(Frozen):
    """A finished or interrupted fit, as written to ``fit.json``."""

    header: ExampleHeader
    settings: FitSettings
    n_examples: int
    sources: tuple[str, ...]
    runs: tuple[RunSample, ...] = Field(default=(), description="what the reads of each shard are like")
    started_from: str = Field(
        default="", description="model or fit whose weights it began with; empty where at random"
    )
    before: TuneMetrics | None = Field(
        default=None, description="what the weights it began with did, where they are a model's or a fit's"
    )
    epochs: tuple[Epoch, ...] = ()

    @property
    def kept_types(self) -> tuple[str, ...]:
        """Sequencing types that the kept network is told; none where it is of one."""
        return self.settings.sequencing_types if self.settings.types_kept else ()

    @property
    def best(self) -> int:
        """Index of the epoch of the lowest log-loss, whose weights are kept unless those it began with do as well."""
        return int(np.argmin([epoch.tune.log_loss for epoch in self.epochs]))

    @property
    def start_is_kept(self) -> bool:
        """Whether no epoch did better than the weights it began with, which are kept then."""
        return self.before is not None and self.before.log_loss <= self.epochs[self.best].tune.log_loss

    @property
    def kept(self) -> TuneMetrics:
        """What the kept weights do on the tune set."""
        return self.before if self.before and self.start_is_kept else self.epochs[self.best].tune

    @property
    def seconds_left(self) -> float:
        """Until the hours are over that it may take; infinite where they are not limited."""
        if self.settings.max_hours is None:
            return math.inf
        return 3600 * self.settings.max_hours - sum(epoch.seconds or 0.0 for epoch in self.epochs)

    @property
    def stopped_by(self) -> Literal["epochs", "convergence", "hours"] | None:
        """What ended it: all epochs are done, the last ones brought nothing better, or its time is over."""
        done = len(self.epochs)
        if done >= self.settings.epochs:
            return "epochs"
        if done and done - 1 - self.best >= self.settings.patience:
            return "convergence"
        return "hours" if done and self.seconds_left <= 0 else None


def read_fit(folder: Path) -> Fit:
    """Read what a folder that `dvplug.train.fit.fit` made says of its fit; raises InputError."""
    try:
        return Fit.model_validate_json((folder / FIT_NAME).read_text())
    except (OSError, ValidationError) as error:
        cause = explain(error) if isinstance(error, ValidationError) else str(error)
        raise InputError(
            f"'{folder}' does not hold a fit", cause=cause, repair="Run `dvplug train fit` first."
        ) from error
