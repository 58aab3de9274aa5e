"""A fit may start from the weights of a network of photographs: `keras:NAME`, or `keras:NAME=FILE`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import InputError, ModelError, near_misses
from dvplug.genotypes.image_network import (
    APPLICATIONS,
    IMAGE_NETWORK,
    read_image_weights,
    start_from_image_weights,
)
from dvplug.genotypes.networks import quiet_backend, usual_keras
from dvplug.train.state import FitSettings
from dvplug.train.store import ExampleHeader

if TYPE_CHECKING:
    import keras

PREFIX = "keras:"
APPLICATION_SETTING = "application"


class ImageStart(NamedTuple):
    """Weights of a network of `keras.applications`, without its last layer."""

    application: str
    arrays: list[NDArray[np.float32]]

    @property
    def label(self) -> str:
        """For people, and for the manifest."""
        return f"{PREFIX}{self.application}"

    def settings_for(self, settings: FitSettings, header: ExampleHeader) -> FitSettings:
        """Give the settings of a fit this network, which takes images of any shape; raises ModelError.

        The settings name another network.
        """
        given = settings.architecture_settings
        named = "architecture" in settings.model_fields_set and settings.architecture != IMAGE_NETWORK
        if named or given.get(APPLICATION_SETTING, self.application) != self.application:
            raise ModelError(
                f"the settings are for another network than that of {self.label}",
                cause=f"{settings.architecture} {given}",
                repair=f"Leave the architecture out: it is {IMAGE_NETWORK} with {self.application}.",
            )
        own = given | {APPLICATION_SETTING: self.application}
        return settings.model_copy(update={"architecture": IMAGE_NETWORK, "architecture_settings": own})

    def load_into(self, model: keras.Model) -> None:
        """Give a network that was built by such settings these weights; its last layers keep their random ones."""
        start_from_image_weights(model, self.arrays)


def read_image_start(given: str) -> ImageStart:
    """Read what `keras:NAME` or `keras:NAME=FILE` names; nothing is downloaded.

    Raises
    ------
    InputError
        The network is unknown, or there is no file of its weights.
    ModelError
        The file is none of its weights.
    """
    name, _, file = given.removeprefix(PREFIX).partition("=")
    if name not in APPLICATIONS:
        raise InputError(
            f"dvplug cannot start from '{given}'",
            cause=f"'{name}' is none of the networks of keras.applications that take a pileup image",
            repair=near_misses(name, APPLICATIONS),
        )
    path = Path(file) if file else published_place(name)
    if not path.is_file():
        raise InputError(
            f"there are no weights of {name}: '{path}' does not exist",
            cause="dvplug downloads none",
            repair=f'Have Keras do so, `python -c "import keras; keras.applications.{name}(include_top=False)"`, '
            f"or give the file, {PREFIX}{name}=FILE; without either leave --start-from out.",
        )
    quiet_backend()
    with usual_keras():
        return ImageStart(name, read_image_weights(name, path))


def published_place(name: str) -> Path:
    """Where Keras puts the weights that it downloads."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models" / APPLICATIONS[name].published
