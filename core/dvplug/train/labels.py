"""What a network is to answer of each example, and what an error there weighs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from dvplug.genotypes.networks import predict_batch

if TYPE_CHECKING:
    import keras

    from dvplug.train.store import Examples

SNP_FEATURE = "is_snp"


class Answers(Protocol):
    """Gives the answers that a fit learns."""

    def of(self, batch: Examples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return probabilities float32[n,3] of the genotypes, and weights float32[n] in the loss."""


@dataclass(frozen=True)
class Labels:
    """The labels of the examples; an error in a class weighs float32[3]."""

    class_weights: NDArray[np.float32]

    def of(self, batch: Examples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `Answers`."""
        return np.eye(3, dtype=np.float32)[batch.labels], self.class_weights[batch.labels]


@dataclass(frozen=True)
class SnpsAsBefore:
    """The labels, but of SNPs what another network says of them: what it knows of these is not to be forgotten.

    Learning without forgetting (Li and Hoiem 2016, arXiv:1606.09282) does so with all examples; here another kind of
    variant is to be learnt, whose answers of before are none to keep.
    """

    labels: Labels
    before: keras.Model
    snp: int
    """Index of the feature `SNP_FEATURE`."""
    times: float
    """How much more an example of a SNP weighs than another one."""

    def of(self, batch: Examples) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """As `Answers`."""
        answers, weights = self.labels.of(batch)
        snps = batch.features[:, self.snp] > 0
        said = predict_batch(self.before, batch.images, batch.features, len(batch))
        return np.where(snps[:, None], said, answers), np.where(snps, self.times * weights, weights)
