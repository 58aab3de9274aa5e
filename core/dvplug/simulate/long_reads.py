"""Unpaired reads from haplotypes by a context profile: FASTQ bytes made in Numba."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dvplug.simulate.genome import Codes, N
from dvplug.simulate.learn.context import LONG_RUN, PREVIOUS_EDGES, RUN_EDGES, ContextProfile
from dvplug.simulate.short_reads import NAME_DIGITS, LocusNoise, _hash, _normal, _site_rates
from dvplug.simulate.variants import Haplotype


@dataclass(frozen=True)
class LongSource:
    """A haplotype ready to be sequenced.

    ``run`` int32[n], length of the homopolymer that holds a base; ``slip`` float32[n], what is added to the log-odds
    that it is misread in length; ``tilt`` float32[n], what is added to the log-odds of each change of its length per
    bp; ``site_p`` float32[2, n], error rates of bases by strand, over those of the profile.
    """

    codes: Codes
    run: NDArray[np.int32]
    slip: NDArray[np.float32]
    tilt: NDArray[np.float32]
    site_p: NDArray[np.float32]


def prepare_long(codes: Codes, noise: LocusNoise, salt: int) -> LongSource:
    """Work out how a haplotype errs from place to place; ``salt`` stands for the sequencing run."""
    edges = np.flatnonzero(np.diff(codes)) + 1
    starts = np.concatenate(([0], edges))
    lengths = np.diff(np.append(starts, len(codes))).astype(np.int32)
    slip = _deviates(codes, starts, noise.indel_sd, salt, 1) - noise.indel_sd**2 / 2
    tilt = np.where(lengths >= LONG_RUN, _deviates(codes, starts, noise.tilt_sd, salt, 3), 0.0)
    site_p = _site_rates(codes, noise.site_p, noise.site_median, noise.site_sd, noise.prone, salt)
    of_base = (np.repeat(of_run.astype(np.float32), lengths) for of_run in (slip, tilt))
    return LongSource(codes, np.repeat(lengths, lengths), *of_base, site_p)


@njit(cache=True)
def _deviates(codes: Any, starts: Any, sd: float, salt: int, which: int) -> Any:
    """Normal deviates of runs, float64, that are the same wherever the sequence around is; ``which`` of several."""
    out = np.empty(len(starts))
    for i in range(len(starts)):
        out[i] = sd * _normal(_hash(codes, starts[i], salt), which)
    return out


@njit(cache=True)
def _slipping(p: float, slip: float) -> float:
    """How often a homopolymer is misread in length at a place, where those like it are with probability ``p``.

    Places differ less where most reads err: real runs of 12 bp and more are about equally bad everywhere.
    """
    odds = p / max(1.0 - p, 1e-9) * np.exp((1.0 - p) * slip)
    return odds / (1.0 + odds)


@njit(cache=True)
def _tilted(cumulative: Any, tilt: float) -> Any:
    """The table of a place where the log-odds of each change of length are higher by ``tilt`` per bp.

    At most places reads of a long homopolymer are about as often too long as too short; at some most are too long.
    """
    p = np.empty(len(cumulative))
    before = 0.0
    for k in range(len(p)):
        p[k] = (cumulative[k] - before) * np.exp(tilt * (k - (len(p) - 1) // 2))
        before = cumulative[k]
    return np.cumsum(p) / p.sum()


@njit(cache=True)
def _draw(rng: Any, cumulative: Any) -> int:
    return _find(rng.random(), cumulative)


@njit(cache=True)
def _find(draw: float, cumulative: Any) -> int:
    """Index of the first entry that is not below ``draw``."""
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] < draw:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True)
def _other(rng: Any, base: int, following: int) -> int:
    """A base that lengthens neither the homopolymer before nor the one behind: such errors are counted as theirs."""
    while True:
        drawn = int(rng.random() * 4)
        if drawn != base and drawn != following:
            return drawn


@njit(cache=True)
def _long_read(
    rng: Any, seq: Any, qual: Any, codes: Any, run: Any, slip: Any, tilt: Any, site_p: Any, low: int, high: int,
    reverse: bool, read_class: int, substitution_p: Any, substitution: Any, run_change: Any, insertion_p: Any,
    deletion_p: Any, indel_length: Any, quality: Any, run_edges: Any, previous_edges: Any,
) -> int:  # fmt: skip
    """Write the read of [low, high) of a haplotype; return its length."""
    step = -1 if reverse else 1
    strand = 1 if reverse else 0
    position = high - 1 if reverse else low
    n, previous = 0, 0
    none = (run_change.shape[3] - 1) // 2
    while low <= position < high and n + 100 + run_change.shape[3] < len(seq):
        true = codes[position]
        if true > 3:
            break
        base = 3 - true if reverse else true
        size = 0  # what is left of the homopolymer in the direction of reading
        while low <= position + step * size < high and codes[position + step * size] == true:
            size += 1
        length = min(np.int64(run[position]), run_change.shape[2] - 1)
        change = 0
        if size == run[position]:  # reads that begin inside a run read what is left of it
            table = run_change[read_class, base, length]
            if tilt[position] != 0:
                table = _tilted(table, tilt[position])
            wrong = 1.0 - (table[none] - table[none - 1])
            if rng.random() < _slipping(wrong, slip[position]):
                draw = rng.random() * wrong
                if draw >= table[none - 1]:  # longer: what no change takes up is passed over
                    draw += table[none] - table[none - 1]
                change = _find(draw, table) - none
        run_class = np.searchsorted(run_edges, length, side="right") - 1
        for k in range(max(size + change, 0)):
            at = position + step * min(k, size - 1)
            state, shown = 3 if change != 0 else 0, base
            if rng.random() < substitution_p[read_class] + site_p[strand, at]:
                state, shown = 1, _draw(rng, substitution[base])
            seq[n] = shown
            before = np.searchsorted(previous_edges, previous, side="right") - 1
            previous = _draw(rng, quality[read_class, state, run_class, before])
            qual[n] = previous
            n += 1
            if n + 100 >= len(seq):
                return n
        position += step * size
        if rng.random() < 1 - (1 - insertion_p[read_class]) ** size:
            following = codes[position] if low <= position < high else N
            following = 3 - following if reverse and following <= 3 else following
            for _ in range(_draw(rng, indel_length[0])):
                seq[n] = _other(rng, base, following)
                before = np.searchsorted(previous_edges, previous, side="right") - 1
                previous = _draw(rng, quality[read_class, 2, 0, before])
                qual[n] = previous
                n += 1
        elif rng.random() < 1 - (1 - deletion_p[read_class]) ** size:
            position += step * _draw(rng, indel_length[1])
    return n


@njit(cache=True)
def _long_fastq(
    rng: Any, codes: Any, run: Any, slip: Any, tilt: Any, site_p: Any, low: Any, high: Any, flips: Any, classes: Any,
    substitution_p: Any, substitution: Any, run_change: Any, insertion_p: Any, deletion_p: Any, indel_length: Any,
    quality: Any, run_edges: Any, previous_edges: Any, serial: int,
) -> Any:  # fmt: skip
    longest = 0
    total = 0
    for k in range(len(low)):
        size = (high[k] - low[k]) * 5 // 4 + 400
        longest = max(longest, size)
        total += 2 * size + NAME_DIGITS + 8
    out = np.empty(total, np.uint8)
    seq, qual = np.empty(longest, np.uint8), np.empty(longest, np.uint8)
    at = 0
    for k in range(len(low)):
        size = (high[k] - low[k]) * 5 // 4 + 400
        n = _long_read(
            rng, seq[:size], qual[:size], codes, run, slip, tilt, site_p, low[k], high[k], flips[k], classes[k],
            substitution_p, substitution, run_change, insertion_p, deletion_p, indel_length, quality, run_edges,
            previous_edges,
        )  # fmt: skip
        if n < 50:
            continue
        out[at], out[at + 1] = ord("@"), ord("r")
        number = serial + k
        for digit in range(NAME_DIGITS):
            out[at + 1 + NAME_DIGITS - digit] = 48 + number % 10
            number //= 10
        at += NAME_DIGITS + 2
        out[at] = 10
        at += 1
        for i in range(n):
            out[at + i] = b"ACGTN"[seq[i]]
        at += n
        out[at], out[at + 1], out[at + 2] = 10, 43, 10
        at += 3
        for i in range(n):
            out[at + i] = qual[i] + 33
        at += n
        out[at] = 10
        at += 1
    return out[:at]


def read_spans(
    haplotype: Haplotype,
    profile: ContextProfile,
    blocks: tuple[NDArray[np.int64], NDArray[np.float64]],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Draw where the reads of one haplotype of two lie: starts, ends (int64[k], sorted) and templates.

    Parameters
    ----------
    blocks
        Starts on the reference and depths of both haplotypes together, as in `simulate.reads`.
    """
    codes = haplotype.codes
    most = blocks[1].max()
    mean = profile.length.mean()
    count = rng.poisson(most / 2 * (len(codes) + mean) / mean)
    template = rng.integers(0, len(profile.length), count)
    middle = rng.random(count) * len(codes)
    low = np.clip(middle - profile.length[template] / 2, 0, len(codes)).astype(np.int64)
    high = np.clip(middle + profile.length[template] / 2, 0, len(codes)).astype(np.int64)
    depth = blocks[1][
        np.searchsorted(blocks[0], haplotype.to_reference(middle.astype(np.int64)), side="right") - 1
    ]
    shortest = min(200.0, mean / 3)  # what is cut off at a contig's end is no read
    kept = (
        (rng.random(count) < depth / most) & (high - low > shortest) & (codes[middle.astype(np.int64)] != N)
    )
    low, high, template = low[kept], high[kept], template[kept]
    unknown = np.concatenate(([-1], np.flatnonzero(codes == N), [len(codes)]))
    after = np.searchsorted(unknown, (low + high) // 2)  # reads end where N begins
    low, high = np.maximum(low, unknown[after - 1] + 1), np.minimum(high, unknown[after])
    order = np.argsort(low, kind="stable")
    return low[order], high[order], template[order]


def long_fastq_batches(
    source: LongSource,
    spans: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    profile: ContextProfile,
    rng: np.random.Generator,
    serial: int,
    batch: int = 500,
) -> Iterator[NDArray[np.uint8]]:
    """Yield FASTQ text (uint8 arrays) of the reads, ``batch`` at a time."""
    low, high, template = spans
    for begin in range(0, len(low), batch):
        part = slice(begin, begin + batch)
        yield _long_fastq(
            rng, source.codes, source.run, source.slip, source.tilt, source.site_p, low[part], high[part],
            rng.random(len(low[part])) < 0.5, profile.read_class[template[part]], profile.substitution_p,
            profile.substitution, profile.run_change, profile.insertion_p, profile.deletion_p, profile.indel_length,
            profile.quality, RUN_EDGES, PREVIOUS_EDGES, serial + begin,
        )  # fmt: skip
