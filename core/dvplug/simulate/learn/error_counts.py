"""How often unpaired reads err, counted: homopolymers by length, other errors, and qualities by what the base is.

No truth is used: sites where many reads agree on another allele are masked, and in long homopolymers, where masking
would hide the worst, the commonest length stands for the true one.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import InputError
from dvplug.kernel import kernel
from dvplug.simulate.genome import Codes, N
from dvplug.simulate.learn.alignments import GAP, Alignment, alignments, long_runs, run_at

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
MASKED_FRACTION, MASKED_READS = 0.3, 3
LONG_RUN, LONG_RUN_READS = 8, 8
"""In homopolymers from this length on, so many reads err alike that masking would hide the worst: there the commonest
length among so many reads or more stands for the true one."""


class ErrorCounts(NamedTuple):
    """Sums over all reads, by class of read."""

    bases: NDArray[np.float64]  # [CLASSES], aligned and not masked
    substituted: NDArray[np.float64]  # [CLASSES]
    spectrum: NDArray[np.float64]  # [4, 4], true base, read as; one more than was seen
    run_change: NDArray[
        np.float64
    ]  # [CLASSES, 4, LONGEST_RUN + 1, 2 * MOST_CHANGE + 1]: base, length, change
    indels: NDArray[np.float64]  # [CLASSES, 2], insertions and deletions that change no homopolymer's length
    indel_length: NDArray[np.float64]  # [2, LONGEST_INDEL + 1], of those
    quality: NDArray[np.float64]  # [CLASSES, states, RUN_EDGES, PREVIOUS_EDGES, QUALITIES]

    @classmethod
    def none(cls) -> ErrorCounts:
        """Return counts of nothing yet."""
        return cls(
            np.zeros(CLASSES),
            np.zeros(CLASSES),
            np.ones((4, 4)),
            np.zeros((CLASSES, 4, LONGEST_RUN + 1, 2 * MOST_CHANGE + 1)),
            np.zeros((CLASSES, 2)),
            np.zeros((2, LONGEST_INDEL + 1)),
            np.zeros((CLASSES, 4, len(RUN_EDGES), len(PREVIOUS_EDGES), QUALITIES)),
        )


class _Columns(NamedTuple):
    """An alignment in sequencing order."""

    read: Codes  # uint8[columns]
    reference: Codes  # uint8[columns]
    quality: NDArray[np.uint8]  # [columns]
    hidden: NDArray[np.bool_]  # [columns], masked
    position: NDArray[np.int64]  # [columns], on the reference


class _RunModes(NamedTuple):
    """The long homopolymers of a contig that enough reads show."""

    start: NDArray[np.int64]  # [runs], sorted
    change: NDArray[np.int64]  # [runs], how far the commonest length is from theirs


class _Edges(NamedTuple):
    """Classes that qualities depend on."""

    run: NDArray[np.int64]  # RUN_EDGES
    previous: NDArray[np.int64]  # PREVIOUS_EDGES


def count_errors(
    bam: Path, fasta: Path | None = None, most: int | None = None, edges: NDArray[np.float64] | None = None
) -> tuple[ErrorCounts, NDArray[np.int64], NDArray[np.int64]]:
    """Count errors over the primary alignments; also aligned bp and class of each read, int64[reads].

    With ``most``, only over the first alignments that hold about so many bases. Classes are of equal numbers of reads,
    or lie between ``edges``, CLASSES - 1 mean error probabilities. Raises InputError where nothing is aligned.
    """
    found, bases = [], 0
    for one in alignments(bam, fasta):
        found.append(one)
        bases += len(one.position)
        if most and bases >= most:
            break
    if not found:
        raise InputError(
            f"nothing can be learnt from {bam}",
            cause="no primary alignment has base qualities" + ("" if fasta else " and an MD tag"),
            repair="" if fasta else "Name the reference that its reads are aligned to.",
        )
    masked, modes = _masked(found), _run_modes(found)
    error = np.array([one.mean_error for one in found])
    if edges is None:
        rank = np.argsort(np.argsort(error, kind="stable"), kind="stable")
        classes = rank * CLASSES // len(found)
    else:
        classes = np.searchsorted(edges, error, side="right")
    counts = ErrorCounts.none()
    for one, read_class in zip(found, classes.tolist(), strict=True):
        columns = _in_sequencing_order(one, masked[one.contig])
        state, run = _count_runs(columns, modes[one.contig], read_class, counts)
        _count_other_errors(columns, read_class, state, counts)
        _count_qualities(columns, read_class, state, run, _Edges(RUN_EDGES, PREVIOUS_EDGES), counts)
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


def _run_modes(found: list[Alignment]) -> dict[str, _RunModes]:
    """The long homopolymers by contig."""
    seen: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for one in found:
        for start, change in long_runs(one.read, one.reference, one.position, LONG_RUN):
            seen[one.contig][start].append(change)
    modes = {}
    for contig in {one.contig for one in found}:
        known = {
            start: _commonest(changes)
            for start, changes in sorted(seen[contig].items())
            if len(changes) >= LONG_RUN_READS
        }
        modes[contig] = _RunModes(np.array(list(known), np.int64), np.array(list(known.values()), np.int64))
    return modes


def _commonest(changes: list[int]) -> int:
    """The change of length that most reads show; of several the smallest."""
    return max(range(-MOST_CHANGE, MOST_CHANGE + 1), key=lambda change: (changes.count(change), -abs(change)))


def _in_sequencing_order(one: Alignment, masked: NDArray[np.int64]) -> _Columns:
    """Columns of a read, so that its qualities follow each other as they were made."""
    hidden, read, reference, step = np.isin(one.position, masked), one.read, one.reference, 1
    if one.reverse:
        read, reference, step = _complemented(read), _complemented(reference), -1
    return _Columns(
        np.ascontiguousarray(read[::step]),
        np.ascontiguousarray(reference[::step]),
        np.ascontiguousarray(one.quality[::step]),
        np.ascontiguousarray(hidden[::step]),
        np.ascontiguousarray(one.position[::step]),
    )


def _complemented(codes: Codes) -> Codes:
    """The other strand's bases; what is no base stays."""
    return np.where(codes < N, 3 - codes, codes).astype(np.uint8)


@kernel
def _count_runs(
    columns: _Columns, modes: _RunModes, read_class: int, counts: ErrorCounts
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Count changes of homopolymers' lengths.

    Returns the state of each column, uint8[columns], PLAIN or SLIPPED, and how long the homopolymer is that it belongs
    to, int64[columns], 1 outside.
    """
    read, reference, n = columns.read, columns.reference, len(columns.read)
    state = np.zeros(n, np.uint8)
    run = np.ones(n, np.int64)
    i = 0
    while i < n:
        base = reference[i]
        if base > 3:
            i += 1
            continue
        first, end, length, seen = run_at(read, reference, i)
        known = True
        for k in range(first, end):
            known &= not columns.hidden[k]
            run[k] = length
        start = min(columns.position[i], columns.position[end - 1])
        at = np.searchsorted(modes.start, start)
        if at < len(modes.start) and modes.start[at] == start:
            known = True
            length += modes.change[at]
        change = seen - length
        if seen >= 0 and known and length > 0 and -MOST_CHANGE <= change <= MOST_CHANGE:
            longest = counts.run_change.shape[2] - 1
            counts.run_change[read_class, base, min(length, longest), change + MOST_CHANGE] += 1
            if change != 0:
                state[first:end] = SLIPPED
        i = end
    return state, run


@kernel
def _count_other_errors(
    columns: _Columns, read_class: int, state: NDArray[np.uint8], counts: ErrorCounts
) -> None:
    """Count bases, substitutions and indels that change no homopolymer; sets their states."""
    read, reference, n = columns.read, columns.reference, len(columns.read)
    i = 0
    while i < n:
        if reference[i] < 4 and not columns.hidden[i]:
            counts.bases[read_class] += 1
            if read[i] < 4 and read[i] != reference[i]:
                counts.substituted[read_class] += 1
                counts.spectrum[reference[i], read[i]] += 1
                state[i] = SUBSTITUTED
        kind = 0 if reference[i] == GAP else 1 if read[i] == GAP else 2
        if kind == 2 or state[i] == SLIPPED:
            i += 1
            continue
        end = i
        while end < n and (reference[end] == GAP if kind == 0 else read[end] == GAP):
            end += 1
        if not columns.hidden[i]:
            counts.indels[read_class, kind] += 1
            counts.indel_length[kind, min(end - i, counts.indel_length.shape[1] - 1)] += 1
        state[i:end] = INSERTED
        i = end


@kernel
def _count_qualities(
    columns: _Columns,
    read_class: int,
    state: NDArray[np.uint8],
    run: NDArray[np.int64],
    edges: _Edges,
    counts: ErrorCounts,
) -> None:
    """Count qualities by state, homopolymer and the quality before."""
    read, quality, hidden, counted = columns.read, columns.quality, columns.hidden, counts.quality[read_class]
    previous = 0
    for i in range(len(read)):
        if read[i] > 4:
            continue
        q = min(quality[i], counted.shape[3] - 1)
        if not hidden[i]:
            length = np.searchsorted(edges.run, run[i], side="right") - 1
            before = np.searchsorted(edges.previous, previous, side="right") - 1
            counted[state[i], length, before, q] += 1
        previous = q
