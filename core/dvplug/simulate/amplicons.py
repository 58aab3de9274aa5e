"""Amplicons: fragments that all begin at one primer and end at another.

The molecules of a contig are laid one after another on a sequence of their own, which is then sequenced as a haplotype
would be. Their ends are the primers', whatever the genome has there; and where it has something else, fewer molecules
of that haplotype are made.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.simulate.depths import CAPTURE_SD
from dvplug.simulate.genome import Codes, N
from dvplug.simulate.variants import HaplotypeSequence
from dvplug.simulate.world import LibraryWorld

PANEL = (1, 25)
"""Amplicons that follow on one another."""
APART = 1500
"""Mean bp from one such row to the next."""
DEPTHS = (5.0, 5000.0)
EDGE = 1000
"""bp at either end of a contig that have none."""
DROPOUT = (0.05, 0.6)
"""Share of the molecules that is made of a haplotype that differs from a primer."""
SPACER = 2
"""Unknown bases between molecules, so that no repeat reaches from one into the next."""


class Amplicons(NamedTuple):
    """Amplicons of a contig, sorted by start."""

    start: NDArray[np.int64]  # [n], bp on the reference, first base of the left primer
    end: NDArray[np.int64]  # [n], end of the right primer
    depth: NDArray[np.float64]  # [n], reads over a position, of both haplotypes together
    primer: int  # bp

    def inserts(self) -> list[tuple[int, int]]:
        """Return what lies between the primers of each: where the genome itself is read."""
        return [
            (int(s) + self.primer, int(e) - self.primer) for s, e in zip(self.start, self.end, strict=True)
        ]


class Molecules(NamedTuple):
    """The molecules of one haplotype's amplicons, one of each, and how many are to be read."""

    codes: Codes  # uint8[m], all of them with unknown bases between
    start: NDArray[np.int64]  # [n], on ``codes``
    length: NDArray[np.int64]  # [n], bp
    share: NDArray[np.float64]  # [n], of the depth of the amplicon, that this haplotype has


def draw_amplicons(length: int, library: LibraryWorld, rng: np.random.Generator) -> Amplicons:
    """Lay rows of amplicons on a contig of ``length`` bp; depths vary as in an exome."""
    rows: list[tuple[int, int]] = []
    at = EDGE + int(rng.exponential(APART))
    while at < length - EDGE:
        for _ in range(int(rng.integers(*PANEL))):
            size = int(rng.uniform(*library.amplicon_length))
            if at + size > length - EDGE:
                break
            rows.append((at, at + size))
            at += max(size - library.amplicon_overlap, 2 * library.primer + 20)
        at = max(at, rows[-1][1] if rows else 0) + int(rng.exponential(APART)) + 1
    start, end = np.array(rows, np.int64).reshape(-1, 2).T
    depth = library.depth * np.exp(rng.normal(0, CAPTURE_SD, len(start)))
    return Amplicons(start, end, np.clip(depth, *DEPTHS), library.primer)


def without_unknown(amplicons: Amplicons, codes: Codes) -> Amplicons:
    """Leave out amplicons over unknown bases of the reference, uint8[bp]."""
    unknown = np.concatenate(([0], np.cumsum(codes == N)))
    known = unknown[amplicons.end] == unknown[amplicons.start]
    return Amplicons(amplicons.start[known], amplicons.end[known], amplicons.depth[known], amplicons.primer)


def to_haplotype(haplotype: HaplotypeSequence, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where reference positions lie on the haplotype, int64[n]; deleted ones where the next base is."""
    i = np.searchsorted(haplotype.reference_start, positions, side="right") - 1
    return haplotype.start[i] + np.minimum(positions - haplotype.reference_start[i], haplotype.length[i])


def amplify(
    reference: Codes,
    haplotype: HaplotypeSequence,
    amplicons: Amplicons,
    library: LibraryWorld,
    shares: NDArray[np.float64],
    rng: np.random.Generator,
) -> Molecules:
    """Make the molecules of one haplotype.

    Parameters
    ----------
    reference
        uint8[bp], whose bases the primers have.
    shares
        float64[amplicons], share of this haplotype among the molecules of each, before primers fail.
    """
    primer = amplicons.primer
    inner = np.stack([amplicons.start + primer, amplicons.end - primer], axis=1)
    low, high = to_haplotype(haplotype, inner.ravel()).reshape(-1, 2).T
    outer = to_haplotype(haplotype, np.stack([amplicons.start, amplicons.end], axis=1).ravel()).reshape(-1, 2)
    pieces: list[Codes] = [np.full(SPACER, N, np.uint8)]
    start, length, share = [], [], shares.copy()
    at = SPACER
    for k, (first, last) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        left = reference[amplicons.start[k] : amplicons.start[k] + primer]
        right = reference[amplicons.end[k] - primer : amplicons.end[k]]
        fits = np.array_equal(left, haplotype.codes[outer[k, 0] : first]) and np.array_equal(
            right, haplotype.codes[last : outer[k, 1]]
        )
        if not fits:
            share[k] *= rng.uniform(*DROPOUT)
        insert = haplotype.codes[first:last]
        molecule = insert if library.primers_trimmed else np.concatenate((left, insert, right))
        pieces += [molecule, np.full(SPACER, N, np.uint8)]
        start.append(at)
        length.append(len(molecule))
        at += len(molecule) + SPACER
    return Molecules(np.concatenate(pieces), np.array(start, np.int64), np.array(length, np.int64), share)
