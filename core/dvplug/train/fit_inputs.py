"""What a fit is made of, all of it looked at before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dvplug.errors import InputError, ModelError, Problems
from dvplug.genotypes.networks import TYPES_SETTING, checked_settings, takes_sequencing_types
from dvplug.system.console import warn
from dvplug.system.locations import StrPath
from dvplug.train.image_start import ImageStart
from dvplug.train.labels import SNP_FEATURE
from dvplug.train.places import refuse_shared_places
from dvplug.train.starting_point import StartingPoint, read_starting_point
from dvplug.train.state import Fit, FitSettings
from dvplug.train.store import ExampleReader, require_same_kind

FEW_STEPS = 500
"""Batches below which a fit from random weights is told of: the shipped models took 4,000 and more."""
NEAR_CHANCE = 0.8
"""Share of the log-loss of guessing that a network which has learnt something stays below: shipped ones far below."""


class FitInputs(NamedTuple):
    """Examples and settings that fit each other."""

    reader: ExampleReader
    tune: ExampleReader
    settings: FitSettings
    """Those given, with the architecture of what the fit starts from."""
    start: StartingPoint | ImageStart | None


def check_fit_inputs(
    examples: Sequence[StrPath],
    tune_examples: Sequence[StrPath],
    settings: FitSettings,
    start_from: StrPath | None = None,
) -> FitInputs:
    """Open everything that a fit needs; the arguments are those of `dvplug.train.fit.fit`.

    Raises
    ------
    DvplugError
        All that is wrong: the one error, or `ManyProblems`.
    """
    problems = Problems()
    reader, tune, start = None, None, None
    with problems.collect():
        reader = ExampleReader(examples, settings.sequencing_types)
    with problems.collect():
        tune = ExampleReader(tune_examples, settings.sequencing_types)
    if start_from is not None:
        with problems.collect():
            start = read_starting_point(start_from)
    if reader and start:
        with problems.collect():
            settings = start.settings_for(settings, reader.header)
    with problems.collect():
        _require_something_to_keep(settings, start, reader)
    with problems.collect():
        require_network(settings)
    if reader:
        with problems.collect():
            epoch_steps(reader, settings)
    if reader and tune:
        with problems.collect():
            require_same_kind(
                reader.header,
                tune.header,
                "training and tune examples",
                "Make both with the same profile and the same dvplug.",
            )
        with problems.collect():
            refuse_shared_places(("training", reader), ("tune", tune))
    problems.raise_all()
    assert reader is not None
    assert tune is not None
    return FitInputs(reader, tune, settings, start)


def _require_something_to_keep(
    settings: FitSettings, start: StartingPoint | ImageStart | None, reader: ExampleReader | None
) -> None:
    """Refuse to keep layers or answers that nothing has learnt; raises InputError."""
    if settings.image_kept and start is None:
        raise InputError(
            "the image's layers cannot be kept as they are",
            cause="the fit starts from random weights",
            repair="Name a model or a fit to start from, or train all layers.",
        )
    if not settings.snps_as_before:
        return
    if not isinstance(start, StartingPoint):
        raise InputError(
            "SNPs cannot be answered as before",
            cause="the fit does not start from a model or a fit",
            repair="Name one to start from, or leave it out.",
        )
    if reader and SNP_FEATURE not in reader.header.features:
        raise InputError(
            "SNPs cannot be answered as before",
            cause=f"no feature of the examples is '{SNP_FEATURE}', by which they would be known",
            repair="Leave it out, or make examples whose profile names a feature set that has it.",
        )


def require_network(settings: FitSettings) -> None:
    """Refuse settings that the network does not know, or one that cannot tell the technologies of mixed examples.

    Raises
    ------
    PluginError
        No plugin has the network.
    ModelError
        It has no such setting, or takes examples of one technology alone.
    """
    checked_settings(settings.architecture, settings.architecture_settings)
    if settings.sequencing_types and not takes_sequencing_types(settings.architecture):
        raise ModelError(
            f"the network '{settings.architecture}' cannot be fitted to examples of "
            f"{' and '.join(settings.sequencing_types)} together",
            cause=f"it has no setting '{TYPES_SETTING}'",
            repair="Take small-cnn, or fit it to one technology.",
        )


def epoch_steps(reader: ExampleReader, settings: FitSettings) -> int:
    """Return how many batches an epoch has; raises InputError when the examples do not fill one."""
    steps = int((reader.class_counts() * np.asarray(settings.keep)).sum()) // settings.batch_size
    if not steps:
        raise InputError(
            f"{len(reader)} examples do not fill a batch of {settings.batch_size}",
            repair="Make more of them, or give a smaller --batch-size.",
        )
    return min(steps, settings.steps_per_epoch or steps)


def warn_of_few_steps(settings: FitSettings, steps_per_epoch: int) -> None:
    """Warn where a network from random weights will hardly have begun to learn."""
    steps = steps_per_epoch * settings.epochs
    if steps < FEW_STEPS:
        warn(
            f"only {steps} steps ({settings.epochs} epochs of {steps_per_epoch} batches of {settings.batch_size}): "
            f"a network needs {FEW_STEPS} at the least, and some thousands to be good. Give more examples, more "
            "--epochs, a smaller --batch-size, or --start-from a model."
        )


def warn_of_chance(state: Fit) -> None:
    """Warn where what was kept does hardly better than answering how common each genotype is."""
    tune = state.kept
    if tune.log_loss > NEAR_CHANCE * tune.chance_log_loss:
        warn(
            f"the network does hardly better than chance: its tune log-loss is {tune.log_loss:.3f}, and that of "
            f"always answering the shares of the genotypes {tune.chance_log_loss:.3f}. Train for more steps and on "
            "more examples, and check that truth, reads and reference are of one sample and one build."
        )
