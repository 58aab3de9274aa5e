"""How much places differ in whether reads show long homopolymers rather too long or too short.

Of the lengths that real reads show of homozygous homopolymers, the likelihood by the SD of the tilt: what a bp more
adds to the log-odds of each length at a place. Where it is highest lies what simulated reads need as
`dvplug.simulate.locus_noise.LocusNoise.tilt_sd`, from where it goes into the table that the features are made by.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from dvplug.images.features.length_errors import LengthErrors
from dvplug.simulate.learn.alignments import alignments, long_runs
from dvplug.simulate.learn.error_counts import LONG_RUN, LONG_RUN_READS, LONGEST_RUN
from dvplug_lab.homopolymers.confident_runs import confident_runs

SDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
TILTS = np.linspace(-2, 2, 81)
LENGTHS = (LONG_RUN, 10, 12, 14, 18)
"""Rows of the table begin at these."""


@dataclass(frozen=True)
class Place:
    """A homozygous homopolymer: its true length, and of each read its class, the base as sequenced and its change."""

    length: int
    read_class: NDArray[np.int64]
    base: NDArray[np.int64]
    change: NDArray[np.int64]


def find_places(
    reads: Path, ref: Path, truth: Path, confident: Path, edges: NDArray[np.float64]
) -> list[Place]:
    """Find the confident homozygous homopolymers without another variant near; ``edges`` part classes of reads."""
    seen: dict[tuple[str, int], list[tuple[int, bool, int]]] = defaultdict(list)
    for one in alignments(reads, ref):
        read_class = int(np.searchsorted(edges, one.mean_error, side="right"))
        for start, change in long_runs(one.read, one.reference, one.position, LONG_RUN):
            seen[one.contig, start].append((change, one.reverse, read_class))
    places = []
    for contig, at, code, length, (change, other) in confident_runs(ref, truth, confident, shortest=LONG_RUN):
        of_reads = seen[contig, at]
        if change == other and len(of_reads) >= LONG_RUN_READS:
            seen_as, reverse, classes = (np.array(column) for column in zip(*of_reads, strict=True))
            base = np.where(reverse, 3 - code, code).astype(np.int64)
            places.append(Place(length + change, classes, base, seen_as - change))
    return places


def log_likelihoods(places: list[Place], errors: LengthErrors) -> NDArray[np.float64]:
    """Return ln P(lengths of all reads) for each of `SDS`, float64[SDS]."""
    most, longest = errors.most, errors.p.shape[2] - 1
    tables, weights = zip(*(errors.at_tilt(tilt) for tilt in TILTS), strict=True)
    by_tilt, p_slip = np.log(tables), np.log(weights)  # [tilts, slips, *errors.p.shape], [tilts, slips]
    told = np.zeros((len(places), len(TILTS)))
    for k, place in enumerate(places):
        change = np.clip(place.change, -most, most) + most
        of_reads = by_tilt[:, :, place.read_class, place.base, min(place.length, longest), change]
        told[k] = np.logaddexp.reduce(of_reads.sum(axis=-1) + p_slip, axis=1)
    found = []
    for sd in SDS:
        p = np.exp(-0.5 * (TILTS / max(sd, 1e-3)) ** 2)
        found.append(np.logaddexp.reduce(told + np.log(np.maximum(p / p.sum(), 1e-300)), axis=1).sum())
    return np.array(found)


def tilt_table(places: list[Place], errors: LengthErrors) -> Table:
    """Return ln of the likelihood of each SD, less that of 0, by length of homopolymer and in all."""
    shown = Table("length, bp", "places", *(f"{sd:g}" for sd in SDS))
    for low, high in [*zip(LENGTHS, (*LENGTHS[1:], LONGEST_RUN), strict=True), (LENGTHS[0], LONGEST_RUN)]:
        chosen = [place for place in places if low <= place.length < high]
        if chosen:
            found = log_likelihoods(chosen, errors)
            shown.add_row(f"{low}-{high - 1}", str(len(chosen)), *(f"{x:.1f}" for x in found - found[0]))
    return shown
