"""Which allele each read supports, decided by comparing the read with each allele's haplotype.

A CIGAR alone misleads at indels: aligners leave full-length matches across a deletion near a read's end, and
clip where an insertion begins. Around an indel the read's bases are therefore laid, without gaps, along the
reference and along every alternate haplotype, once from an anchor to the left of the site and once from one to
its right, soft clips included; the better of the two counts. Where a read fits none of them, or several alike, most
often as it has another variant beside the site, its alignment decides. Substitutions are read off the alignment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE
from dvplug.line.read_batch import ReadBatch
from dvplug.sequence.alleles import left_aligned
from dvplug.sequence.codes import encode_bases

EXCLUDED = -3  # the read tells nothing of the site and does not lie over it

FLANK = 15  # bp compared on each side of a site: enough for a wrong haplotype to show
MIN_SCORE_MARGIN = 15  # phred by which the best haplotype must beat the next
MAX_MISMATCH_SCORE = 100  # phred; a read further than this from all haplotypes supports another allele
MAX_BASE_SCORE = 40  # phred that one mismatching base can add


def assign_reads(
    reads: ReadBatch,
    reference: npt.NDArray[np.uint8],
    reference_start: int,
    starts: npt.NDArray[np.int32],
    refs: Sequence[str],
    alts: Sequence[tuple[str, ...]],
    *,
    min_base_quality: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Assign the reads over each site to one of its alleles.

    Parameters
    ----------
    reference, reference_start
        uint8[l] base codes, from that position on.
    starts
        int32[s], 0-based position of each site's first REF base, ascending.

    Returns
    -------
    offset, index, allele
        int64[s + 1], int32[m], int8[m]: the rows of `CandidateBatch`, reads ascending within a site.
    """
    sites = _Haplotypes(reference, reference_start, starts, refs, alts)
    reach = np.maximum.accumulate(reads.end) if len(reads) else reads.end
    first = np.searchsorted(reach, starts - FLANK, side="right")
    last = np.searchsorted(reads.start, sites.tract_end + FLANK, side="right")
    most = int(np.maximum(last - first, 0).sum())
    return _assign(
        reads.start, reads.end, reads.seq, reads.qual, reads.base_offset, reads.cigar, reads.cigar_offset,
        first, last, most, starts, sites.tract_end, sites.is_substitution, sites.first_haplotype,
        sites.haplotype_offset, sites.site_index, sites.allele_length, sites.ref_length, sites.bases,
        sites.extra, min_base_quality, reference, reference_start,
    )  # fmt: skip


class _Haplotypes:
    """The alleles of all sites with their flanks, flat; site ``i`` owns haplotypes from ``first_haplotype[i]``."""

    def __init__(
        self,
        reference: npt.NDArray[np.uint8],
        reference_start: int,
        starts: npt.NDArray[np.int32],
        refs: Sequence[str],
        alts: Sequence[tuple[str, ...]],
    ) -> None:
        bases: list[npt.NDArray[np.uint8]] = []
        lengths: list[int] = []
        site_index, tract_ends, extras = [], [], []
        for start, ref, site_alts in zip((starts - reference_start).tolist(), refs, alts, strict=True):
            alleles = [encode_bases(a.encode()) for a in (ref, *site_alts)]
            extra = max(len(a) for a in alleles) - min(len(a) for a in alleles)
            lengths.extend(len(a) for a in alleles)
            if all(len(a) == 1 for a in alleles):
                bases.extend(alleles)
                site_index.extend([0] * len(alleles))
                tract_ends.append(start + 1)
            else:
                tract_end = _tract_end(reference, start, alleles)
                left = max(0, start - FLANK - extra)
                right = reference[start + len(ref) : tract_end + FLANK + 2 * extra]
                bases.extend(np.concatenate((reference[left:start], allele, right)) for allele in alleles)
                site_index.extend([start - left] * len(alleles))
                tract_ends.append(tract_end)
            extras.append(extra)
        self.bases = np.concatenate(bases) if bases else np.zeros(0, np.uint8)
        self.haplotype_offset = np.concatenate(([0], np.cumsum([len(b) for b in bases]))).astype(np.int64)
        self.first_haplotype = np.concatenate(([0], np.cumsum([1 + len(a) for a in alts]))).astype(np.int64)
        self.site_index = np.array(site_index, np.int64)  # of a haplotype: where its allele begins
        self.allele_length = np.array(lengths, np.int64)
        self.ref_length = np.array([len(r) for r in refs], np.int64)
        self.tract_end = np.array(tract_ends, np.int64) + reference_start
        self.extra = np.array(extras, np.int64)  # difference of the longest and the shortest allele
        self.is_substitution = np.array(
            [len(r) == 1 and all(len(a) == 1 for a in site) for r, site in zip(refs, alts, strict=True)],
            np.bool_,
        )


def _tract_end(reference: npt.NDArray[np.uint8], start: int, alleles: Sequence[npt.NDArray[np.uint8]]) -> int:
    """First position to the right of the site where no allele can be shifted further."""
    ref_length = len(alleles[0])
    rest = reference[start + ref_length : start + ref_length + 1000]
    end = start + ref_length
    whole = np.concatenate((alleles[0], rest))
    for allele in alleles[1:]:
        other = np.concatenate((allele, rest))
        n = min(len(whole), len(other))
        differs = np.flatnonzero(whole[:n] != other[:n])
        common = int(differs[0]) if len(differs) else n
        end = max(end, start + common + max(0, ref_length - len(allele)))
    return end


@njit(cache=True)
def _assign(
    start: Any, end: Any, seq: Any, qual: Any, base_offset: Any, cigar: Any, cigar_offset: Any,
    first: Any, last: Any, most: int, site_start: Any, tract_end: Any, is_substitution: Any, first_haplotype: Any,
    haplotype_offset: Any, site_index: Any, allele_length: Any, ref_length: Any, bases: Any,
    extra: Any, min_base_quality: int, reference: Any, reference_start: int,
) -> Any:  # fmt: skip
    offset = np.zeros(len(site_start) + 1, np.int64)
    index = np.empty(most, np.int32)
    allele = np.empty(most, np.int8)
    n = 0
    for site in range(len(site_start)):
        haplotypes = slice(first_haplotype[site], first_haplotype[site + 1])
        offsets = haplotype_offset[first_haplotype[site] : first_haplotype[site + 1] + 1]
        for read in range(first[site], last[site]):
            operations = cigar[cigar_offset[read] : cigar_offset[read + 1]]
            read_seq = seq[base_offset[read] : base_offset[read + 1]]
            read_qual = qual[base_offset[read] : base_offset[read + 1]]
            if is_substitution[site]:
                if not start[read] <= site_start[site] < end[read]:
                    continue
                found = substitution_allele(
                    np.int64(start[read]), operations, read_seq, read_qual,
                    np.int64(site_start[site]), bases[offsets[0] : offsets[-1]], min_base_quality,
                )  # fmt: skip
            else:
                found = haplotype_allele(
                    np.int64(start[read]), operations, read_seq, read_qual, np.int64(site_start[site]),
                    ref_length[site], tract_end[site], extra[site], bases, offsets,
                    site_index[haplotypes], allele_length[haplotypes],
                )  # fmt: skip
                if found in (OTHER, UNINFORMATIVE):
                    written = written_allele(
                        np.int64(start[read]), operations, read_seq, read_qual, np.int64(site_start[site]),
                        ref_length[site], tract_end[site], reference, reference_start, bases, offsets,
                        site_index[haplotypes], allele_length[haplotypes], min_base_quality,
                    )  # fmt: skip
                    found = written if written != OTHER else found
                if found == UNINFORMATIVE and not start[read] <= site_start[site] < end[read]:
                    continue
            if found == EXCLUDED:
                continue
            index[n] = read
            allele[n] = found
            n += 1
        offset[site + 1] = n
    return offset, index[:n].copy(), allele[:n].copy()


@njit(cache=True)
def substitution_allele(
    start: int, cigar: Any, seq: Any, qual: Any, site: int, alleles: Any, min_base_quality: int
) -> int:
    """Allele of a read at a site where all alleles are one base long; ``alleles`` uint8[a] base codes."""
    position, base = start, 0
    for k in range(len(cigar)):
        code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
        if code == 0 or code == 7 or code == 8:
            if position <= site < position + length:
                at = base + site - position
                if seq[at] > 3 or qual[at] < min_base_quality:
                    return UNINFORMATIVE
                for a in range(len(alleles)):
                    if seq[at] == alleles[a]:
                        return a
                return OTHER
            position += length
            base += length
        elif code == 1 or code == 4:
            base += length
        elif code == 2 or code == 3:
            if position <= site < position + length:
                return OTHER if code == 2 else EXCLUDED
            position += length
    return EXCLUDED


@njit(cache=True)
def haplotype_allele(
    start: int, cigar: Any, seq: Any, qual: Any, site: int, ref_length: int, tract_end: int, extra: int,
    bases: Any, offsets: Any, site_index: Any, allele_length: Any,
) -> int:  # fmt: skip
    """Allele of a read at a site with an indel, by comparison with each haplotype.

    ``bases[offsets[a]:offsets[a + 1]]`` is the haplotype of allele ``a``; its allele begins at ``site_index[a]``
    and is ``allele_length[a]`` long. ``tract_end`` is the first reference position that all alleles share again
    whatever the indel's placement, ``extra`` the difference between the longest and the shortest allele.
    """
    left, left_base, right, right_base = _anchors(start, cigar, site - 1, tract_end)
    if left < site - FLANK:
        left_base = -1
    if right > tract_end + FLANK:
        right_base = -1
    if left_base < 0 and right_base < 0:
        return EXCLUDED
    best, best_score, next_score = 0, 1 << 30, 1 << 30
    for a in range(len(allele_length)):
        haplotype = bases[offsets[a] : offsets[a + 1]]
        score = 1 << 30
        if left_base >= 0:
            most = tract_end - left + extra + FLANK
            score = _mismatch_score(seq, qual, left_base, haplotype, site_index[a] - (site - left), 1, most)
        if right_base >= 0:
            most = right - site + extra + FLANK
            at = site_index[a] + allele_length[a] + right - site - ref_length
            score = min(score, _mismatch_score(seq, qual, right_base, haplotype, at, -1, most))
        if score < best_score:
            best, best_score, next_score = a, score, best_score
        elif score < next_score:
            next_score = score
    if best_score > MAX_MISMATCH_SCORE:
        return OTHER
    return best if next_score - best_score >= MIN_SCORE_MARGIN else UNINFORMATIVE


@njit(cache=True)
def written_allele(
    start: int, cigar: Any, seq: Any, qual: Any, site: int, ref_length: int, tract_end: int, reference: Any,
    reference_start: int, bases: Any, offsets: Any, site_index: Any, allele_length: Any, min_base_quality: int,
) -> int:  # fmt: skip
    """Allele that a read's own alignment writes at a site, its indels shifted to the left; OTHER if it is none.

    The reference is believed only of a read that has no gap from `FLANK` before the site to `FLANK` after
    ``tract_end``: near their ends reads are aligned without a gap whatever they show. The rest as in
    `haplotype_allele`.
    """
    position, base = start, 0
    shown, whole = OTHER, False  # the base at the site; whether it lies in a stretch that long
    for k in range(len(cigar)):
        code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
        if code == 0 or code == 7 or code == 8:
            at = base + site - position
            if position <= site < position + length and seq[at] < 4 and qual[at] >= min_base_quality:
                shown = np.int64(seq[at])
                whole = position <= site - FLANK and tract_end + FLANK <= position + length
            position += length
            base += length
        elif code == 1 or code == 2:
            anchor = position - 1 - reference_start
            inside = start <= site < position <= tract_end and anchor + length < len(reference)
            if inside and _between_matches(cigar, k):
                first = left_aligned(reference, anchor, seq, base, length, code == 1)
                if first + reference_start == site:
                    return _allele_with(
                        np.int64(reference[first]), length if code == 1 else -length, anchor - first, seq, base,
                        reference[first + 1 :], ref_length, bases, offsets, site_index, allele_length,
                    )  # fmt: skip
            if code == 1:
                base += length
            else:
                position += length
        elif code == 4:
            base += length
        elif code == 3:
            position += length
    if shown == bases[offsets[0] + site_index[0]]:
        return 0 if whole else OTHER
    return _allele_with(
        shown, 0, 0, seq, 0, reference[:0], ref_length, bases, offsets, site_index, allele_length
    )


@njit(cache=True)
def _between_matches(cigar: Any, k: int) -> bool:
    if not 0 < k < len(cigar) - 1:
        return False
    before, after = cigar[k - 1] & 15, cigar[k + 1] & 15
    return (before == 0 or before == 7 or before == 8) and (after == 0 or after == 7 or after == 8)


@njit(cache=True)
def _allele_with(
    first: int, change: int, shift: int, seq: Any, base: int, following: Any, ref_length: int, bases: Any, offsets: Any,
    site_index: Any, allele_length: Any,
) -> int:  # fmt: skip
    """Alternate allele that begins with ``first`` and has ``change`` bp more than the reference right after it.

    Inserted are ``seq[base : base + change]``, after a shift to the left by ``shift`` bp of ``following``.
    """
    ref = offsets[0] + site_index[0]
    for a in range(1, len(allele_length)):
        alt = offsets[a] + site_index[a]
        same = allele_length[a] == ref_length + change and bases[alt] == first
        for i in range(1, allele_length[a] if same else 0):
            if i > change:
                expected = bases[ref + i - change]
            else:
                expected = following[i - 1] if i <= shift else seq[base + i - 1 - shift]
            same &= bases[alt + i] == expected
        if same:
            return a
    return OTHER


@njit(cache=True)
def _anchors(start: int, cigar: Any, last_left: int, first_right: int) -> Any:
    """The aligned base nearest to the site on each side: (position, index in the read); index -1 without one."""
    position, base = start, 0
    left, left_base, right, right_base = 0, -1, 0, -1
    for k in range(len(cigar)):
        code, length = cigar[k] & 15, np.int64(cigar[k] >> 4)
        if code == 0 or code == 7 or code == 8:
            if position <= last_left:
                left = min(last_left, position + length - 1)
                left_base = base + left - position
            if position + length > first_right:
                right = max(first_right, position)
                right_base = base + right - position
                break
            position += length
            base += length
        elif code == 1 or code == 4:
            base += length
        elif code == 2 or code == 3:
            position += length
    return left, left_base, right, right_base


@njit(cache=True)
def _mismatch_score(seq: Any, qual: Any, base: int, haplotype: Any, at: int, step: int, most: int) -> int:
    """Sum of the phred qualities of mismatching bases, from one anchor on, in the direction of ``step``."""
    score = 0
    for _ in range(most):
        if base < 0 or base >= len(seq) or at < 0 or at >= len(haplotype):
            break
        if seq[base] != haplotype[at] and seq[base] < 4 and haplotype[at] < 4:
            score += min(np.int64(qual[base]), MAX_BASE_SCORE)
        base += step
        at += step
    return score
