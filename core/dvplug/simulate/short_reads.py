"""Paired reads from haplotypes: empirical templates, per-locus errors, FASTQ bytes made in Numba."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from dvplug.simulate.genome import Codes, N, encode, find_tracts
from dvplug.simulate.learn.profile import LONGEST_TRACT, RATE_TRACTS, Profile
from dvplug.simulate.variants import Haplotype

ADAPTERS = np.stack(
    [
        encode("AGATCGGAAGAGCACACGTCTGAACTCCAGTCACNNNNNNATCTCGTATGCCGTCTTCTGCTTGAAAA" + "A" * 60),
        encode("AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGTAGATCTCGGTGGTCGCCGTATCATTAAAAAAAAAA" + "A" * 60),
    ]
)
NAME_DIGITS = 10


@dataclass(frozen=True)
class LocusNoise:
    """How errors vary from place to place.

    ``indel_sd``: SD of the natural logarithm of the indel rate of a tandem repeat (mean kept),
    ``short_indel_sd`` of one under 6 bp;
    ``site_p``: share of positions, per strand, where reads err alike; ``site_median``, ``site_sd``:
    median and SD of the logarithm of their error rates; ``prone``: times more such sites after GG and after
    runs of 4 equal bases; ``tilt_sd``: SD of what a bp more adds to the log-odds of each length that reads show of a
    long homopolymer (only of unpaired reads; see `simulate.long_reads`).
    """

    indel_sd: float = 0.9
    short_indel_sd: float = 1.5
    site_p: float = 0.022
    site_median: float = 0.02
    site_sd: float = 0.85
    prone: float = 4.0
    tilt_sd: float = 0.0


@njit(cache=True)
def _hash(codes: Codes, centre: int, salt: int) -> int:
    """Hash 21 bases around a position (64-bit FNV-like), so that equal sequence errs alike."""
    h = np.uint64(1469598103934665603) ^ np.uint64(salt)
    for i in range(max(centre - 10, 0), min(centre + 11, codes.size)):
        h = (h ^ np.uint64(codes[i] + 1)) * np.uint64(1099511628211)
        h ^= h >> np.uint64(29)
    return h


@njit(cache=True)
def _uniform(h: int, which: int) -> float:
    """Turn a hash into one of several independent uniform numbers in (0, 1)."""
    x = h + np.uint64(which) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (float(x >> np.uint64(11)) + 0.5) / 9007199254740992.0


@njit(cache=True)
def _normal(h: int, which: int) -> float:
    """Turn a hash into a standard normal number (Box-Muller)."""
    return np.sqrt(-2.0 * np.log(_uniform(h, which))) * np.cos(2 * np.pi * _uniform(h, which + 1))


@njit(cache=True)
def _tract_rates(codes, start, length, unit, deletion_p, insertion_p, sd, short_sd, salt):
    """Return per-tract deletion and insertion rates, float32[n], spread log-normally with the mean kept."""
    n = start.size
    out = np.empty((n, 2), dtype=np.float32)
    for i in range(n):
        h = _hash(codes, start[i], salt)
        here = sd if length[i] >= 6 else short_sd
        spread = np.exp(here * _normal(h, 1) - here * here / 2)
        size = min(length[i], deletion_p.shape[1] - 1)
        out[i, 0] = min(deletion_p[unit[i], size] * spread, 0.35)
        out[i, 1] = min(insertion_p[unit[i], size] * spread, 0.25)
    return out


@njit(cache=True)
def _site_rates(codes, site_p, median, sd, prone, salt):
    """Return error rates by strand, float32[2, n]; 0 almost everywhere."""
    n = codes.size
    rates = np.zeros((2, n), dtype=np.float32)
    for strand in range(2):
        step = 1 - 2 * strand
        for p in range(5, n - 5):
            b, c, d, e = codes[p - step], codes[p - 2 * step], codes[p - 3 * step], codes[p - 4 * step]
            guanine = 2 if strand == 0 else 1
            factor = prone if (b == guanine and c == guanine) or (b == c and c == d and d == e) else 1.0
            h = _hash(codes, p, salt + 7919 * (strand + 1))
            if _uniform(h, 3) < site_p * factor:
                rates[strand, p] = min(median * np.exp(sd * _normal(h, 4)), 0.4)
    return rates


@dataclass(frozen=True)
class Source:
    """A haplotype ready to be sequenced: where it slips (tracts, from either side) and errs (sites)."""

    codes: Codes
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    unit: NDArray[np.int64]
    length: NDArray[np.int64]
    slip_p: NDArray[np.float32]
    site_p: NDArray[np.float32]


def prepare(codes: Codes, profile: Profile, noise: LocusNoise, salt: int) -> Source:
    """Work out a haplotype's per-locus error rates; ``salt`` stands for the sequencing run."""
    tracts = find_tracts(codes, RATE_TRACTS)
    order = np.argsort(tracts.unit, kind="stable")
    start, length, unit = tracts.start[order], tracts.length[order], tracts.unit[order]
    first = np.full(len(codes), -1, dtype=np.int32)
    last = np.full(len(codes), -1, dtype=np.int32)
    index = np.arange(len(start), dtype=np.int32)
    first[start] = index
    last[start + length - 1] = index
    slip_p = _tract_rates(
        codes, start, length, unit, profile.deletion_p, profile.insertion_p,
        noise.indel_sd, noise.short_indel_sd, salt,
    )  # fmt: skip
    site_p = _site_rates(codes, noise.site_p, noise.site_median, noise.site_sd, noise.prone, salt)
    return Source(codes, first, last, unit, np.minimum(length, 10 * LONGEST_TRACT), slip_p, site_p)


@njit(cache=True)
def _read(
    rng, out, at, codes, first, last, unit, length, slip_p, site_p, substitution, recurrent_q,
    low, high, reverse, mate, quality, state, size, adapters,
):  # fmt: skip
    """Write one read's bases and qualities at out[at:] and out[at + size + 3:]."""
    step = -1 if reverse else 1
    strand = 1 if reverse else 0
    position = high - 1 if reverse else low
    low_end, high_end = low, high
    back_at, back_to, past = -1, 0, 0
    elsewhere = False
    i = 0
    while i < size:
        if state[i] == 2 and not elsewhere:
            elsewhere = True
            low_end, high_end = 0, codes.size
            position = size + int(rng.random() * (codes.size - 2 * size))
            step = 1 if rng.random() < 0.5 else -1
            strand = 0 if step == 1 else 1
        elif state[i] != 2 and elsewhere:
            elsewhere = False
            low_end, high_end = low, high
            step = -1 if reverse else 1
            strand = 1 if reverse else 0
            position = high - 1 - i if reverse else low + i
        if i == back_at:
            position = back_to
            back_at = -1
        elif back_at < 0 and low_end <= position < high_end:
            tract = first[position] if step == 1 else last[position]
            if tract >= 0:
                draw = rng.random()
                if draw < slip_p[tract, 0]:
                    units = 1
                    while rng.random() < 0.15:
                        units += 1
                    position += step * min(units * unit[tract], length[tract])
                elif draw < slip_p[tract, 0] + slip_p[tract, 1]:
                    back_at, back_to = i + unit[tract], position
        q = quality[i]
        if low_end <= position < high_end:
            base = codes[position]
            if step == -1 and base < 4:
                base = 3 - base
            rate = site_p[strand, position]
            if state[i] == 1 and base < 4:
                draw = rng.random()
                wrong = 0
                while wrong < 3 and draw > substitution[base, wrong]:
                    wrong += 1
                base = wrong
            elif rate > 0 and base < 4 and rng.random() < rate:
                before = position - step
                neighbour = codes[before] if 0 <= before < codes.size else 4
                if step == -1 and neighbour < 4:
                    neighbour = 3 - neighbour
                base = neighbour if neighbour != base and neighbour < 4 else (base + 2) % 4
                q = recurrent_q[int(rng.random() * recurrent_q.size)]
        else:
            base = adapters[mate, min(past, adapters.shape[1] - 1)]
            past += 1
        if state[i] == 3:
            base = int(rng.random() * 4)
        out[at + i] = b"ACGTN"[base]
        out[at + size + 3 + i] = q + 33
        position += step
        i += 1


@njit(cache=True)
def _fastq(
    rng, codes, first, last, unit, length, slip_p, site_p, substitution, recurrent_q,
    starts, templates, flips, fragment, quality, state, read_length, discordant_p, adapters, serial,
):  # fmt: skip
    """Return interleaved FASTQ text of one pair per start, uint8[bytes]."""
    total = 0
    for k in range(starts.size):
        t = templates[k]
        total += 2 * (read_length[t, 0] + read_length[t, 1]) + 2 * (NAME_DIGITS + 7)
    out = np.empty(total, dtype=np.uint8)
    at = 0
    for k in range(starts.size):
        t = templates[k]
        low, high = starts[k], starts[k] + fragment[t]
        apart = rng.random() < discordant_p
        for mate in range(2):
            if apart and mate == 1:
                low = int(rng.random() * (codes.size - fragment[t]))
                high = low + fragment[t]
            size = read_length[t, mate]
            out[at] = ord("@")
            out[at + 1] = ord("r")
            number = serial + k
            for digit in range(NAME_DIGITS):
                out[at + 1 + NAME_DIGITS - digit] = 48 + number % 10
                number //= 10
            at += NAME_DIGITS + 2
            out[at] = 10
            at += 1
            _read(
                rng, out, at, codes, first, last, unit, length, slip_p, site_p, substitution, recurrent_q,
                low, high, (mate == 1) != flips[k], mate, quality[t, mate], state[t, mate], size, adapters,
            )  # fmt: skip
            at += size
            out[at], out[at + 1], out[at + 2] = 10, 43, 10
            at += size + 3
            out[at] = 10
            at += 1
    return out[:at]


def depth_blocks(
    length: int, rng: np.random.Generator, depths: tuple[float, float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cut a contig into blocks of 50-100 kb with depths drawn log-uniformly from a range.

    Returns the starts int64[k] and depths float64[k].
    """
    starts = np.concatenate(([0], np.cumsum(rng.integers(50_000, 100_000, length // 50_000 + 1))))
    starts = starts[starts < length]
    return starts, np.exp(rng.uniform(*np.log(depths), len(starts)))


CAPTURE_SD = 0.6
"""SD of the natural logarithm of a real exome's depth at targets: a fold-80 penalty (Picard) of 2."""
SHOULDER = 100
"""bp on either side of a target where depth falls off."""


def capture_blocks(
    length: int, rng: np.random.Generator, depths: tuple[float, float], typical: float | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Lay capture targets on a contig: 250-550 bp, 1 kb apart on average.

    Their depths are log-normal around the ``typical`` one, as in an exome, or without it log-uniform, and in a range.
    Fewer fragments lie on either side of a target, and none in between. Returns the starts int64[k] and depths
    float64[k] of blocks: target, two shoulders, gap.
    """
    starts, values = [0], [0.0]
    at = int(rng.exponential(750)) + 250
    while at + 1000 < length:
        size = int(rng.integers(250, 550))
        log = rng.normal(np.log(typical), CAPTURE_SD) if typical else rng.uniform(*np.log(depths))
        depth = float(np.clip(np.exp(log), *depths))
        starts += [at - SHOULDER, at, at + size, at + size + SHOULDER]
        values += [0.3 * depth, depth, 0.3 * depth, 0.0]
        at += size + 450 + int(rng.exponential(750))
    return np.array(starts), np.array(values)


def fragment_starts(
    haplotype: Haplotype,
    profile: Profile,
    blocks: tuple[NDArray[np.int64], NDArray[np.float64]],
    ripple: NDArray[np.float64],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Draw where fragments start on one haplotype of two, sorted, int64[k].

    Parameters
    ----------
    blocks
        Starts on the reference and depths of both haplotypes together.
    ripple
        float64[reference length // 1000 + 1], local factor on the depth.
    """
    grid = 100
    codes = haplotype.codes
    bins = np.arange(0, len(codes) - 2 * grid, grid)
    gc = np.add.reduceat((codes == 1) | (codes == 2), bins) / grid
    gc = np.convolve(gc, np.ones(4) / 4, mode="same")
    unknown = np.convolve(np.add.reduceat(codes == N, bins), np.ones(7), mode="same") > 0
    on_reference = haplotype.to_reference(bins)
    depth = blocks[1][np.searchsorted(blocks[0], on_reference, side="right") - 1]
    bias = np.exp(-(((gc - 0.45) / 0.3) ** 2))
    weight = np.where(unknown, 0.0, bias * ripple[np.minimum(on_reference // 1000, len(ripple) - 1)])
    weight /= max(weight[~unknown].mean(), 1e-9) if (~unknown).any() else 1.0
    per_pair = np.minimum(profile.length, profile.fragment[:, None]).sum(axis=1).mean()
    counts = rng.poisson(depth / 2 * grid / per_pair * weight)
    starts = np.repeat(bins, counts) + rng.integers(0, grid, counts.sum())
    return np.sort(starts[starts < len(codes) - 1600])


def ripple(length: int, rng: np.random.Generator, sd: float = 0.12) -> NDArray[np.float64]:
    """Return smooth random factors on the depth, one per 1000 bp, log-normal with the given SD."""
    noise = np.convolve(rng.normal(size=length // 1000 + 8), np.ones(5) / np.sqrt(5), mode="same")
    return np.exp(sd * noise)


def fastq_batches(
    source: Source,
    starts: NDArray[np.int64],
    profile: Profile,
    rng: np.random.Generator,
    serial: int,
    batch: int = 50_000,
):
    """Yield FASTQ text (uint8 arrays) of the pairs that start at ``starts``, ``batch`` pairs at a time."""
    for begin in range(0, len(starts), batch):
        part = starts[begin : begin + batch]
        templates = rng.integers(0, len(profile.fragment), len(part))
        yield _fastq(
            rng, source.codes, source.first, source.last, source.unit, source.length, source.slip_p,
            source.site_p,
            profile.substitution, profile.recurrent_q, part, templates, rng.random(len(part)) < 0.5,
            profile.fragment, profile.quality, profile.state, profile.length, profile.discordant_p,
            ADAPTERS, serial + begin,
        )  # fmt: skip
