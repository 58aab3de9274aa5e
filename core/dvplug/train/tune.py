"""How good probabilities are on labelled examples: log-loss, errors by class and type, calibration."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.technology import Frozen
from dvplug.train.store import VARIANT_TYPES

_BINS = np.array([0.0, 0.5, 0.7, 0.9, 0.95, 0.99, 0.995, 0.999, 1.0])


class CalibrationBin(Frozen):
    """Examples whose best probability lies in one range: how sure the network was, and how often right."""

    examples: int
    predicted_p: float
    observed_p: float


class TuneMetrics(Frozen):
    """What a network does on the tune set."""

    examples: int
    log_loss: float
    error: float
    confusion: tuple[tuple[int, int, int], ...]  # [label][called]
    error_by_label: tuple[float, ...]
    error_by_type: dict[str, float]
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float

    @property
    def chance_log_loss(self) -> float:
        """Log-loss of always answering how common each label is in the tune set: the entropy of the labels, in nats."""
        shares = np.array(self.confusion, np.float64).sum(axis=1) / max(self.examples, 1)
        present = shares[shares > 0]
        return float(-(present * np.log(present)).sum())

    def summary(self) -> str:
        """One line for people."""
        by_label = " ".join(f"{100 * error:.2f}" for error in self.error_by_label)
        by_type = ", ".join(f"{name} {100 * error:.2f}" for name, error in self.error_by_type.items())
        return (
            f"tune log-loss {self.log_loss:.4f}, errors {100 * self.error:.2f} % "
            f"(hom_ref/het/hom_alt {by_label}; {by_type}), calibration error {self.calibration_error:.4f}"
        )


def log_losses(probabilities: NDArray[np.float32], labels: NDArray[np.int8]) -> NDArray[np.float64]:
    """-ln of the label's probability, float64[n]; probabilities float32[n,3] are cut at 1e-7."""
    return -np.log(np.clip(probabilities[np.arange(len(labels)), labels].astype(np.float64), 1e-7, 1.0))


def measure(
    probabilities: NDArray[np.float32], labels: NDArray[np.int8], variant_types: NDArray[np.int8]
) -> TuneMetrics:
    """Measure probabilities float32[n,3] against labels int8[n]; variant types int8[n] as in `VARIANT_TYPES`.

    The calibration error is the mean distance between predicted and observed over the bins of the best
    probability, weighted by their examples (expected calibration error, Guo et al. 2017).
    """
    called = probabilities.argmax(axis=1)
    wrong = called != labels
    confusion = np.zeros((3, 3), dtype=np.int64)
    np.add.at(confusion, (labels, called), 1)
    bins = _calibration(probabilities.max(axis=1), ~wrong)
    gaps = [bin_.examples * abs(bin_.predicted_p - bin_.observed_p) for bin_ in bins]
    return TuneMetrics(
        examples=len(labels),
        log_loss=float(log_losses(probabilities, labels).mean()),
        error=float(wrong.mean()),
        confusion=tuple((int(a), int(b), int(c)) for a, b, c in confusion),
        error_by_label=tuple(_mean(wrong[labels == label]) for label in range(3)),
        error_by_type={
            name: _mean(wrong[variant_types == i])
            for i, name in enumerate(VARIANT_TYPES)
            if (variant_types == i).any()
        },
        calibration=bins,
        calibration_error=sum(gaps) / len(labels),
    )


def _calibration(best_p: NDArray[np.float32], right: NDArray[np.bool_]) -> tuple[CalibrationBin, ...]:
    place = np.clip(np.searchsorted(_BINS, best_p, side="left"), 1, len(_BINS) - 1)
    return tuple(
        CalibrationBin(
            examples=int((place == i).sum()),
            predicted_p=_mean(best_p[place == i]),
            observed_p=_mean(right[place == i]),
        )
        for i in np.unique(place)
    )


def _mean(values: NDArray) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else 0.0
