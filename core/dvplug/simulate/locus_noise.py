"""How errors vary from place to place: drawn from the sequence around, so that equal sequence errs alike in every read.

Nothing is drawn at random here. The bases around a position are hashed, and the hash is turned into numbers: a
haplotype's hard places stay where they are, whatever is sequenced beside them and however reads are cut into batches.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.kernel import kernel, subkernel
from dvplug.simulate.genome import Codes


class LocusNoise(NamedTuple):
    """How much places differ in how often reads err at them.

    Attributes
    ----------
    indel_sd, short_indel_sd
        SD of the natural logarithm of the indel rate of a tandem repeat of 6 bp or more, and of a shorter one. The
        mean is kept.
    site_p
        Share of positions, per strand, where reads err alike.
    site_median, site_sd
        Median of the error rates of such positions, and SD of their natural logarithm.
    prone
        Times more such positions after GG and after runs of 4 equal bases.
    tilt_sd
        SD of what a bp more adds to the log-odds of each length that reads show of a long homopolymer; only of
        unpaired reads (see `dvplug.simulate.long_reads`).
    """

    indel_sd: float = 0.9
    short_indel_sd: float = 1.5
    site_p: float = 0.022
    site_median: float = 0.02
    site_sd: float = 0.85
    prone: float = 4.0
    tilt_sd: float = 0.0


@kernel
def hash_around(codes: Codes, centre: int, salt: int) -> int:
    """Hash the 21 bases around a position, of base codes uint8[n], to 64 bits (FNV-like)."""
    h = np.uint64(1469598103934665603) ^ np.uint64(salt)
    for i in range(max(centre - 10, 0), min(centre + 11, codes.size)):
        h = (h ^ np.uint64(codes[i] + 1)) * np.uint64(1099511628211)
        h ^= h >> np.uint64(29)
    return h


@kernel
def uniform_of(h: int, which: int) -> float:
    """Turn a hash into one of several independent uniform numbers in (0, 1)."""
    x = h + np.uint64(which) * np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    return (float(x >> np.uint64(11)) + 0.5) / 9007199254740992.0


@subkernel
def normal_of(h: int, which: int) -> float:
    """Turn a hash into a standard normal number (Box-Muller), made of the uniform ones ``which`` and the next."""
    return np.sqrt(-2.0 * np.log(uniform_of(h, which))) * np.cos(2 * np.pi * uniform_of(h, which + 1))


@kernel
def site_rates(codes: Codes, noise: LocusNoise, salt: int) -> NDArray[np.float32]:
    """Error rates of positions where reads err alike, by strand, float32[2, n]; 0 almost everywhere.

    ``codes`` are base codes, uint8[n]; ``salt`` stands for the sequencing run.
    """
    n = codes.size
    rates = np.zeros((2, n), dtype=np.float32)
    for strand in range(2):
        step = 1 - 2 * strand
        for p in range(5, n - 5):
            b, c, d, e = codes[p - step], codes[p - 2 * step], codes[p - 3 * step], codes[p - 4 * step]
            guanine = 2 if strand == 0 else 1
            is_prone = (b == guanine and c == guanine) or (b == c and c == d and d == e)
            factor = noise.prone if is_prone else 1.0
            h = hash_around(codes, p, salt + 7919 * (strand + 1))
            if uniform_of(h, 3) < noise.site_p * factor:
                rates[strand, p] = min(noise.site_median * np.exp(noise.site_sd * normal_of(h, 4)), 0.4)
    return rates
