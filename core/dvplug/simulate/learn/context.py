"""Error profile of unpaired reads by context: how long homopolymers slip, what else errs, and how qualities look.

For reads too long to copy whole quality strings from (PacBio, ONT), and for flow sequencing (Ion Torrent), where
errors are lengths of homopolymers. Learnt from any aligned BAM, by its reference or its MD tags; no truth is used:
sites where many reads agree on another allele are masked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from numba import njit
from numpy.typing import NDArray

from dvplug.simulate.genome import Codes, encode
from dvplug.simulate.learn.pileup import primary_reads

CLASSES = 4
"""Reads are parted by mean error probability into so many classes of equal numbers."""
LONGEST_RUN = 24
"""Homopolymers longer than this count as this long."""
MOST_CHANGE = 6
"""Largest change of a homopolymer's length that is learnt."""
LONGEST_INDEL = 30
RUN_EDGES = np.array([1, 2, 3, 4, 6, 8, 11])
"""Classes of homopolymer length, each from one of these on, that qualities depend on."""
PLAIN, SUBSTITUTED, INSERTED, SLIPPED = range(4)
"""What a base is: right, misread, inserted, or of a homopolymer that is read too short or too long."""
QUALITIES = 94
PREVIOUS_EDGES = np.array([0, 8, 14, 20, 26, 32, 38, 46, 60, 80, 92])
"""Classes of the preceding base's quality."""
GROWTH = 1.15
"""A homopolymer of which too few were seen is misread so much more often than one a base shorter."""
MASKED_FRACTION, MASKED_READS = 0.3, 3
LONG_RUN, LONG_RUN_READS = 8, 8
"""In homopolymers from this length on, so many reads err alike that masking would hide the worst: there the commonest
length among so many reads or more stands for the true one."""


@dataclass(frozen=True)
class ContextProfile:
    """What `simulate.long_reads` needs to write reads like those of a BAM.

    ``length`` int64[reads] aligned bp and ``read_class`` int64[reads] of the same reads; ``reverse_clip_p`` share of
    reads with clips; ``substitution_p`` float64[CLASSES] per base, ``substitution`` float64[4, 4] P(read as | true
    base), cumulative; ``run_change`` float64[CLASSES, 4, LONGEST_RUN + 1, 2 * MOST_CHANGE + 1], P(change of length
    | class, base, length), cumulative; ``insertion_p``, ``deletion_p`` float64[CLASSES] per base of indels that are
    no change of a homopolymer's length, ``indel_length`` float64[2, LONGEST_INDEL + 1], cumulative;
    ``quality`` float32[CLASSES, states, runs, previous, QUALITIES], cumulative.
    """

    length: NDArray[np.int64]
    read_class: NDArray[np.int64]
    substitution_p: NDArray[np.float64]
    substitution: NDArray[np.float64]
    run_change: NDArray[np.float64]
    insertion_p: NDArray[np.float64]
    deletion_p: NDArray[np.float64]
    indel_length: NDArray[np.float64]
    quality: NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> ContextProfile:
        """Read what `save` wrote."""
        with np.load(path) as data:
            return cls(**{f.name: data[f.name] for f in fields(cls)})


class Counts:
    """Sums over all reads, by class."""

    def __init__(self) -> None:
        self.bases = np.zeros(CLASSES)
        self.substituted = np.zeros(CLASSES)
        self.spectrum = np.ones((4, 4))
        self.run_change = np.zeros((CLASSES, 4, LONGEST_RUN + 1, 2 * MOST_CHANGE + 1))
        self.indels = np.zeros((CLASSES, 2))
        self.indel_length = np.zeros((2, LONGEST_INDEL + 1))
        self.quality = np.zeros((CLASSES, 4, len(RUN_EDGES), len(PREVIOUS_EDGES), QUALITIES))


@dataclass(frozen=True)
class Alignment:
    """One read against the reference, without its clips: what both bases are, column by column.

    ``read`` and ``reference`` uint8[columns], base codes, GAP where one has none; ``quality`` uint8[columns] of the
    read's base; ``position`` int64[columns] on the reference; ``reverse`` whether the read is.
    """

    contig: str
    read: Codes
    reference: Codes
    quality: NDArray[np.uint8]
    position: NDArray[np.int64]
    reverse: bool

    @property
    def mean_error(self) -> float:
        """Mean error probability by the read's base qualities."""
        return float(np.mean(10 ** (-self.quality[self.read != GAP].astype(float) / 10)))


GAP = 5


def alignments(bam: Path, fasta: Path | None, *, min_mapq: int = 20) -> Iterator[Alignment]:
    """Yield the primary alignments; without a ``fasta`` only those with an MD tag."""
    reference = pysam.FastaFile(str(fasta)) if fasta else None
    with pysam.AlignmentFile(str(bam)) as reads:
        for contig in reads.references:
            for read in primary_reads(reads, contig, 0, reads.get_reference_length(contig), min_mapq):
                found = _alignment(read, reference)
                if found is not None:
                    yield found


def _alignment(read: pysam.AlignedSegment, fasta: pysam.FastaFile | None) -> Alignment | None:
    if fasta is None and not read.has_tag("MD"):
        return None
    start, end = read.reference_start, read.reference_end
    text = fasta.fetch(read.reference_name, start, end) if fasta else read.get_reference_sequence()
    operations = np.array([(op, length) for op, length in read.cigartuples if op not in (4, 5, 6)])
    if 3 in operations[:, 0] or len(text) < end - start:
        return None
    seq, quality = encode(read.query_alignment_sequence), np.array(read.query_alignment_qualities, np.uint8)
    code = np.repeat(operations[:, 0], operations[:, 1])
    on_read, on_reference = code != 2, code != 1
    columns = [np.full(len(code), GAP, np.uint8) for _ in range(2)]
    columns[0][on_read], columns[1][on_reference] = seq, encode(text)
    spread = np.zeros(len(code), np.uint8)
    spread[on_read] = quality
    position = start + np.cumsum(on_reference) - on_reference
    return Alignment(read.reference_name, *columns, spread, position, read.is_reverse)


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


def count_errors(
    bam: Path, fasta: Path | None = None, most: int | None = None, edges: NDArray[np.float64] | None = None
) -> tuple[Counts, NDArray[np.int64], NDArray[np.int64]]:
    """Count errors over the primary alignments; also aligned bp and class of each read.

    With ``most``, only over the first alignments that hold about so many bases. Classes are of equal numbers of reads,
    or lie between ``edges``, CLASSES - 1 mean error probabilities.
    """
    found, bases = [], 0
    for one in alignments(bam, fasta):
        found.append(one)
        bases += len(one.position)
        if most and bases >= most:
            break
    if not found:
        raise ValueError(f"{bam}: no primary alignment with qualities" + ("" if fasta else " and an MD tag"))
    masked, modes = _masked(found), _run_modes(found)
    error = np.array([one.mean_error for one in found])
    if edges is None:
        rank = np.argsort(np.argsort(error, kind="stable"), kind="stable")
        classes = rank * CLASSES // len(found)
    else:
        classes = np.searchsorted(edges, error, side="right")
    counts = Counts()
    for one, read_class in zip(found, classes.tolist(), strict=True):
        _count(counts, one, read_class, masked[one.contig], *modes[one.contig])
    return counts, np.array([int((a.reference != GAP).sum()) for a in found]), classes


def _masked(found: list[Alignment]) -> dict[str, NDArray[np.int64]]:
    """Reference positions, sorted, around which many reads have another allele."""
    by_contig: dict[str, list[Alignment]] = defaultdict(list)
    for one in found:
        by_contig[one.contig].append(one)
    masks = {}
    for contig, on_contig in by_contig.items():
        low = min(int(a.position[0]) for a in on_contig)
        size = max(int(a.position[-1]) for a in on_contig) + 2 - low
        depth, differs = np.zeros(size, np.int64), np.zeros((size, 6), np.int64)
        for a in on_contig:
            there = a.position - low
            np.add.at(depth, there[a.reference != GAP], 1)
            wrong = (a.read != a.reference) & (a.reference < 4)
            np.add.at(differs, (there[wrong], a.read[wrong]), 1)
            inserted = there[(a.reference == GAP) & (np.roll(a.reference, 1) != GAP)]
            np.add.at(differs, (inserted, np.full(len(inserted), 4)), 1)
        most = differs.max(axis=1)
        sites = np.flatnonzero((most >= MASKED_READS) & (most >= MASKED_FRACTION * depth))
        masks[contig] = np.unique((sites[:, None] + np.arange(-2, 3)).ravel() + low)
    return masks


def _run_modes(found: list[Alignment]) -> dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Long homopolymers by contig: where they begin, sorted, and how far the commonest length is from theirs."""
    seen: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        for start, change in long_runs(one.read, one.reference, one.position, LONG_RUN):
            seen[one.contig][start].append(change)
    modes = {}
    for contig in {one.contig for one in found}:
        known = {
            start: max(
                range(-MOST_CHANGE, MOST_CHANGE + 1), key=lambda change: (changes.count(change), -abs(change))
            )
            for start, changes in sorted(seen[contig].items())
            if len(changes) >= LONG_RUN_READS
        }
        modes[contig] = (np.array(list(known), np.int64), np.array(list(known.values()), np.int64))
    return modes


def _count(
    counts: Counts,
    one: Alignment,
    read_class: int,
    masked: NDArray[np.int64],
    run_start: NDArray[np.int64],
    run_mode: NDArray[np.int64],
) -> None:
    read, reference, quality, position = one.read, one.reference, one.quality, one.position
    hidden = np.isin(one.position, masked)
    if one.reverse:  # in sequencing order, so that qualities follow each other as they were made
        read, reference = (np.where(x < 4, 3 - x, x)[::-1].astype(np.uint8) for x in (read, reference))
        quality, hidden, position = quality[::-1], hidden[::-1], position[::-1]
    _count_columns(
        np.ascontiguousarray(read), np.ascontiguousarray(reference), np.ascontiguousarray(quality),
        np.ascontiguousarray(hidden), np.ascontiguousarray(position), run_start, run_mode, read_class,
        counts.bases, counts.substituted, counts.spectrum, counts.run_change, counts.indels, counts.indel_length,
        counts.quality, RUN_EDGES, PREVIOUS_EDGES,
    )  # fmt: skip


@njit(cache=True)
def _run_at(read: Any, reference: Any, i: int) -> Any:
    """The homopolymer of the reference that begins at column ``i``, with the gaps inside and right before and after it.

    Returns its first and end column, its length, and how long the read has it; that is -1 where it has other bases too,
    or where a neighbour is misread or missing, which leaves open where the run ends.
    """
    base, end, length, n = reference[i], i, 0, len(read)
    while end < n and (reference[end] == base or (reference[end] == 5 and read[end] == base)):
        length += reference[end] == base
        end += 1
    first = i
    while first > 0 and reference[first - 1] == 5 and read[first - 1] == base:
        first -= 1
    seen, whole = 0, True
    for k in range(first, end):
        seen += read[k] == base
        whole &= read[k] == base or read[k] == 5
    bounded = (
        first > 0 and end < n and read[first - 1] == reference[first - 1] and read[end] == reference[end]
    )
    return first, end, length, seen if whole and bounded else -1


@njit(cache=True)
def long_runs(read: Any, reference: Any, position: Any, shortest: int) -> Any:
    """Position and change of length of each homopolymer of ``shortest`` bp or more."""
    found = [(np.int64(0), np.int64(0)) for _ in range(0)]
    i = 0
    while i < len(read):
        if reference[i] > 3:
            i += 1
            continue
        _, end, length, seen = _run_at(read, reference, i)
        if length >= shortest and seen >= 0:
            found.append((np.int64(position[i]), np.int64(seen - length)))
        i = end
    return found


@njit(cache=True)
def _count_columns(
    read: Any, reference: Any, quality: Any, hidden: Any, position: Any, run_start: Any, run_mode: Any, read_class: int,
    bases: Any, substituted: Any, spectrum: Any, run_change: Any, indels: Any, indel_length: Any, quality_counts: Any,
    run_edges: Any, previous_edges: Any,
) -> None:  # fmt: skip
    n = len(read)
    state = np.zeros(n, np.uint8)
    run = np.ones(n, np.int64)
    i = 0
    while i < n:
        base = reference[i]
        if base > 3:
            i += 1
            continue
        first, end, length, seen = _run_at(read, reference, i)
        known = True
        for k in range(first, end):
            known &= not hidden[k]
            run[k] = length
        start = min(position[i], position[end - 1])
        at = np.searchsorted(run_start, start)
        if at < len(run_start) and run_start[at] == start:
            known = True
            length += run_mode[at]
        change = seen - length
        if seen >= 0 and known and length > 0 and -6 <= change <= 6:
            run_change[read_class, base, min(length, run_change.shape[2] - 1), change + 6] += 1
            if change != 0:
                for k in range(first, end):
                    state[k] = 3
        i = end
    i = 0
    while i < n:
        if reference[i] < 4 and not hidden[i]:
            bases[read_class] += 1
            if read[i] < 4 and read[i] != reference[i]:
                substituted[read_class] += 1
                spectrum[reference[i], read[i]] += 1
                state[i] = 1
        kind = 0 if reference[i] == 5 else 1 if read[i] == 5 else 2
        if kind < 2 and state[i] != 3:
            end = i
            while end < n and (reference[end] == 5 if kind == 0 else read[end] == 5):
                end += 1
            if not hidden[i]:
                indels[read_class, kind] += 1
                indel_length[kind, min(end - i, indel_length.shape[1] - 1)] += 1
            for k in range(i, end):
                state[k] = 2
            i = end
        else:
            i += 1
    previous = 0
    for i in range(n):
        if read[i] > 4:
            continue
        q = min(quality[i], quality_counts.shape[4] - 1)
        if not hidden[i]:
            length = np.searchsorted(run_edges, run[i], side="right") - 1
            before = np.searchsorted(previous_edges, previous, side="right") - 1
            quality_counts[read_class, state[i], length, before, q] += 1
        previous = q


def _profile(counts: Counts, length: NDArray[np.int64], classes: NDArray[np.int64]) -> ContextProfile:
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
