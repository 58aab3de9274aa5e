"""Alignments of reads and haplotypes with the reference: scores, gaps, and from one to the other."""

from __future__ import annotations

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import Int32s, UInt8s, UInt32s
from dvplug.sequence.cigar import (
    DELETION,
    INSERTION,
    LENGTH_SHIFT,
    MATCH,
    SOFT_CLIP,
    code_of,
    is_aligned,
    length_of,
    pack_columns,
    unpack,
)
from dvplug.sequence.comparison import count_mismatches, next_difference

# Scores of `bwa mem`, so that old and new alignments compare.
MATCH_SCORE, MISMATCH_SCORE, GAP_OPEN, GAP_EXTEND, CLIP = 1, -4, -6, -1, -5
PLAIN = 2  # mismatches that no gap can mend at less
LOWEST = -(1 << 28)  # of an alignment that is not to be touched, or not to be reached


@subkernel
def align_globally(query: UInt8s, target: UInt8s) -> UInt32s:
    """CIGAR of a global alignment with affine gaps (Gotoh 1982), gaps as far left as can be; uint32[operations].

    Both begin and end with the same k-mer, so the first and last operations are matches.

    Parameters
    ----------
    query, target
        uint8[n] and uint8[m] base codes; unknown ones match each other.
    """
    n, m = len(query), len(target)
    # The end that both share is matched: to put a gap into it is never better, and further right.
    same = 0
    while same < min(n, m) and query[n - 1 - same] == target[m - 1 - same]:
        same += 1
    if _is_plain(query[: n - same], target[: m - same]):
        return _one_gap(min(n, m) - same, n - m, same)
    return align_by_table(query, target)


@subkernel
def align_by_table(query: UInt8s, target: UInt8s) -> UInt32s:
    """As `align_globally`, whatever the two are."""
    n, m = len(query), len(target)
    best = np.full((n + 1, m + 1), LOWEST, np.int32)
    insertion = np.full((n + 1, m + 1), LOWEST, np.int32)
    deletion = np.full((n + 1, m + 1), LOWEST, np.int32)
    best[0, 0] = 0
    for i in range(1, n + 1):
        insertion[i, 0] = best[i, 0] = GAP_OPEN + i * GAP_EXTEND
    for j in range(1, m + 1):
        deletion[0, j] = best[0, j] = GAP_OPEN + j * GAP_EXTEND
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            insertion[i, j] = max(best[i - 1, j] + GAP_OPEN, insertion[i - 1, j]) + GAP_EXTEND
            deletion[i, j] = max(best[i, j - 1] + GAP_OPEN, deletion[i, j - 1]) + GAP_EXTEND
            diagonal = best[i - 1, j - 1] + _base_score(query[i - 1], target[j - 1])
            best[i, j] = max(diagonal, insertion[i, j], deletion[i, j])
    return _trace_back(query, target, best, insertion, deletion)


@subkernel
def _is_plain(query: UInt8s, target: UInt8s) -> bool:
    """Whether one gap at the end of the shorter, or `PLAIN` mismatches and no gap, are the best alignment, alone.

    The last bases differ, or one is empty. Two gaps cost 14 and a match, three mismatches as much.
    """
    differ, n = 0, min(len(query), len(target))
    for i in range(n):
        differ += query[i] != target[i]
    return differ == 0 or (len(query) == len(target) and differ <= PLAIN)


@subkernel
def _one_gap(before: int, longer: int, after: int) -> UInt32s:
    """Operations of so many matches, an insertion of ``longer`` bases (a deletion below 0), and matches."""
    if longer == 0:
        return np.full(1, (before + after) << LENGTH_SHIFT | MATCH, np.uint32)
    gap = longer << LENGTH_SHIFT | INSERTION if longer > 0 else -longer << LENGTH_SHIFT | DELETION
    operations = np.empty(3, np.uint32)
    first = 0 if before > 0 else 1
    operations[0], operations[1] = before << LENGTH_SHIFT | MATCH, gap
    operations[2] = after << LENGTH_SHIFT | MATCH
    return operations[first : 3 if after > 0 else 2]


@subkernel
def _base_score(one: int, other: int) -> int:
    return MATCH_SCORE if one == other else MISMATCH_SCORE


@subkernel
def _trace_back(query: UInt8s, target: UInt8s, best: Int32s, insertion: Int32s, deletion: Int32s) -> UInt32s:
    """Operations of the best alignment, from the scores int32[n + 1, m + 1] of its three states."""
    i, j, state = len(query), len(target), MATCH
    codes = np.empty(i + j, np.uint32)  # filled from the end
    first = len(codes)
    while i > 0 or j > 0:
        if state == MATCH:
            if (
                i > 0
                and j > 0
                and best[i, j] == best[i - 1, j - 1] + _base_score(query[i - 1], target[j - 1])
            ):
                first -= 1
                codes[first] = MATCH
                i -= 1
                j -= 1
            else:
                state = INSERTION if i > 0 and best[i, j] == insertion[i, j] else DELETION
        elif state == INSERTION:
            first -= 1
            codes[first] = INSERTION
            if insertion[i, j] != insertion[i - 1, j] + GAP_EXTEND:
                state = MATCH
            i -= 1
        else:
            first -= 1
            codes[first] = DELETION
            if deletion[i, j] != deletion[i, j - 1] + GAP_EXTEND:
                state = MATCH
            j -= 1
    return pack_columns(codes[first:])


@subkernel
def alignment_score(start: int, cigar: UInt32s, seq: UInt8s, reference: UInt8s, reference_start: int) -> int:
    """Score of an alignment; `LOWEST` for one that is not to be touched (introns, hard clips, off the reference).

    Parameters
    ----------
    start, cigar, seq
        As of a read in `ReadBatch`: first aligned position, uint32[operations], uint8[bases].
    reference
        uint8[l] base codes from ``reference_start`` on.
    """
    position, base, score = start - reference_start, 0, 0
    for k in range(len(cigar)):
        code, length = unpack(cigar[k])
        if is_aligned(code):
            if position < 0 or position + length > len(reference):
                return LOWEST
            differ = count_mismatches(seq, reference, position - base, base, base + length, length + 1)
            score += (length - differ) * MATCH_SCORE + differ * MISMATCH_SCORE
            position += length
            base += length
        elif code == INSERTION:
            score += GAP_OPEN + length * GAP_EXTEND
            base += length
        elif code == DELETION:
            score += GAP_OPEN + length * GAP_EXTEND
            position += length
        elif code == SOFT_CLIP:
            score += CLIP
            base += length
        else:
            return LOWEST
    return score


@subkernel
def ungapped_score(seq: UInt8s, haplotype: UInt8s, at: int, least: int) -> tuple[int, int, int]:
    """Score and best stretch [first, last) of a read on a haplotype without gaps, ends clipped at a cost.

    Parameters
    ----------
    seq, haplotype
        uint8[bases], uint8[h] base codes.
    at
        Where base 0 of the read lies on the haplotype; below 0 where it lies before it.
    least
        What the score must exceed to be of use: where it cannot any more, the rest is not looked at, and the score
        is this or less.
    """
    best, best_first, best_last = LOWEST, 0, 0
    low, high = max(0, -at), min(len(seq), len(haplotype) - at)
    # No stretch of them scores more than what matches.
    spared = high - low - least // MATCH_SCORE
    if count_mismatches(seq, haplotype, at, low, high, spared) >= spared:
        return best, best_first, best_last
    score = CLIP if low > 0 else 0
    first, i = low, low
    while i < high:
        if score < CLIP and i > 0:  # better to begin here
            score, first = CLIP, i
        same = next_difference(seq, haplotype, at, i, high)
        if same > i:  # the score grows up to the last of those that match
            score += (same - i) * MATCH_SCORE
            i = same
        else:
            score += MISMATCH_SCORE
            if best <= least and max(score, CLIP) + (high - 1 - i) * MATCH_SCORE <= least:
                return best, best_first, best_last
            i += 1
        whole = score if i == len(seq) else score + CLIP
        if whole > best:
            best, best_first, best_last = whole, first, i
    return best, best_first, best_last


@subkernel
def place_on_reference(
    cigar: UInt32s, begin: int, at: int, first: int, last: int, size: int
) -> tuple[int, UInt32s]:
    """Start and operations, uint32[o], of a read whose bases [first, last) lie without gaps on a haplotype.

    Inserted bases at either end become clips. The start is -1 when nothing is aligned.

    Parameters
    ----------
    cigar, begin
        The haplotype's, uint32[operations] of M, I and D, from reference position ``begin`` on.
    at
        Where base 0 of the read lies on the haplotype.
    first, last, size
        Which bases of the read are used, and how many it has.
    """
    codes, start, inserted = _columns(cigar, begin, at, first, last, size)
    n, leading, trailing = len(codes), first + inserted, size - last
    while n > 0 and codes[n - 1] != MATCH:
        trailing += codes[n - 1] == INSERTION
        n -= 1
    if n == 0:
        return -1, codes[:0]
    inner = pack_columns(codes[:n])
    before = np.int64(leading > 0)
    out = np.empty(before + len(inner) + np.int64(trailing > 0), np.uint32)
    for k in range(len(inner)):
        out[before + k] = inner[k]
    if leading > 0:
        out[0] = leading << LENGTH_SHIFT | SOFT_CLIP
    if trailing > 0:
        out[-1] = trailing << LENGTH_SHIFT | SOFT_CLIP
    return start, out


@subkernel
def _columns(
    cigar: UInt32s, begin: int, at: int, first: int, last: int, size: int
) -> tuple[UInt32s, int, int]:
    """Columns of the alignment of `place_on_reference`: uint32[columns] codes from the first match on, its start.

    Third, how many bases are inserted before that match.
    """
    columns = size
    for k in range(len(cigar)):
        if code_of(cigar[k]) == DELETION:
            columns += length_of(cigar[k])
    codes = np.empty(columns, np.uint32)
    n, start, position, base, inserted = 0, -1, begin, -at, 0
    for k in range(len(cigar)):
        code, length = unpack(cigar[k])
        for _ in range(length):
            if start < 0 and first <= base < last:
                if code == MATCH:
                    start = position
                elif code == INSERTION:
                    inserted += 1
            if start >= 0 and base < last:
                codes[n] = code
                n += 1
            position += code != INSERTION
            base += code != DELETION
    return codes[:n], start, inserted
