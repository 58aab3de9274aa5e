"""Which allele each read supports, decided by comparing the read with each allele's haplotype.

A CIGAR alone misleads at indels: aligners leave full-length matches across a deletion near a read's end, and
clip where an insertion begins. Around an indel the read's bases are therefore laid, without gaps, along the
reference and along every alternate haplotype, once from an anchor to the left of the site and once from one to
its right, soft clips included; the better of the two counts. Where a read fits none of them, or several alike, most
often as it has another variant beside the site, its alignment decides. Substitutions are read off the alignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dvplug.candidates.site_layout import HAPLOTYPE_FLANK, OneSite, Sites, lay_out, one_site
from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE, ReadSupport
from dvplug.line.read_batch import OneRead, ReadArrays, ReadBatch
from dvplug.sequence.alleles import left_aligned, without_shared
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s
from dvplug.sequence.cigar import (
    DELETION,
    code_of,
    consumes_read,
    consumes_reference,
    has_aligned,
    is_aligned,
    is_gap,
    unpack,
)
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.sequence.cursors import Cursors, first_places, move_on
from dvplug.sequence.gaps import Gaps, touching_gaps

EXCLUDED = -3  # the read tells nothing of the site and does not lie over it

MIN_SCORE_MARGIN = 15  # phred by which the best haplotype must beat the next
MAX_MISMATCH_SCORE = 100  # phred; a read further than this from all haplotypes supports another allele
MAX_BASE_SCORE = 40  # phred that one mismatching base can add
_WORST_SCORE = 1 << 30


class Anchors(NamedTuple):
    """The aligned bases of a read that its bases at a site are compared from; all are int64."""

    left: int  # reference position
    left_base: int  # index in the read, -1 without one
    right: int
    right_base: int


def assign_reads(
    reads: ReadBatch,
    reference: UInt8s,
    reference_start: int,
    starts: Int32s,
    refs: Sequence[str],
    alts: Sequence[tuple[str, ...]],
    *,
    min_base_quality: int,
) -> ReadSupport:
    """Assign the reads over each site to one of its alleles, reads ascending within a site.

    Parameters
    ----------
    reference, reference_start
        uint8[l] base codes, from that position on.
    starts
        int32[s], 0-based position of each site's first REF base, ascending.
    """
    sites = lay_out(reference, reference_start, starts, refs, alts)
    reach = np.maximum.accumulate(reads.end) if len(reads) else reads.end
    first = np.searchsorted(reach, starts - HAPLOTYPE_FLANK, side="right")
    last = np.searchsorted(reads.start, sites.tract_end + HAPLOTYPE_FLANK, side="right")
    support: ReadSupport = _assign(
        reads.arrays(), sites, first, last, reference, reference_start, min_base_quality
    )
    return support


@kernel
def _assign(
    reads: ReadArrays,
    sites: Sites,
    first: Int64s,
    last: Int64s,
    reference: UInt8s,
    reference_start: int,
    min_base_quality: int,
) -> ReadSupport:
    """Assign to each site those of the reads from ``first`` up to ``last``, int64[sites], that tell of it."""
    offset = np.zeros(len(sites.start) + 1, np.int64)
    most = 0
    for s in range(len(first)):
        most += max(last[s] - first[s], 0)
    index = np.empty(most, np.int32)
    allele = np.empty(most, np.int8)
    cursors = first_places(reads.start, reads.cigar_offset)
    n = 0
    for s in range(len(sites.start)):
        site = one_site(sites, s)
        for i in range(first[s], last[s]):
            read = read_from(reads, cursors, i, site)
            lies_over = reads.start[i] <= site.start < reads.end[i]
            if sites.is_substitution[s]:
                if not lies_over:
                    continue
                alleles = site.bases[site.offset[0] : site.offset[-1]]
                found = substitution_allele(read, site.start, alleles, min_base_quality)
            else:
                found = haplotype_allele(read, site)
                if (found == OTHER) | (found == UNINFORMATIVE):
                    written = written_allele(read, site, reference, reference_start, min_base_quality)
                    found = written if written != OTHER else found
                if found == UNINFORMATIVE and not lies_over:
                    continue
            if found == EXCLUDED:
                continue
            index[n] = i
            allele[n] = found
            n += 1
        offset[s + 1] = n
    return ReadSupport(offset, index[:n].copy(), allele[:n].copy())


@subkernel
def read_from(reads: ReadArrays, cursors: Cursors, i: int, site: OneSite) -> OneRead:
    """Read ``i``, without those operations of its CIGAR that tell nothing of the site; sites have to come ascending."""
    last = reads.cigar_offset[i + 1]
    move_on(cursors, i, reads.cigar, last, site.start - HAPLOTYPE_FLANK - 1)
    bases = slice(reads.base_offset[i], reads.base_offset[i + 1])
    cigar = reads.cigar[cursors.operation[i] : last]
    return OneRead(cursors.position[i], cigar, reads.seq[bases], reads.qual[bases], cursors.base[i])


@subkernel
def substitution_allele(read: OneRead, at: int, alleles: UInt8s, min_base_quality: int) -> int:
    """Allele of a read at a position where all alleles are one base long: index, or a code.

    Parameters
    ----------
    alleles
        uint8[a], the base code of each.

    Returns
    -------
    int
        Index into ``alleles``; `OTHER` for another base or none, `UNINFORMATIVE` for one that is unknown or too poor,
        `EXCLUDED` where the read does not lie over the position, or skips it.
    """
    position, base = read.start, read.first_base
    for k in range(len(read.cigar)):
        code, length = unpack(read.cigar[k])
        if consumes_reference(code):
            if position <= at < position + length:
                if not is_aligned(code):
                    return OTHER if code == DELETION else EXCLUDED
                base += at - position
                if read.seq[base] >= UNKNOWN_BASE or read.qual[base] < min_base_quality:
                    return UNINFORMATIVE
                for a in range(len(alleles)):
                    if read.seq[base] == alleles[a]:
                        return a
                return OTHER
            position += length
        if consumes_read(code):
            base += length
    return EXCLUDED


@subkernel
def haplotype_allele(read: OneRead, site: OneSite) -> int:
    """Allele of a read at a site with an indel, by comparison with each haplotype: index, or a code.

    `OTHER` where none fits, `UNINFORMATIVE` where several fit alike, `EXCLUDED` where no base close to the site on
    either side is aligned.
    """
    around = anchors_beside(read, site)
    if around.left_base < 0 and around.right_base < 0:
        return EXCLUDED
    best, best_score, next_score = 0, _WORST_SCORE, _WORST_SCORE
    for a in range(len(site.allele_length)):
        score = allele_score(read, site, around, a)
        if score < best_score:
            best, best_score, next_score = a, score, best_score
        elif score < next_score:
            next_score = score
    if best_score > MAX_MISMATCH_SCORE:
        return OTHER
    return best if next_score - best_score >= MIN_SCORE_MARGIN else UNINFORMATIVE


@subkernel
def anchors_beside(read: OneRead, site: OneSite) -> Anchors:
    """The aligned bases nearest to the site, where they are near enough."""
    left, left_base, right, right_base = _anchors(read, site.start - 1, site.tract_end)
    if left < site.start - HAPLOTYPE_FLANK:
        left_base = -1
    if right > site.tract_end + HAPLOTYPE_FLANK:
        right_base = -1
    return Anchors(left, left_base, right, right_base)


@subkernel
def allele_score(read: OneRead, site: OneSite, around: Anchors, a: int) -> int:
    """Phred of the read's mismatches with the haplotype of allele ``a``, from the better of its anchors."""
    haplotype = site.bases[site.offset[a] : site.offset[a + 1]]
    score = _WORST_SCORE
    if around.left_base >= 0:
        most = site.tract_end - around.left + site.extra + HAPLOTYPE_FLANK
        at = site.allele_at[a] - (site.start - around.left)
        score = _mismatch_score(read, around.left_base, haplotype, at, 1, most)
    if around.right_base >= 0:
        most = around.right - site.start + site.extra + HAPLOTYPE_FLANK
        at = site.allele_at[a] + site.allele_length[a] + around.right - site.start - site.ref_length
        score = min(score, _mismatch_score(read, around.right_base, haplotype, at, -1, most))
    return score


@subkernel
def written_allele(
    read: OneRead, site: OneSite, reference: UInt8s, reference_start: int, min_base_quality: int
) -> int:
    """Allele that a read's own alignment writes at a site, its indels shifted to the left; OTHER if it is none.

    The reference is believed only of a read that has no gap from `HAPLOTYPE_FLANK` before the site to as far after
    its tract: near their ends reads are aligned without a gap whatever they show.

    Parameters
    ----------
    reference
        uint8[l] base codes from ``reference_start`` on.
    """
    position, base = read.start, read.first_base
    shown, whole = OTHER, False  # the base at the site; whether it lies in a stretch that long
    told = np.int64(0)  # operations before it that were looked at
    for k in range(len(read.cigar)):
        if position > site.tract_end:
            break
        code, length = unpack(read.cigar[k])
        if is_aligned(code):
            at = base + site.start - position
            if (
                position <= site.start < position + length
                and read.seq[at] < UNKNOWN_BASE
                and read.qual[at] >= min_base_quality
            ):
                shown = np.int64(read.seq[at])
                whole = (
                    position <= site.start - HAPLOTYPE_FLANK
                    and site.tract_end + HAPLOTYPE_FLANK <= position + length
                )
        elif is_gap(code) and k >= max(told, 1) and is_aligned(code_of(read.cigar[k - 1])):
            at = position - reference_start
            gaps = touching_gaps(read.cigar, k, len(read.cigar), reference, at, read.seq, base)
            told = gaps.after
            here, found = _gaps_allele(read, site, reference, at, gaps, base)
            if here == site.start - reference_start and read.start <= site.start:
                return found
        if consumes_read(code):
            base += length
        if consumes_reference(code):
            position += length
    if shown == site.bases[site.offset[0] + site.allele_at[0]]:
        return 0 if whole else OTHER
    return _allele_with(site, shown, 0, reference[:0], read.seq[:0])


@subkernel
def _gaps_allele(
    read: OneRead, site: OneSite, reference: UInt8s, at: int, gaps: Gaps, base: int
) -> tuple[int, int]:
    """Offset in the reference of the allele that gaps write, and its number at the site.

    They lie at offset ``at`` of ``reference``, uint8[l], and at ``base`` of the read. The offset is -1 where they are
    none that counts: they must lie between aligned bases, and change more than bases.
    """
    after, deleted, inserted = gaps
    if at <= 0 or at + deleted >= len(reference):
        return -1, OTHER
    if not has_aligned(read.cigar, after, min(after + 1, len(read.cigar))):
        return -1, OTHER
    at, deleted, base, inserted = without_shared(reference, at, deleted, read.seq, base, inserted)
    put = read.seq[base : base + inserted]
    if deleted > 0 and inserted > 0:
        return at if deleted != inserted else -1, _replacing_allele(site, deleted, put)
    if deleted == inserted:
        return -1, OTHER
    first = left_aligned(reference, at - 1, put, 0, max(deleted, inserted), inserted > 0)
    change, passed = inserted - deleted, reference[first + 1 : at]
    return first, _allele_with(site, np.int64(reference[first]), change, passed, put)


@subkernel
def _replacing_allele(site: OneSite, deleted: int, put: UInt8s) -> int:
    """Alternate allele that has ``put``, uint8[p], in place of the first ``deleted`` bases; `OTHER` if none."""
    ref = site.offset[0] + site.allele_at[0]
    for a in range(1, len(site.allele_length)):
        alt = site.offset[a] + site.allele_at[a]
        same = site.allele_length[a] == site.ref_length - deleted + len(put)
        for i in range(site.allele_length[a] if same else 0):
            same &= site.bases[alt + i] == (
                put[i] if i < len(put) else site.bases[ref + deleted + i - len(put)]
            )
        if same:
            return a
    return OTHER


@subkernel
def _allele_with(site: OneSite, first: int, change: int, passed: UInt8s, inserted: UInt8s) -> int:
    """Alternate allele that begins with ``first`` and has ``change`` bp more than the reference right after it.

    What follows is ``passed``, uint8[shift], the reference that an indel was shifted over, then ``inserted``,
    uint8[change], cut to ``change`` bp. `OTHER` where there is no such allele.
    """
    ref = site.offset[0] + site.allele_at[0]
    for a in range(1, len(site.allele_length)):
        alt = site.offset[a] + site.allele_at[a]
        same = site.allele_length[a] == site.ref_length + change and site.bases[alt] == first
        for i in range(1, site.allele_length[a] if same else 0):
            if i > change:
                expected = site.bases[ref + i - change]
            else:
                expected = passed[i - 1] if i <= len(passed) else inserted[i - 1 - len(passed)]
            same &= site.bases[alt + i] == expected
        if same:
            return a
    return OTHER


@subkernel
def _anchors(read: OneRead, last_left: int, first_right: int) -> tuple[int, int, int, int]:
    """The aligned base nearest to the site on each side: (position, index in the read); index -1 without one."""
    position, base = read.start, read.first_base
    left, left_base, right, right_base = 0, -1, 0, -1
    for k in range(len(read.cigar)):
        code, length = unpack(read.cigar[k])
        if is_aligned(code):
            if position <= last_left:
                left = min(last_left, position + length - 1)
                left_base = base + left - position
            if position + length > first_right:
                right = max(first_right, position)
                right_base = base + right - position
                break
        if consumes_read(code):
            base += length
        if consumes_reference(code):
            position += length
    return left, left_base, right, right_base


@subkernel
def _mismatch_score(read: OneRead, base: int, haplotype: UInt8s, at: int, step: int, most: int) -> int:
    """Sum of the phred qualities of mismatching bases, from one anchor on, in the direction of ``step``.

    Base ``base`` of the read lies at ``at`` of the haplotype, uint8[h]; ``most`` bases are compared.
    """
    score = 0
    for _ in range(most):
        if base < 0 or base >= len(read.seq) or at < 0 or at >= len(haplotype):
            break
        if read.seq[base] != haplotype[at] and read.seq[base] < UNKNOWN_BASE and haplotype[at] < UNKNOWN_BASE:
            score += min(np.int64(read.qual[base]), MAX_BASE_SCORE)
        base += step
        at += step
    return score
