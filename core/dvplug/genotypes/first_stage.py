"""The first stage of a model: features alone give the genotype where they are enough, and no image is drawn.

DeepVariant calls such a network its small model. It is dense layers over standardised features; what it may settle is
said by the manifest (`dvplug_registry.manifest.FirstStage`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dvplug.errors import ModelError
from dvplug.genotypes.networks import softmax
from dvplug.kernel import kernel
from dvplug.line.scene import ImageAlts
from dvplug.sequence.arrays import Bools, Float32s

if TYPE_CHECKING:
    from dvplug_registry.first_stage import FirstStage
    from dvplug_registry.known_answer import KnownAnswer
    from dvplug_registry.model_folder import ModelFolder

FARTHEST = 8.0
"""Standard deviations from the mean at which features are cut off."""
TOLERANCE = 1e-4
"""Largest difference of a probability from the known answer: other processors round otherwise."""


@dataclass(frozen=True)
class Settled:
    """What the first stage says of the images of some candidates.

    Attributes
    ----------
    taken
        bool[n]: whose answer it is. The others are the network's.
    probabilities
        float32[n, 3], of all; those that are not taken mean nothing.
    images
        Sites and alts of all.
    """

    taken: Bools
    probabilities: Float32s
    images: ImageAlts

    def joined(self, told: Float32s) -> Float32s:
        """Return the probabilities of all images, float32[n, 3].

        Parameters
        ----------
        told
            float32[m, 3], of the network: for the images that were not settled, or for all where all were drawn.
        """
        rest = ~self.taken
        joined = self.probabilities.copy()
        joined[rest] = told[rest] if len(told) == len(rest) else told
        return joined

    def of_site(self, index: int) -> Settled:
        """Return those of one candidate, as `dvplug.line.image_batch.ImageBatch.of_site`."""
        own = self.images.site == index
        alts = ImageAlts(np.zeros(int(own.sum()), np.int32), self.images.alt_set[own])
        return Settled(self.taken[own], self.probabilities[own], alts)


class DenseLayer(NamedTuple):
    """A layer of the network: ReLU follows all but the last."""

    kernel: Float32s  # [inputs, units]
    bias: Float32s  # [units]


@dataclass(frozen=True)
class FeatureNetwork:
    """Dense layers over standardised features.

    Attributes
    ----------
    mean, scale
        float32[f]: features become (feature - mean) / scale, cut off at `FARTHEST`.
    """

    mean: Float32s
    scale: Float32s
    layers: tuple[DenseLayer, ...]

    @classmethod
    def load(cls, path: Path, features: int) -> FeatureNetwork:
        """Read what `save` wrote; raises ModelError where it is not that, or not of so many features."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            arrays = load_file(path)
            depth = (len(arrays) - 2) // 2
            layers = tuple(DenseLayer(arrays[f"kernel_{i}"], arrays[f"bias_{i}"]) for i in range(depth))
            network = cls(arrays["mean"], arrays["scale"], layers)
        except (OSError, SafetensorError, KeyError) as error:
            raise ModelError(f"'{path}' cannot be read as a first stage", cause=str(error)) from error
        network._require_shapes(path, features)
        return network

    def save(self, path: Path) -> None:
        """Write it, as safetensors."""
        from safetensors.numpy import save

        arrays = {"mean": self.mean, "scale": self.scale}
        for i, layer in enumerate(self.layers):
            arrays |= {f"kernel_{i}": layer.kernel, f"bias_{i}": layer.bias}
        path.write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))

    def standardised(self, features: Float32s) -> Float32s:
        """Return features float32[n, f] as the first layer takes them."""
        z = (features - self.mean) / self.scale
        return np.clip(z, np.float32(-FARTHEST), np.float32(FARTHEST))

    def logits(self, features: Float32s) -> Float32s:
        """Return the logits of the three genotypes, float32[n, 3]; each row on its own."""
        x = self.standardised(features)
        for layer in self.layers[:-1]:
            x = np.maximum(_dense(x, layer.kernel, layer.bias), np.float32(0))
        return _dense(x, *self.layers[-1])

    def predict(self, features: Float32s) -> Float32s:
        """Return probabilities float32[n, 3]."""
        return softmax(self.logits(features))

    def _require_shapes(self, path: Path, features: int) -> None:
        sizes = [features, *(layer.kernel.shape[-1] for layer in self.layers)]
        found = [array.shape for array in (self.mean, self.scale)]
        wanted: list[tuple[int, ...]] = [(features,), (features,)]
        for layer, (size, units) in zip(self.layers, pairwise(sizes), strict=True):
            found += [layer.kernel.shape, layer.bias.shape]
            wanted += [(size, units), (units,)]
        arrays = (self.mean, self.scale, *(array for layer in self.layers for array in layer))
        if found != wanted or sizes[-1] != 3 or any(array.dtype != np.float32 for array in arrays):
            raise ModelError(
                f"'{path}' has arrays of shapes {found}",
                cause=f"float32 layers from {features} features to 3 genotypes are wanted",
                repair="Take the first stage of a model with the same features.",
            )


@kernel(vectorised=True)
def _dense(x: Float32s, weights: Float32s, bias: Float32s) -> Float32s:
    """Return x float32[n, inputs] times weights float32[inputs, units] plus bias float32[units].

    Inputs are added in their order, so that no row depends on what others there are, as with BLAS it may.
    """
    n, inputs = x.shape
    out = np.empty((n, len(bias)), np.float32)
    for i in range(n):
        row = out[i]
        for j in range(len(bias)):
            row[j] = bias[j]
        for k in range(inputs):
            value = x[i, k]
            for j in range(len(bias)):
                row[j] += value * weights[k, j]
    return out


def settles(probabilities: Float32s, changes_length: Bools, thresholds: FirstStage) -> Bools:
    """Tell whose answer is taken, bool[n].

    Parameters
    ----------
    probabilities
        float32[n, 3].
    changes_length
        bool[n]: whether an alt of the image does.
    """
    above = np.array([thresholds.snp, thresholds.indel], np.float32)
    best = probabilities.argmax(axis=1)
    rows = np.arange(len(best))
    return np.asarray(probabilities[rows, best] > above[changes_length.astype(np.int64), best])


@dataclass(frozen=True)
class OpenedFirstStage:
    """The first stage of a model, ready to settle.

    Attributes
    ----------
    every_image
        Whether images that it settles are drawn all the same, for people to look at.
    """

    network: FeatureNetwork
    thresholds: FirstStage
    every_image: bool = False

    @classmethod
    def of(cls, model: ModelFolder, every_image: bool = False) -> OpenedFirstStage | None:
        """Open that of a model whose files have been verified; None where it has none. Raises ModelError."""
        manifest = model.manifest
        if manifest.first_stage is None:
            return None
        network = FeatureNetwork.load(model.path("first-stage"), len(manifest.features))
        return cls(network, manifest.first_stage, every_image)

    def settle(self, features: Float32s, changes_length: Bools, images: ImageAlts) -> Settled:
        """Answer for images of which features are enough; arguments as of `settles`, features float32[n, f]."""
        probabilities = self.network.predict(features)
        return Settled(settles(probabilities, changes_length, self.thresholds), probabilities, images)


def first_stage_test(model: ModelFolder, known: KnownAnswer) -> float:
    """Compare what a model's first stage gives with its known answers; 0 where it has none.

    Returns
    -------
    float
        The largest absolute difference of a probability.

    Raises
    ------
    ModelError
        It is above `TOLERANCE`, or the first stage cannot be opened.
    """
    opened = OpenedFirstStage.of(model)
    if opened is None or known.first_stage is None:
        return 0.0
    difference = float(np.abs(opened.network.predict(known.features) - known.first_stage).max())
    if not difference <= TOLERANCE:  # NaN fails too
        raise ModelError(
            f"the first stage of the model {model.manifest.label} fails its known-answer test",
            cause=f"probabilities differ by up to {difference:.3g}, allowed {TOLERANCE:.3g}",
            repair="Reinstall the model; report it if it stays.",
        )
    return difference
