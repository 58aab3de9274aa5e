"""CIGAR operations, packed as in BAM: ``length << 4 | code`` in a uint32 (SAM specification, section 4.2)."""

from __future__ import annotations

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.sequence.arrays import Int64s, UInt32s

# Codes of the operations M, I, D, N, S, H, P, =, X.
MATCH, INSERTION, DELETION, SKIP, SOFT_CLIP, HARD_CLIP, PADDING, EQUAL, DIFFERENT = range(9)
LENGTH_SHIFT, CODE_MASK = 4, 15
# Sets of codes as bits, which a kernel tests faster than it compares.
_ALIGNED = 1 << MATCH | 1 << EQUAL | 1 << DIFFERENT
_GAPS = 1 << INSERTION | 1 << DELETION
_READ = _ALIGNED | 1 << INSERTION | 1 << SOFT_CLIP
_REFERENCE = _ALIGNED | 1 << DELETION | 1 << SKIP


@subkernel
def code_of(packed: int) -> int:
    """Code of a packed operation; 9 to 15 mean nothing."""
    return packed & CODE_MASK


@subkernel
def length_of(packed: int) -> int:
    """Length of a packed operation, bp, as int64."""
    return np.int64(packed >> LENGTH_SHIFT)


@subkernel
def unpack(packed: int) -> tuple[int, int]:
    """Code and length of a packed operation."""
    return packed & CODE_MASK, np.int64(packed >> LENGTH_SHIFT)


@subkernel
def is_aligned(code: int) -> bool:
    """Whether bases of the read lie on bases of the reference: M, = or X."""
    return _ALIGNED >> code & 1 != 0


@subkernel
def is_gap(code: int) -> bool:
    """Whether bases are inserted or deleted: I or D."""
    return _GAPS >> code & 1 != 0


@subkernel
def consumes_read(code: int) -> bool:
    """Whether an operation steps along the bases of the read: M, I, S, = or X."""
    return _READ >> code & 1 != 0


@subkernel
def consumes_reference(code: int) -> bool:
    """Whether an operation steps along the reference: M, D, N, = or X."""
    return _REFERENCE >> code & 1 != 0


@subkernel
def has_aligned(cigar: UInt32s, first: int, last: int) -> bool:
    """Whether any of the operations from ``first`` up to ``last`` of uint32[o] aligns bases."""
    k = first
    while k < last and not is_aligned(code_of(cigar[k])):
        k += 1
    return k < last


@subkernel
def gap_run(cigar: UInt32s, first: int, last: int) -> tuple[int, int, int]:
    """Take the gaps that follow each other in uint32[o] from ``first`` on, and end before ``last``, as one.

    Returns
    -------
    int, int, int
        Index of the operation after them, bp deleted and bp inserted.
    """
    k, deleted, inserted = first, 0, 0
    while k < last and is_gap(code_of(cigar[k])):
        if code_of(cigar[k]) == INSERTION:
            inserted += length_of(cigar[k])
        else:
            deleted += length_of(cigar[k])
        k += 1
    return k, deleted, inserted


@kernel
def reference_spans(cigar: UInt32s, offset: Int64s) -> Int64s:
    """Bp of the reference that each CIGAR spans, int64[r]; CIGAR ``i`` is ``cigar[offset[i] : offset[i + 1]]``."""
    spans = np.zeros(len(offset) - 1, np.int64)
    for i in range(len(spans)):
        for k in range(offset[i], offset[i + 1]):
            if consumes_reference(code_of(cigar[k])):
                spans[i] += length_of(cigar[k])
    return spans


@subkernel
def pack_columns(codes: UInt32s) -> UInt32s:
    """Packed operations, uint32[o], of one code per column, uint32[columns]."""
    out = np.empty(len(codes), np.uint32)
    n = 0
    for i in range(len(codes)):
        if n > 0 and out[n - 1] & CODE_MASK == codes[i]:
            out[n - 1] += np.uint32(1 << LENGTH_SHIFT)
        else:
            out[n] = np.uint32(1 << LENGTH_SHIFT) | codes[i]
            n += 1
    return out[:n].copy()
