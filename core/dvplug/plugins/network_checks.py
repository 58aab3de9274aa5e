"""Networks as plugins build them are looked at before anything is trained: inputs, logits, and names of weights."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import BaseModel

from dvplug.errors import in_short
from dvplug.hookspecs import BuildNetwork, Network
from dvplug.plugins.boundary import Owner
from dvplug.plugins.checks import Wrong
from dvplug.plugins.loading import Plugins

if TYPE_CHECKING:
    import keras

LOGITS = "logits"
"""The layer that gives the logits: calibration and shares of classes are put into its weights."""


@dataclass(frozen=True)
class CheckedBuild:
    """A network (see `dvplug.hookspecs.BuildNetwork`) that is looked at."""

    owner: Owner
    build: BuildNetwork

    @classmethod
    def of(cls, plugins: Plugins, name: str) -> CheckedBuild:
        """Import a network's function."""
        offer = plugins.offer(Network.kind, name)
        return cls(Owner.of(offer), offer.load())

    def __call__(self, shape: tuple[int, int, int], features: int, settings: BaseModel) -> keras.Model:
        """Build the network for images uint8[n, *shape] and float32[n, features]; the settings are checked ones."""
        model = self.owner.call(self.build, shape, features, settings)
        self.owner.require(wrong_network(model, shape, features))
        return model


def wrong_network(model: object, shape: tuple[int, int, int], features: int) -> Iterator[Wrong]:
    """Look at a network for such images and so many features; the first fault makes the others moot."""
    import keras

    if not isinstance(model, keras.Model):
        yield f"a {type(model).__name__}", "it has to be a keras.Model"
        return
    wanted = [((None, *shape), "uint8"), ((None, features), "float32")]
    given = [(tuple(t.shape), str(t.dtype)) for t in model.inputs or ()]
    if given != wanted:
        yield (
            f"a network with the inputs {_shown(given)}",
            f"it is given image and features, in this order: {_shown(wanted)}",
        )
        return
    yield from _wrong_logits(model)
    yield from _wrong_names(model)


def _shown(inputs: list[tuple[tuple[int | None, ...], str]]) -> str:
    shapes = (f"{kind}[{', '.join('n' if n is None else str(n) for n in shape)}]" for shape, kind in inputs)
    return " ".join(shapes) or "none"


def _wrong_logits(model: keras.Model) -> Iterator[Wrong]:
    import keras

    cause = (
        f"its one output is that of a layer Dense called '{LOGITS}', of 3 units with a bias and no activation"
    )
    last = next((layer for layer in model.layers if layer.name == LOGITS), None)
    if last is None or not isinstance(last, keras.layers.Dense):
        yield (
            f"a network without logits, its layers being {in_short([one.name for one in model.layers])}",
            cause,
        )
    elif len(model.outputs) != 1 or model.outputs[0] is not last.output:
        yield f"a network with another output than the layer '{LOGITS}'", cause
    elif last.units != 3 or not last.use_bias or last.activation is not keras.activations.linear:
        yield f"logits of {last.units} units, {'with' if last.use_bias else 'without'} a bias", cause


def _wrong_names(model: keras.Model) -> Iterator[Wrong]:
    """Weights are kept under their names, which must be the same in every process and for every network built."""
    import keras

    kinds = {_as_keras_names(name) for name in dir(keras.layers)} | {"functional", "sequential"}
    kinds |= {_as_keras_names(type(layer).__name__) for layer in model.layers}
    for path in (weight.path for weight in model.weights):
        outermost, *inner = path.split("/")[:-1]
        numbered = [outermost, *(layer for layer in inner if re.search(r"_\d+$", layer))]
        for layer in numbered:  # layers of layers may well be called as their class, always alike
            if re.sub(r"_\d+$", "", layer) in kinds:
                yield (
                    f"a network with a layer called '{layer}'",
                    "Keras calls layers without a name so, with another number each time: weights need names that stay",
                )
                return
    twice = [path for path, count in Counter(weight.path for weight in model.weights).items() if count > 1]
    if twice:
        yield f"a network with two weights called '{twice[0]}'", "each layer has a name of its own"


def _as_keras_names(kind: str) -> str:
    """The name, but for a number, that Keras gives to a layer of this class."""
    split = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", re.sub(r"\W+", "", kind))
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", split).lower()
