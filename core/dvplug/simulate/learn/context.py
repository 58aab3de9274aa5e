"""Error profile of unpaired reads by context: how long homopolymers slip, what else errs, and how qualities look.

For reads too long to copy whole quality strings from (PacBio, ONT), and for flow sequencing (Ion Torrent), where
errors are lengths of homopolymers. Learnt from any aligned BAM, by its reference or its MD tags, without a truth: what
`dvplug.simulate.learn.error_counts` counts becomes probabilities here, smoothed where little was seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dvplug.simulate.learn.error_counts import CLASSES, MOST_CHANGE, ErrorCounts, count_errors

GROWTH = 1.15
"""A homopolymer of which too few were seen is misread so much more often than one a base shorter."""
PARTS = 100
"""Of a read, from its first base to its last."""


@dataclass(frozen=True)
class ContextProfile:
    """What `dvplug.simulate.long_reads` needs to write reads like those of a BAM.

    Sizes are named as in `dvplug.simulate.learn.error_counts`; indels are those that change no homopolymer's length.
    What has a default is stated, not learnt (`dvplug.simulate.stated`).
    """

    length: NDArray[np.int64]  # [reads], aligned bp
    read_class: NDArray[np.int64]  # [reads], of the same reads
    substitution_p: NDArray[np.float64]  # [CLASSES], per base
    substitution: NDArray[np.float64]  # [4, 4], P(read as | true base), cumulative
    run_change: NDArray[
        np.float64
    ]  # [CLASSES, 4, LONGEST_RUN + 1, 2 * MOST_CHANGE + 1], P(change), cumulative
    insertion_p: NDArray[np.float64]  # [CLASSES], per base
    deletion_p: NDArray[np.float64]  # [CLASSES], per base
    indel_length: NDArray[np.float64]  # [2, LONGEST_INDEL + 1], of insertions and deletions, cumulative
    quality: NDArray[np.float32]  # [CLASSES, states, RUN_EDGES, PREVIOUS_EDGES, QUALITIES], cumulative
    # Per base: that a colour is decoded wrong, and with it each base behind it until one is right again.
    colour_p: NDArray[np.float64] = field(default_factory=lambda: np.zeros(CLASSES))  # [CLASSES]
    colour_mended_p: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))  # [1]
    # How many times as often as in the whole read bases are misread in each part of it; qualities fall alike.
    along: NDArray[np.float64] = field(default_factory=lambda: np.ones(PARTS))  # [PARTS]

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> ContextProfile:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            return cls(**{f.name: data[f.name] for f in fields(cls) if f.name in data})


def learn_context_profile(bam: Path, fasta: Path | None = None) -> ContextProfile:
    """Learn a profile from the primary alignments of a BAM of 100 reads or more.

    Parameters
    ----------
    bam
        Coordinate-sorted, indexed.
    fasta
        Its reference, indexed; without one, reads need MD tags.
    """
    counts, length, classes = count_errors(bam, fasta)
    return _profile(counts, length, classes)


def _profile(counts: ErrorCounts, length: NDArray[np.int64], classes: NDArray[np.int64]) -> ContextProfile:
    np.fill_diagonal(counts.spectrum, 0)
    bases = np.maximum(counts.bases, 1)
    return ContextProfile(
        length,
        classes,
        counts.substituted / bases,
        np.cumsum(counts.spectrum / counts.spectrum.sum(axis=1, keepdims=True), axis=1),
        np.cumsum(smoothed_changes(counts.run_change), axis=-1),
        counts.indels[:, 0] / bases,
        counts.indels[:, 1] / bases,
        np.cumsum(
            counts.indel_length / np.maximum(counts.indel_length.sum(axis=1, keepdims=True), 1), axis=1
        ),
        np.cumsum(_smoothed_qualities(counts.quality), axis=-1).astype(np.float32),
    )


def smoothed_changes(counts: NDArray[np.float64], weight: float = 30.0) -> NDArray[np.float64]:
    """P(change), each table shrunk towards the one that pools what it is part of: bases, classes, lengths."""
    pooled = counts.sum(axis=(0, 1))  # [length, change]
    table = np.zeros_like(pooled)
    table[0, MOST_CHANGE] = 1.0
    for length in range(1, pooled.shape[0]):
        # Long runs are rare: they start from the next shorter ones.
        prior = _grown(table[length - 1]) if length > 2 else np.eye(2 * MOST_CHANGE + 1)[MOST_CHANGE]
        table[length] = (pooled[length] + weight * prior) / (pooled[length].sum() + weight)
    by_class = counts.sum(axis=1)
    by_class = (by_class + weight * table) / (by_class.sum(axis=-1, keepdims=True) + weight)
    by_base = counts + weight * by_class[:, None]
    return by_base / by_base.sum(axis=-1, keepdims=True)


def _grown(changes: NDArray[np.float64]) -> NDArray[np.float64]:
    right = changes[MOST_CHANGE]
    factor = min(GROWTH, 0.6 / max(1 - right, 1e-9))
    grown = changes * max(factor, 1.0)
    grown[MOST_CHANGE] = 0.0
    grown[MOST_CHANGE] = 1 - grown.sum()
    return grown


def _smoothed_qualities(counts: NDArray[np.float64], weight: float = 20.0) -> NDArray[np.float64]:
    """P(quality), shrunk level by level: all reads of a class, then state, then run and preceding quality."""
    by_class = counts.sum(axis=(1, 2, 3)) + 1e-9
    prior = by_class / by_class.sum(axis=-1, keepdims=True)
    by_state = counts.sum(axis=(2, 3)) + weight * prior[:, None]
    prior = by_state / by_state.sum(axis=-1, keepdims=True)
    by_run = counts.sum(axis=3) + weight * prior[:, :, None]
    prior = by_run / by_run.sum(axis=-1, keepdims=True)
    full = counts + weight * prior[:, :, :, None]
    return full / full.sum(axis=-1, keepdims=True)
