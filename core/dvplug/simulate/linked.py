"""Linked reads: of which long molecule each fragment is, and which droplet's barcode it has.

Long molecules are parted over droplets; all fragments of a droplet get its barcode. So fragments with one barcode that
lie near each other are of one molecule, and thereby of one haplotype and of one copy of a repeat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from dvplug.technology import Frozen

BARCODE_TAG = "BX"
BARCODE_BASES = 16
"""As 10x Genomics' barcodes are long: as many of them as 32 bits."""
NO_BARCODE = -1
_ROUNDS = 200
"""Of drawing a molecule for a fragment: beyond, none lies over it."""
_SHORTEST = 1_000
_MIX = 2_654_435_761
"""Odd, so that no two numbers below 2 ** 32 have the same barcode."""


class LinkedLibrary(Frozen):
    """How long molecules are, how much of each is read, and over how many droplets they are parted."""

    molecule_mean: float = Field(ge=2_000, le=1_000_000, description="bp")
    molecule_sd: float = Field(default=0.0, ge=0, description="bp, of a log-normal distribution")
    coverage: float = Field(gt=0, le=5, description="bases that are read of a molecule, over its length")
    barcodes: int = Field(
        default=1_000_000,
        ge=1,
        lt=1 << 32,
        description="droplets over which the molecules of a whole library are parted",
    )
    without: float = Field(
        default=0.0, ge=0, lt=1, description="share of fragments whose barcode is not known"
    )


def draw_barcodes(
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    fragment_bases: float,
    linked: LinkedLibrary,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw the barcode of each fragment of one haplotype, int64[k]; `NO_BARCODE` where it is not known.

    Each fragment is of one of the molecules that lie over it. There are as many molecules as have the wanted coverage
    on average, more where there are more fragments.

    Parameters
    ----------
    start, end
        int64[k], on the haplotype.
    fragment_bases
        Bases that are read of a fragment.
    """
    count = len(start)
    if count == 0:
        return np.zeros(0, np.int64)
    molecules = max(1, round(count * fragment_bases / (linked.coverage * linked.molecule_mean)))
    spread = np.log1p((linked.molecule_sd / linked.molecule_mean) ** 2)
    log_length = np.log(linked.molecule_mean) - spread / 2 + np.sqrt(spread) * rng.standard_normal(molecules)
    length = np.maximum(np.exp(log_length), _SHORTEST).astype(np.int64)
    begin = start[rng.integers(0, count, molecules)] - (rng.random(molecules) * length).astype(np.int64)
    order = np.argsort(begin, kind="stable")
    begin, stop = begin[order], (begin + length)[order]
    molecule = _covering(start, end, begin, stop, int(length.max()), rng)
    alone = np.flatnonzero(
        molecule < 0
    )  # at ends of what is sequenced: the only fragments of their molecules
    molecule[alone] = molecules + np.arange(len(alone))
    barcode = rng.integers(0, linked.barcodes, molecules + len(alone))[molecule]
    return np.where(rng.random(count) < linked.without, NO_BARCODE, barcode)


def _covering(
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    begin: NDArray[np.int64],
    stop: NDArray[np.int64],
    longest: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw one of the molecules that lie over each fragment, int64[k], all alike; -1 where none is found.

    ``begin`` and ``stop``, int64[molecules], are ascending in ``begin``.
    """
    chosen = np.full(len(start), -1, np.int64)
    first, last = np.searchsorted(begin, start - longest), np.searchsorted(begin, start, side="right")
    open_ = np.flatnonzero(last > first)
    for _ in range(_ROUNDS):
        if not len(open_):
            break
        drawn = rng.integers(first[open_], last[open_])
        covers = stop[drawn] >= end[open_]
        chosen[open_[covers]] = drawn[covers]
        open_ = open_[~covers]
    return chosen


def barcode_text(number: int) -> str:
    """Write a barcode as 10x Genomics' programs do: 16 bases and the library's number, such as ``ACGT...-1``."""
    mixed = number * _MIX % (1 << 32)
    return "".join("ACGT"[mixed >> 2 * i & 3] for i in range(BARCODE_BASES)) + "-1"
