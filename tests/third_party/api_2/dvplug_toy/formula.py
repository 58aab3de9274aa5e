"""The toy's genotyper: softmax of three weights times the mean pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import InputError, LoadedModel


@dataclass(frozen=True)
class Formula:
    """Three weights, one per genotype."""

    weights: NDArray[np.float32]

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return probabilities float32[n, 3]."""
        odds = np.exp(images.mean(axis=(1, 2, 3), dtype=np.float32)[:, None] / 255 * self.weights)
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), np.float32)


def open_formula(model: LoadedModel, device: str) -> Formula:
    """Read the three weights, little-endian float32."""
    if device != "cpu":
        raise InputError(f"the toy genotyper runs on the cpu, not on '{device}'", repair="Use --device cpu.")
    return Formula(np.frombuffer(model.path("formula").read_bytes(), "<f4"))
