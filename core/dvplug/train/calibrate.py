"""Temperatures, one per genotype, and lapse rates, so that probabilities are as often right as they say.

Temperature scaling (Guo et al. 2017, arXiv:1706.04599) with one temperature per class, which is their vector scaling
without a bias. The temperatures are folded into the network's last layer, exactly, and named in the manifest.

What is left are answers that are wrong however sure: `dvplug.records.merge.with_lapses` allows for their share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dvplug.genotypes.networks import logits_batch, softmax
from dvplug.plugins.network_checks import LOGITS
from dvplug.train.store import ExampleReader

if TYPE_CHECKING:
    import keras

Temperatures = tuple[float, float, float]
LOWEST, HIGHEST = 0.5, 4.0
_STEPS = 50
_BANDS = np.arange(0.0, 100.0, 10.0)
"""Phred qualities at which a band of answers may begin."""
_LEAST_OF_BAND = 200


def fit_temperatures(logits: NDArray[np.float32], labels: NDArray[np.int8]) -> Temperatures:
    """Return the temperatures of lowest log-loss, each between `LOWEST` and `HIGHEST`.

    Parameters
    ----------
    logits
        float32[n,3] of examples that the network was not fitted to.
    labels
        int8[n], 0 to 2.
    """
    z, truth = logits.astype(np.float64), np.eye(3)[labels]
    scale = np.ones(3)  # 1 / temperature: the log-loss is convex in it
    for _ in range(_STEPS):
        p = softmax(z * scale)
        gradient = ((p - truth) * z).mean(axis=0)
        weighted = p * z
        hessian = np.diag((weighted * z).mean(axis=0)) - weighted.T @ weighted / len(z)
        step = np.linalg.solve(hessian + 1e-6 * np.eye(3), gradient)
        updated = np.clip(scale - step, 1 / HIGHEST, 1 / LOWEST)
        # Newton's step may go too far while the scale is far off.
        while _log_loss(z * updated, labels) > _log_loss(z * scale, labels) + 1e-12:
            updated = (updated + scale) / 2
            if np.abs(updated - scale).max() < 1e-7:
                break
        if np.abs(updated - scale).max() < 1e-6:
            break
        scale = updated
    first, second, third = (1 / scale).tolist()
    return first, second, third


def fit_lapse_rate(p: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """Return the share of examples whose answer tells nothing, by expectation and maximisation.

    One such example is added to those at hand (a rule of succession): n examples do not show that a network errs less
    than once in n.

    Parameters
    ----------
    p
        float64[n,3], calibrated, of examples that the network was not fitted to.
    labels
        int8[n], 0 to 2.
    """
    right = p[np.arange(len(labels)), labels]
    even = 1 / p.shape[1]
    rate = 0.01
    for _ in range(1000):
        told_nothing = rate * even / ((1 - rate) * right + rate * even)
        updated = float((1 + told_nothing.sum()) / (1 + len(labels)))
        if abs(updated - rate) < 1e-7:
            break
        rate = updated
    return min(rate, 0.5)


def fit_lapse_rates(p: NDArray[np.float64], labels: NDArray[np.int8]) -> tuple[tuple[float, float], ...]:
    """Return lapse rates by how sure the answers are: (phred quality from which on, rate), from 0 upwards.

    Surer answers lapse no more often than others: isotonic regression by its max-min formula (Barlow et al. 1972,
    Statistical Inference under Order Restrictions). So answers that are less sure, and right, are evidence of the surer
    ones too. Bands of few examples are joined with the one below. Parameters are those of `fit_lapse_rate`.
    """
    claimed = -10 * np.log10(np.maximum(np.sort(p, axis=1)[:, :-1].sum(axis=1), 1e-12))
    begins: list[float] = []
    for first in reversed(_BANDS.tolist()):
        end = begins[0] if begins else np.inf
        if first == 0 or ((claimed >= first) & (claimed < end)).sum() >= _LEAST_OF_BAND:
            begins.insert(0, first)
    rates = np.zeros((len(begins), len(begins)))  # [j, l]: of the bands from j to l together
    for j, first in enumerate(begins):
        for last, end in enumerate([*begins[1:], np.inf][j:], j):
            inside = (claimed >= first) & (claimed < end)
            rates[j, last] = fit_lapse_rate(p[inside], labels[inside])
    falling = [float(rates[: band + 1, band:].min(axis=0).max()) for band in range(len(begins))]
    return tuple((first, round(rate, 7)) for first, rate in zip(begins, falling, strict=True))


def _log_loss(logits: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    p = softmax(logits)
    return float(-np.log(np.clip(p[np.arange(len(labels)), labels], 1e-12, 1.0)).mean())


def calibrate(model: keras.Model, tune: ExampleReader) -> Temperatures:
    """Fit temperatures to the tune examples and divide the network's logits by them, in place."""
    logits = np.concatenate([logits_batch(model, part.images, part.features) for part in tune.in_order()])
    temperatures = fit_temperatures(logits, tune.labels)
    last = model.get_layer(LOGITS)
    last.set_weights([weight / np.asarray(temperatures, np.float32) for weight in last.get_weights()])
    return temperatures
