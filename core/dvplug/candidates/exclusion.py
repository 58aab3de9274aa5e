"""Reads that seem to have two alleles of which the one leaves no room for the other.

Each site compares a read with its own alleles alone. A read with a deletion therefore often fits the like deletion of
a site a few bases beside, which is on the other copy, better than it fits the reference there. Where one read was given
two such alleles, it keeps the one that it fits better; where it fits both alike, it keeps both. Such are alleles that
replace the same bases, and those of near sites where a read is as much longer or shorter than the reference as the one
says, and not as much as both: aligners show two insertions of a tract now as two, and now as one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dvplug.candidates.site_layout import OneSite, Sites, lay_out, one_site
from dvplug.candidates.support import MIN_SCORE_MARGIN, allele_score, anchors_beside, read_from
from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import OTHER, ReadSupport
from dvplug.line.read_batch import OneRead, ReadArrays, ReadBatch
from dvplug.sequence.alleles import without_shared
from dvplug.sequence.arrays import Int8s, Int32s, Int64s, UInt8s, distinct
from dvplug.sequence.cigar import DELETION, consumes_reference, is_aligned, is_gap, unpack
from dvplug.sequence.cursors import first_places

NEAR = 50
"""bp from one site's start to the other's within which a read's alignment tells whether it has both alleles: as far
beyond a region sites can change which reads support those in it, beside those that overlap them."""
_UNKNOWN = 1 << 30


def without_contradictions(
    support: ReadSupport,
    reads: ReadBatch,
    reference: UInt8s,
    reference_start: int,
    starts: Int32s,
    refs: Sequence[str],
    alts: Sequence[tuple[str, ...]],
) -> ReadSupport:
    """Return the support, with one allele fewer where a read was given two that exclude each other.

    Parameters
    ----------
    support
        As `assign_reads` gives it; the other parameters are those of `assign_reads`.
    """
    indels = [i for i, ref in enumerate(refs) if any(len(alt) != len(ref) for alt in alts[i])]
    first = starts.tolist()
    pairs = []
    for k, i in enumerate(indels):
        for j in indels[k + 1 :]:
            if first[j] >= first[i] + max(len(refs[i]), NEAR):
                break
            pairs.append((i, j))
    if not pairs:
        return support
    involved: Int64s = distinct(np.array(pairs))
    own = involved.tolist()
    sites = lay_out(
        reference, reference_start, starts[involved], [refs[i] for i in own], [alts[i] for i in own]
    )
    allele = support.allele.copy()
    _settle(reads.arrays(), sites, involved, np.searchsorted(involved, pairs), support, allele)
    return support._replace(allele=allele)


@kernel
def _settle(
    reads: ReadArrays, sites: Sites, involved: Int64s, pairs: Int64s, support: ReadSupport, allele: Int8s
) -> None:
    """Take alleles away from ``allele``, int8[entries], a copy of the support's.

    Parameters
    ----------
    involved
        int64[s], which sites of the support ``sites`` are.
    pairs
        int64[n, 2], indexes into ``sites``.
    """
    cursors = first_places(reads.start, reads.cigar_offset)
    for pair in range(len(pairs)):
        one, other = one_site(sites, pairs[pair, 0]), one_site(sites, pairs[pair, 1])
        i, last_i = support.offset[involved[pairs[pair, 0]]], support.offset[involved[pairs[pair, 0]] + 1]
        j, last_j = support.offset[involved[pairs[pair, 1]]], support.offset[involved[pairs[pair, 1]] + 1]
        while i < last_i and j < last_j:
            if support.read[i] < support.read[j]:
                i += 1
            elif support.read[i] > support.read[j]:
                j += 1
            else:
                a, b = np.int64(support.allele[i]), np.int64(support.allele[j])
                if a > 0 and b > 0:
                    read = read_from(reads, cursors, np.int64(support.read[i]), one)
                    more = _more_unlike(read, one, a, other, b)
                    if more >= MIN_SCORE_MARGIN:
                        allele[i] = OTHER
                    elif -more >= MIN_SCORE_MARGIN:
                        allele[j] = OTHER
                i += 1
                j += 1


@subkernel
def _more_unlike(read: OneRead, one: OneSite, a: int, other: OneSite, b: int) -> int:
    """Phred by which a read is less like allele ``a`` of the one site than ``b`` of the other; 0 if both may be."""
    if not _overlap(one, a, other, b):
        longer = _change_of_length(read, one.start, max(one.tract_end, other.tract_end))
        of_one = one.allele_length[a] - one.ref_length
        of_other = other.allele_length[b] - other.ref_length
        if longer == of_one + of_other or (longer != of_one and longer != of_other):
            return 0
        if of_one != of_other:
            return MIN_SCORE_MARGIN if longer == of_other else -MIN_SCORE_MARGIN
    unlike = allele_score(read, one, anchors_beside(read, one), a)
    return unlike - allele_score(read, other, anchors_beside(read, other), b)


@subkernel
def _change_of_length(read: OneRead, first: int, end: int) -> int:
    """By how many bp a read is longer than the reference after ``first`` and up to ``end``.

    A gap is where the next base is aligned. `_UNKNOWN` where the read does not reach over both, or is clipped between.
    """
    position, change = read.start, 0
    reaches = position <= first
    for k in range(len(read.cigar)):
        code, length = unpack(read.cigar[k])
        if is_gap(code):
            if first < position <= end:
                change += -length if code == DELETION else length
        elif not is_aligned(code):
            break
        if consumes_reference(code):
            position += length
        if position > end:
            return change if reaches else _UNKNOWN
    return _UNKNOWN


@subkernel
def _overlap(one: OneSite, a: int, other: OneSite, b: int) -> bool:
    """Whether REFs of allele ``a`` of the one and ``b`` of the other site overlap: no copy has both."""
    begin, end = _ref_span(one, a)
    other_begin, other_end = _ref_span(other, b)
    return begin < other_end and other_begin < end


@subkernel
def _ref_span(site: OneSite, a: int) -> tuple[int, int]:
    """The stretch of the reference that REF would be, were the allele alone: what it replaces, or after an anchor."""
    ref, alt = site.offset[0] + site.allele_at[0], site.offset[a] + site.allele_at[a]
    at, deleted, _, inserted = without_shared(
        site.bases, ref, site.ref_length, site.bases, alt, site.allele_length[a]
    )
    begin = site.start + at - ref
    return begin - (1 if deleted == 0 or inserted == 0 else 0), begin + deleted
