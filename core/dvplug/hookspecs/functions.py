"""What the functions look like that plugins name: a protocol for each kind."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import keras
    import numpy as np
    from numpy.typing import NDArray

    from dvplug.line.candidate_batch import CandidateBatch
    from dvplug.line.contexts import (
        AnnotateContext,
        EncodeContext,
        FindContext,
        PhaseContext,
        Phased,
        RegionContext,
    )
    from dvplug.line.image_batch import ImageBatch, Pileup
    from dvplug.line.record import Notes
    from dvplug.line.scene import Scene
    from dvplug_registry.model_folder import LoadedModel


class Find(Protocol):
    """What a candidate finder's function looks like."""

    def __call__(self, context: FindContext) -> CandidateBatch:
        """Return the candidates of one region, by position."""


class Transform(Protocol):
    """What a read transform's function looks like."""

    def __call__(self, context: RegionContext) -> NDArray[np.bool_] | None:
        """Change ``context.reads.seq`` and ``qual`` where they lie; return which reads stay, bool[reads]; None: all."""


class Phase(Protocol):
    """What a phaser's function looks like."""

    def __call__(self, context: PhaseContext) -> NDArray[np.uint8] | Phased:
        """Return the haplotype of each read, uint8[reads]: 1 or 2, and 0 where it is not known.

        Or a `Phased`, which also tells which reads are of one molecule.
        """


class Rank(Protocol):
    """What a row order's function looks like."""

    def __call__(self, scene: Scene) -> NDArray[np.uint16]:
        """Return a rank of each read of each candidate, uint16[entries], in the order of `CandidateBatch.read_index`.

        Rows that support the same, of the same haplotype, are ordered by it, then by position.
        """


class Annotate(Protocol):
    """What an annotation's function looks like."""

    def __call__(self, context: AnnotateContext) -> Sequence[Notes | None]:
        """Return what is added to each of ``context.records``; None where that is nothing."""


class Encode(Protocol):
    """What an image encoder's function looks like."""

    def __call__(self, context: EncodeContext) -> ImageBatch:
        """Return images uint8[n, h, w, c], features float32[n, f] and the alts each image stands for."""


class Measure(Protocol):
    """What a feature set's function looks like."""

    def __call__(self, scene: Scene) -> NDArray[np.float32]:
        """Return the set's columns of the images, float32[n, columns], in the order of `Scene.images`."""


class Draw(Protocol):
    """What a channel's function looks like."""

    def __call__(self, pileup: Pileup, out: NDArray[np.uint8]) -> None:
        """Draw one channel into ``out``, uint8[n, h, w] of zeros."""


class BuildNetwork(Protocol):
    """What a network's function looks like."""

    def __call__(self, shape: tuple[int, int, int], features: int, settings: Any) -> keras.Model:
        """Return the network, with untrained weights.

        From ``[image, features]``, uint8[n, *shape] and float32[n, features], to logits float32[n, 3], which a layer
        `Dense` of that name gives. ``settings`` are of the class that the network declares.
        """


class OpenModel(Protocol):
    """What a genotyper's function looks like."""

    def __call__(self, model: LoadedModel, device: str) -> Predictor:
        """Return a predictor on this device, "cpu" or "gpu"; a device that is not there is an error."""


class Predictor(Protocol):
    """An opened model; where it has an attribute ``runs_on``, that says for people on which GPU, and by what."""

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32[n, 3] of hom-ref, het, hom-alt.

        Images are uint8[n, h, w, c], features float32[n, f].
        """
