"""Alignments of reads and haplotypes with the reference: scores, gaps, and from one to the other."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

# Scores of `bwa mem`, so that old and new alignments compare.
MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND, CLIP = 1, -4, -6, -1, -5
LOWEST = -(1 << 28)
M, I, D, N, S, H, P, EQUAL, DIFFERENT = range(9)  # BAM codes of operations  # noqa: E741


@njit(cache=True)
def align_globally(query: Any, target: Any) -> Any:
    """CIGAR of a global alignment with affine gaps (Gotoh 1982), gaps as far left as can be; uint32[operations].

    Both begin and end with the same k-mer, so the first and last operations are matches.
    """
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
            diagonal = best[i - 1, j - 1] + (MATCH if query[i - 1] == target[j - 1] else MISMATCH)
            best[i, j] = max(diagonal, insertion[i, j], deletion[i, j])
    return _trace_back(query, target, best, insertion, deletion)


@njit(cache=True)
def _trace_back(query: Any, target: Any, best: Any, insertion: Any, deletion: Any) -> Any:
    i, j, state = len(query), len(target), M
    codes = np.empty(i + j, np.uint32)
    n = 0
    while i > 0 or j > 0:
        if state == M:
            match = i > 0 and j > 0
            if match:
                score = MATCH if query[i - 1] == target[j - 1] else MISMATCH
                match = best[i, j] == best[i - 1, j - 1] + score
            if match:
                codes[n] = M
                n += 1
                i -= 1
                j -= 1
            else:
                state = I if i > 0 and best[i, j] == insertion[i, j] else D
        elif state == I:
            codes[n] = I
            n += 1
            if insertion[i, j] != insertion[i - 1, j] + GAP_EXTEND:
                state = M
            i -= 1
        else:
            codes[n] = D
            n += 1
            if deletion[i, j] != deletion[i, j - 1] + GAP_EXTEND:
                state = M
            j -= 1
    return run_lengths(codes[:n][::-1])


@njit(cache=True)
def run_lengths(codes: Any) -> Any:
    """BAM operations (length << 4 | code) of one code per column, uint32."""
    out = np.empty(len(codes), np.uint32)
    n = 0
    for i in range(len(codes)):
        if n > 0 and out[n - 1] & 15 == codes[i]:
            out[n - 1] += np.uint32(16)
        else:
            out[n] = np.uint32(16) | codes[i]
            n += 1
    return out[:n].copy()


@njit(cache=True)
def alignment_score(start: int, cigar: Any, seq: Any, reference: Any, reference_start: int) -> int:
    """Score of an alignment; `LOWEST` for one that is not to be touched (introns, hard clips, off the reference)."""
    position, base, score = start - reference_start, 0, 0
    for k in range(len(cigar)):
        code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
        if code in (M, EQUAL, DIFFERENT):
            if position < 0 or position + length > len(reference):
                return LOWEST
            for i in range(length):
                score += MATCH if seq[base + i] == reference[position + i] else MISMATCH
            position += length
            base += length
        elif code == I:
            score += GAP_OPEN + length * GAP_EXTEND
            base += length
        elif code == D:
            score += GAP_OPEN + length * GAP_EXTEND
            position += length
        elif code == S:
            score += CLIP
            base += length
        else:
            return LOWEST
    return score


@njit(cache=True)
def ungapped_score(seq: Any, haplotype: Any, at: int) -> Any:
    """Best stretch [first, last) of a read whose base 0 lies at ``at`` of the haplotype, ends clipped at a cost."""
    best, best_first, best_last = LOWEST, 0, 0
    score, first = 0, 0
    low, high = max(0, -at), min(len(seq), len(haplotype) - at)
    score = CLIP if low > 0 else 0
    first = low
    for i in range(low, high):
        if score < CLIP and i > 0:  # better to begin here
            score, first = CLIP, i
        score += MATCH if seq[i] == haplotype[at + i] else MISMATCH
        whole = score if i + 1 == len(seq) else score + CLIP
        if whole > best:
            best, best_first, best_last = whole, first, i + 1
    return best, best_first, best_last


@njit(cache=True)
def place_on_reference(cigar: Any, begin: int, at: int, first: int, last: int, size: int) -> Any:
    """Start and operations of a read whose bases [first, last) lie without gaps on a haplotype.

    ``cigar`` is the haplotype's, from reference position ``begin`` on; base 0 of the read lies at ``at`` of the
    haplotype. Inserted bases at either end become clips. The start is -1 when nothing is aligned.
    """
    columns = size
    for k in range(len(cigar)):
        if cigar[k] & 15 == D:
            columns += np.int64(cigar[k] >> 4)
    codes = np.empty(columns, np.uint32)
    n, start, position, base = 0, -1, begin, -at
    leading, trailing = first, size - last
    for k in range(len(cigar)):
        code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
        for _ in range(length):
            inside = first <= base < last
            if code == M:
                if inside:
                    if start < 0:
                        start = position
                    codes[n] = M
                    n += 1
                position += 1
                base += 1
            elif code == I:
                if inside:
                    if start < 0:
                        leading += 1
                    else:
                        codes[n] = I
                        n += 1
                base += 1
            else:
                if start >= 0 and base < last:
                    codes[n] = D
                    n += 1
                position += 1
    while n > 0 and codes[n - 1] != M:
        trailing += codes[n - 1] == I
        n -= 1
    if n == 0:
        return -1, codes[:0]
    inner = run_lengths(codes[:n])
    clips = np.int64(leading > 0) + np.int64(trailing > 0)
    out = np.empty(len(inner) + clips, np.uint32)
    out[np.int64(leading > 0) : np.int64(leading > 0) + len(inner)] = inner
    if leading > 0:
        out[0] = leading << 4 | S
    if trailing > 0:
        out[-1] = trailing << 4 | S
    return start, out
