"""Unpaired reads from haplotypes: errors by homopolymer and place, FASTQ bytes made in Numba.

`prepare_long` a haplotype, draw `read_spans` on it, and take the text of `long_fastq_batches` to a mapper. What the
reads are like comes from a `dvplug.simulate.learn.context.ContextProfile`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.kernel import kernel, subkernel
from dvplug.simulate.balance import AlleleBalance
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.fastq import RECORD_BYTES, write_name, write_plus
from dvplug.simulate.genome import Codes, N
from dvplug.simulate.learn.context import ContextProfile
from dvplug.simulate.learn.error_counts import (
    INSERTED,
    LONG_RUN,
    PLAIN,
    PREVIOUS_EDGES,
    RUN_EDGES,
    SLIPPED,
    SUBSTITUTED,
)
from dvplug.simulate.locus_noise import LocusNoise, hash_around, normal_of, site_rates
from dvplug.simulate.variants import HaplotypeSequence

SPARE = 100
"""bp that are kept free at the end of a read's arrays, more than any error inserts at once."""
AS_DRAWN = np.arange(256, dtype=np.uint8)
SHORTEST = 50
"""Reads of fewer bp are not written; nor, of shorter ones, those that have less than half of the usual length."""
LEAST_QUALITY = 2


class LongSource(NamedTuple):
    """A haplotype ready to be sequenced in single reads."""

    codes: Codes  # uint8[n]
    run: NDArray[np.int32]  # [n], bp of the homopolymer that holds a base
    slip: NDArray[np.float32]  # [n], added to the log-odds that it is misread in length
    tilt: NDArray[np.float32]  # [n], added to the log-odds of each change of its length, per bp
    site_p: NDArray[np.float32]  # [2, n], error rates of bases by strand, over those of the profile


class ReadSpans(NamedTuple):
    """Where reads lie on a haplotype, sorted by start, and which read of the profile each is like."""

    start: NDArray[np.int64]  # [k]
    end: NDArray[np.int64]  # [k]
    template: NDArray[np.int64]  # [k]
    reverse: NDArray[np.bool_] | None = (
        None  # [k], of the reverse strand; drawn when they are read where None
    )


class _Tables(NamedTuple):
    """How reads err, and the classes that qualities depend on: arrays of a `ContextProfile`."""

    substitution_p: NDArray[np.float64]  # [classes], per base
    substitution: NDArray[np.float64]  # [4, 4], cumulative
    run_change: NDArray[np.float64]  # [classes, 4, lengths, changes], cumulative
    insertion_p: NDArray[np.float64]  # [classes], per base
    deletion_p: NDArray[np.float64]  # [classes], per base
    indel_length: NDArray[np.float64]  # [2, lengths], cumulative
    quality: NDArray[np.float32]  # [classes, states, runs, previous, qualities], cumulative
    run_edges: NDArray[np.int64]  # [runs]
    previous_edges: NDArray[np.int64]  # [previous]
    colour_p: NDArray[np.float64]  # [classes], per base
    colour_mended_p: NDArray[np.float64]  # [1], per base
    along: NDArray[np.float64]  # [parts], times as often as in the whole read
    fall: NDArray[np.int64]  # [parts], by how much lower qualities are there


class _Reads(NamedTuple):
    """The reads of one batch."""

    low: NDArray[np.int64]  # [k], first base on the haplotype
    high: NDArray[np.int64]  # [k], end
    reverse: NDArray[np.bool_]  # [k]
    read_class: NDArray[np.int64]  # [k]


class _Read(NamedTuple):
    """One of them."""

    low: int
    high: int
    reverse: bool
    read_class: int


def prepare_long(codes: Codes, noise: LocusNoise, salt: int) -> LongSource:
    """Work out how a haplotype errs from place to place; ``salt`` stands for the sequencing run."""
    edges = np.flatnonzero(np.diff(codes)) + 1
    starts = np.concatenate(([0], edges))
    lengths = np.diff(np.append(starts, len(codes))).astype(np.int32)
    slip = _deviates(codes, starts, noise.indel_sd, salt, 1) - noise.indel_sd**2 / 2
    tilt = np.where(lengths >= LONG_RUN, _deviates(codes, starts, noise.tilt_sd, salt, 3), 0.0)
    slip_of_base, tilt_of_base = (np.repeat(of_run.astype(np.float32), lengths) for of_run in (slip, tilt))
    site_p = site_rates(codes, noise, salt)
    return LongSource(codes, np.repeat(lengths, lengths), slip_of_base, tilt_of_base, site_p)


@kernel
def _deviates(
    codes: Codes, starts: NDArray[np.int64], sd: float, salt: int, which: int
) -> NDArray[np.float64]:
    """Normal deviates of runs, float64[runs], the same wherever the sequence around is; ``which`` of several."""
    out = np.empty(len(starts))
    for i in range(len(starts)):
        out[i] = sd * normal_of(hash_around(codes, starts[i], salt), which)
    return out


@subkernel
def slipping_p(p: float, slip: float) -> float:
    """How often a homopolymer is misread in length at a place, where those like it are with probability ``p``.

    ``slip`` is what the place adds to the log-odds. Places differ less where most reads err: real runs of 12 bp and
    more are about equally bad everywhere.
    """
    odds = p / max(1.0 - p, 1e-9) * np.exp((1.0 - p) * slip)
    return odds / (1.0 + odds)


@kernel
def tilted(cumulative: NDArray[np.float64], tilt: float) -> NDArray[np.float64]:
    """The table of a place where the log-odds of each change of length are higher by ``tilt`` per bp.

    ``cumulative`` and what is returned are float64[changes], of changes around 0. At most places reads of a long
    homopolymer are about as often too long as too short; at some most are too long.
    """
    p = np.empty(len(cumulative))
    before = 0.0
    for k in range(len(p)):
        p[k] = (cumulative[k] - before) * np.exp(tilt * (k - (len(p) - 1) // 2))
        before = cumulative[k]
    return np.cumsum(p) / p.sum()


@subkernel
def _find(draw: float, cumulative: NDArray[np.floating]) -> int:
    """Index of the first entry that is not below ``draw``."""
    low, high = 0, len(cumulative) - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] < draw:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _draw(rng: np.random.Generator, cumulative: NDArray[np.floating]) -> int:
    return _find(rng.random(), cumulative)


@subkernel
def _other(rng: np.random.Generator, base: int, following: int) -> int:
    """A base that lengthens neither the homopolymer before nor the one behind: such errors are counted as theirs."""
    while True:
        drawn = int(rng.random() * 4)
        if drawn != base and drawn != following:
            return drawn


@subkernel
def _length_change(rng: np.random.Generator, table: NDArray[np.float64], slip: float, tilt: float) -> int:
    """How many bases longer a read shows a homopolymer than it is; ``table`` is P(change), cumulative."""
    none = (len(table) - 1) // 2
    if tilt != 0:
        table = tilted(table, tilt)
    wrong = 1.0 - (table[none] - table[none - 1])
    if rng.random() >= slipping_p(wrong, slip):
        return 0
    draw = rng.random() * wrong
    if draw >= table[none - 1]:  # longer: what no change takes up is passed over
        draw += table[none] - table[none - 1]
    return _find(draw, table) - none


@subkernel
def _class_of(value: int, edges: NDArray[np.int64]) -> int:
    """Which of the classes, each from one of the ``edges`` on, a value belongs to."""
    return np.searchsorted(edges, value, side="right") - 1


@subkernel
def _at(parts: NDArray[Any], base: int, length: int) -> Any:
    """The value of the part of a read, of about ``length`` bp, in which a base lies."""
    return parts[min(base * len(parts) // length, len(parts) - 1)]


@subkernel
def _write_read(
    rng: np.random.Generator,
    source: LongSource,
    tables: _Tables,
    read: _Read,
    seq: NDArray[np.uint8],
    qual: NDArray[np.uint8],
) -> int:
    """Write base codes and qualities of one read, in sequencing order; return its length."""
    low, high, of = read.low, read.high, read.read_class
    # Each array is taken out of its tuple once: in the loop that costs time.
    codes, run, slip, tilt, site_p = source
    quality, run_edges, previous_edges = tables.quality[of], tables.run_edges, tables.previous_edges
    run_change, substitution, indel_length = tables.run_change[of], tables.substitution, tables.indel_length
    substitution_p = tables.substitution_p[of]
    insertion_p, deletion_p, along = tables.insertion_p[of], tables.deletion_p[of], tables.along
    step, strand = (-1, 1) if read.reverse else (1, 0)
    position = high - 1 if read.reverse else low
    n, previous = 0, 0
    while low <= position < high and n + SPARE + run_change.shape[2] < len(seq):
        true = codes[position]
        if true > 3:
            break
        base = 3 - true if read.reverse else true
        size = 0  # what is left of the homopolymer in the direction of reading
        while low <= position + step * size < high and codes[position + step * size] == true:
            size += 1
        length = min(np.int64(run[position]), run_change.shape[1] - 1)
        change = 0
        if size == run[position]:  # reads that begin inside a run read what is left of it
            table = run_change[base, length]
            change = _length_change(rng, table, slip[position], tilt[position])
        run_class = _class_of(length, run_edges)
        for k in range(max(size + change, 0)):
            at = position + step * min(k, size - 1)
            state, shown = SLIPPED if change != 0 else PLAIN, base
            if rng.random() < substitution_p * _at(along, n, high - low) + site_p[strand, at]:
                state, shown = SUBSTITUTED, _draw(rng, substitution[base])
            seq[n] = shown
            before = _class_of(previous, previous_edges)
            previous = _draw(rng, quality[state, run_class, before])
            qual[n] = previous
            n += 1
            if n + SPARE >= len(seq):
                return n
        position += step * size
        if rng.random() < 1 - (1 - insertion_p) ** size:
            following = codes[position] if low <= position < high else N
            following = 3 - following if read.reverse and following <= 3 else following
            for _ in range(_draw(rng, indel_length[0])):
                seq[n] = _other(rng, base, following)
                before = _class_of(previous, previous_edges)
                previous = _draw(rng, quality[INSERTED, 0, before])
                qual[n] = previous
                n += 1
        elif rng.random() < 1 - (1 - deletion_p) ** size:
            position += step * _draw(rng, indel_length[1])
    return n


@subkernel
def _miscolour(
    rng: np.random.Generator, tables: _Tables, read: _Read, seq: NDArray[np.uint8], qual: NDArray[np.uint8]
) -> None:
    """Decode a read's colours wrong here and there, and lower its qualities along it; both in place.

    A colour is the step from one base to the next, a bitwise "exclusive or" of their codes. So after a wrong one all
    bases are off by one step, until the decoding is right again. The first of them has the quality of a wrong base; the
    others have good ones, as their own colours are right.
    """
    of, off = read.read_class, 0
    colour_p, mended_p = tables.colour_p[of], tables.colour_mended_p[0]
    for i in range(len(seq)):
        if off > 0 and rng.random() < mended_p:
            off = 0
        if off == 0 and rng.random() < colour_p * _at(tables.along, i, read.high - read.low):
            off = 1 + int(rng.random() * 3)
            qual[i] = _draw(rng, tables.quality[of, SUBSTITUTED, 0, 0])
        seq[i] ^= off
        lowest, highest = min(np.int64(qual[i]), LEAST_QUALITY), tables.quality.shape[4] - 1
        qual[i] = min(max(np.int64(qual[i]) - _at(tables.fall, i, read.high - read.low), lowest), highest)


@subkernel
def _room(reads: _Reads, k: int) -> int:
    """bp that a read may take."""
    return (reads.high[k] - reads.low[k]) * 5 // 4 + 4 * SPARE


@kernel
def _fastq(
    rng: np.random.Generator,
    source: LongSource,
    tables: _Tables,
    reads: _Reads,
    serial: int,
    told: NDArray[np.uint8],
    shortest: int,
) -> NDArray[np.uint8]:
    """FASTQ text of the reads, uint8[bytes], named from ``serial`` on; ``told``, uint8[256], of each quality.

    Reads of fewer than ``shortest`` bp are left out.
    """
    coloured = tables.colour_p.max() > 0 or tables.fall.max() > 0
    longest, total = 0, 0
    for k in range(len(reads.low)):
        longest = max(longest, _room(reads, k))
        total += 2 * _room(reads, k) + RECORD_BYTES
    out = np.empty(total, np.uint8)
    seq, qual = np.empty(longest, np.uint8), np.empty(longest, np.uint8)
    at = 0
    for k in range(len(reads.low)):
        room = _room(reads, k)
        read = _Read(reads.low[k], reads.high[k], reads.reverse[k], reads.read_class[k])
        n = _write_read(rng, source, tables, read, seq[:room], qual[:room])
        if n < shortest:
            continue
        if coloured:
            _miscolour(rng, tables, read, seq[:n], qual[:n])
        at = write_name(out, at, serial + k)
        for i in range(n):
            out[at + i] = b"ACGTN"[seq[i]]
        at = write_plus(out, at + n)
        for i in range(n):
            out[at + i] = told[qual[i]] + 33
        at += n
        out[at] = 10
        at += 1
    return out[:at]


def read_spans(
    haplotype: HaplotypeSequence,
    profile: ContextProfile,
    blocks: DepthBlocks,
    rng: np.random.Generator,
    balance: AlleleBalance | None = None,
) -> ReadSpans:
    """Draw where the reads of one haplotype of two lie; ``blocks`` plan the depth of both together.

    ``balance`` says how much deeper or less deep this haplotype is sequenced than the mean of both.
    """
    codes = haplotype.codes
    most = blocks.depth.max() * (balance.factor.max() if balance is not None else 1.0)
    mean = profile.length.mean()
    count = rng.poisson(most / 2 * (len(codes) + mean) / mean)
    template = rng.integers(0, len(profile.length), count)
    middle = rng.random(count) * len(codes)
    low = np.clip(middle - profile.length[template] / 2, 0, len(codes)).astype(np.int64)
    high = np.clip(middle + profile.length[template] / 2, 0, len(codes)).astype(np.int64)
    on_reference = haplotype.to_reference(middle.astype(np.int64))
    depth = blocks.depth_at(on_reference)
    if balance is not None:
        depth = depth * balance.factor_at(on_reference)
    shortest = min(200.0, mean / 3)  # what is cut off at a contig's end is no read
    kept = (
        (rng.random(count) < depth / most) & (high - low > shortest) & (codes[middle.astype(np.int64)] != N)
    )
    low, high, template = low[kept], high[kept], template[kept]
    unknown = np.concatenate(([-1], np.flatnonzero(codes == N), [len(codes)]))
    after = np.searchsorted(unknown, (low + high) // 2)  # reads end where N begins
    low, high = np.maximum(low, unknown[after - 1] + 1), np.minimum(high, unknown[after])
    order = np.argsort(low, kind="stable")
    return ReadSpans(low[order], high[order], template[order])


def long_fastq_batches(
    source: LongSource,
    spans: ReadSpans,
    profile: ContextProfile,
    rng: np.random.Generator,
    serial: int,
    batch: int = 500,
    told: NDArray[np.uint8] = AS_DRAWN,
) -> Iterator[NDArray[np.uint8]]:
    """Yield FASTQ text (uint8[bytes]) of the reads, ``batch`` at a time, named by numbers from ``serial`` on.

    ``told`` is what is written for each quality, uint8[256].
    """
    tables = _Tables(
        profile.substitution_p, profile.substitution, profile.run_change, profile.insertion_p, profile.deletion_p,
        profile.indel_length, profile.quality, RUN_EDGES, PREVIOUS_EDGES, profile.colour_p, profile.colour_mended_p,
        profile.along, np.rint(10 * np.log10(profile.along)).astype(np.int64),
    )  # fmt: skip
    shortest = min(SHORTEST, int(profile.length.mean()) // 2)
    for begin in range(0, len(spans.start), batch):
        part = slice(begin, begin + batch)
        low, high, template = spans.start[part], spans.end[part], spans.template[part]
        reverse = rng.random(len(low)) < 0.5 if spans.reverse is None else spans.reverse[part]
        reads = _Reads(low, high, reverse, profile.read_class[template])
        yield _fastq(rng, source, tables, reads, serial + begin, told, shortest)
