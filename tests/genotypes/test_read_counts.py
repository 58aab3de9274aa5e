"""Genotypes of pooled alleles by counts of reads; those of all others stay the network's."""

from __future__ import annotations

import numpy as np
import pytest

from dvplug.genotypes.read_counts import UNSURE, told_by_counts
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import NO_ALT, ImageBatch


def batch(depths: list[list[int]], pooled: list[list[bool]] | None) -> CandidateBatch:
    n, none = len(depths), np.zeros(0, np.int32)
    return CandidateBatch(
        "c", np.arange(n, dtype=np.int32), ["A"] * n, [("AT", "ATT")] * n, np.zeros(n + 1, np.int64), none,
        none.astype(np.int8), np.array(depths, np.int32).sum(axis=1), np.array(depths, np.int32),
        None if pooled is None else np.array(pooled),
    )  # fmt: skip


def images(site: list[int], alt_set: list[list[int]]) -> ImageBatch:
    n = len(site)
    return ImageBatch(
        np.zeros((n, 1, 1, 1), np.uint8), np.zeros((n, 0), np.float32), np.array(site, np.int32),
        np.array(alt_set, np.int8),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("depths", "copies"),
    [([30, 1, 0], 0), ([15, 15, 0], 1), ([20, 9, 0], 1), ([1, 30, 0], 2), ([0, 4, 0], 2), ([14, 0, 0], 0)],
)
def test_counts_tell_the_copies(depths: list[int], copies: int) -> None:
    network = np.full((1, 3), 1 / 3, np.float32)
    (p,) = told_by_counts(network, batch([depths], [[True, False]]), images([0], [[0, NO_ALT]]))
    assert p.argmax() == copies
    assert p.sum() == pytest.approx(1, abs=1e-6)
    assert p.max() <= 1 - UNSURE / 2


def test_other_alts_are_the_networks() -> None:
    network = np.array([[0.2, 0.3, 0.5]] * 4, np.float32)
    given = images([0, 0, 0, 1], [[0, NO_ALT], [1, NO_ALT], [0, 1], [0, NO_ALT]])
    sites = batch([[0, 10, 10], [9, 9, 0]], [[True, False], [False, False]])
    told = told_by_counts(network, sites, given)
    assert told.argmax(axis=1).tolist() == [1, 2, 2, 2]
    assert told[[1, 3]].tolist() == network[[1, 3]].tolist()
    assert told.dtype == np.float32
    assert told_by_counts(network, batch([[0, 10, 10], [9, 9, 0]], None), given) is network
    assert network.tolist() == np.array([[0.2, 0.3, 0.5]] * 4, np.float32).tolist()
