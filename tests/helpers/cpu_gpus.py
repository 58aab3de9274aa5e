"""CPUs that stand for GPUs: openers whose predictors run on a CPU on whatever device, and some that fail there."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import InputError


@dataclass(frozen=True)
class OnCpu:
    """Opens a model by another opener, on the CPU."""

    opener: Any
    devices: tuple[str, ...] = ("cpu", "gpu")

    def require_device(self, device: str) -> None:
        """Whatever it is."""

    def __call__(self, model: Any, device: str) -> Any:
        """Open it."""
        return self.opener(model, "cpu")


@dataclass(frozen=True)
class Formula:
    """A predictor that needs no model: what it says of an image, and as whom."""

    runs_on: str

    def predict(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return float32[n, 3]: mean pixel, first feature, and the number of the GPU."""
        if images.size and images.max() == 255:
            os.kill(os.getpid(), signal.SIGKILL)
        if images.size and images.max() == 254:
            raise ValueError("too bright")
        time.sleep(0.01)
        mean = images.mean(axis=(1, 2, 3))
        gpu = np.full(len(images), float(os.environ["CUDA_VISIBLE_DEVICES"]))
        return np.stack([mean, features[:, 0], gpu], axis=1).astype(np.float32)


def open_formula(model: Any, device: str) -> Formula:
    """Open a formula on any GPU but the one numbered 9."""
    if os.environ["CUDA_VISIBLE_DEVICES"] == "9":
        raise InputError("device 'gpu' cannot be used", cause="tensorflow sees none", repair="Use another.")
    return Formula(f"a formula on {device}")
