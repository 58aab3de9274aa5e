"""Reads that seem to have two alleles of which the one leaves no room for the other.

Each site compares a read with its own alleles alone. A read with a deletion therefore often fits the like deletion of
a site a few bases beside, which is on the other copy, better than it fits the reference there. Where one read was given
two such alleles, it keeps the one that it fits better; where it fits both alike, it keeps both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dvplug.candidates.site_layout import OneSite, Sites, lay_out, one_site
from dvplug.candidates.support import MIN_SCORE_MARGIN, allele_score, anchors_beside, read_from
from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import OTHER, ReadSupport
from dvplug.line.read_batch import ReadArrays, ReadBatch
from dvplug.sequence.alleles import without_shared
from dvplug.sequence.arrays import Int8s, Int32s, Int64s, UInt8s, distinct
from dvplug.sequence.cursors import first_places


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
            if first[j] >= first[i] + len(refs[i]):
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
                if a > 0 and b > 0 and _exclude(one, a, other, b):
                    read = read_from(reads, cursors, np.int64(support.read[i]), one)
                    more = allele_score(read, one, anchors_beside(read, one), a)
                    more -= allele_score(read, other, anchors_beside(read, other), b)
                    if more >= MIN_SCORE_MARGIN:
                        allele[i] = OTHER
                    elif -more >= MIN_SCORE_MARGIN:
                        allele[j] = OTHER
                i += 1
                j += 1


@subkernel
def _exclude(one: OneSite, a: int, other: OneSite, b: int) -> bool:
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
