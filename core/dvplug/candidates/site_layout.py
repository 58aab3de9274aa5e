"""The alleles of sites laid out as haplotypes, for kernels to compare reads with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dvplug.kernel import subkernel
from dvplug.sequence.arrays import Bools, Int32s, Int64s, UInt8s
from dvplug.sequence.codes import encode_bases

HAPLOTYPE_FLANK = 15  # bp compared on each side of a site: enough for a wrong haplotype to show
_MOST_SHIFTED = 1000  # bp to the right of a site within which its alleles are looked for


class Sites(NamedTuple):
    """Sites, and the haplotypes of their alleles, reference first; those of one site follow each other."""

    start: Int64s  # [sites]: reference position of the first REF base
    ref_length: Int64s  # [sites]
    tract_end: Int64s  # [sites]: first position that all alleles share again, wherever the indel is placed
    extra: Int64s  # [sites]: bp by which the longest allele exceeds the shortest
    is_substitution: Bools  # [sites]: all alleles are one base long, and have no flanks
    first_haplotype: Int64s  # [sites + 1]
    bases: UInt8s  # [bases]: base codes of the haplotypes, each an allele with its flanks
    offset: Int64s  # [haplotypes + 1] into ``bases``
    allele_at: Int64s  # [haplotypes]: where the allele begins in its haplotype
    allele_length: Int64s  # [haplotypes]


class OneSite(NamedTuple):
    """One of `Sites`, with the haplotypes of its alleles."""

    start: int
    ref_length: int
    tract_end: int
    extra: int
    bases: UInt8s  # of all sites
    offset: Int64s  # [alleles + 1] into ``bases``
    allele_at: Int64s  # [alleles]
    allele_length: Int64s  # [alleles]


def lay_out(
    reference: UInt8s,
    reference_start: int,
    starts: Int32s,
    refs: Sequence[str],
    alts: Sequence[tuple[str, ...]],
) -> Sites:
    """Lay out the haplotypes of the alleles of all sites."""
    bases: list[UInt8s] = []
    lengths: list[int] = []
    allele_at, tract_ends, extras, is_substitution = [], [], [], []
    for start, ref, site_alts in zip((starts - reference_start).tolist(), refs, alts, strict=True):
        alleles = [encode_bases(a.encode()) for a in (ref, *site_alts)]
        extra = max(len(a) for a in alleles) - min(len(a) for a in alleles)
        lengths.extend(len(a) for a in alleles)
        is_substitution.append(all(len(a) == 1 for a in alleles))
        left, tract_end = start, start + 1
        if is_substitution[-1]:
            bases.extend(alleles)
        else:
            tract_end = _tract_end(reference, start, alleles)
            left = max(0, start - HAPLOTYPE_FLANK - extra)
            right = reference[start + len(ref) : tract_end + HAPLOTYPE_FLANK + 2 * extra]
            bases.extend(np.concatenate((reference[left:start], allele, right)) for allele in alleles)
        allele_at.extend([start - left] * len(alleles))
        tract_ends.append(tract_end)
        extras.append(extra)
    return Sites(
        start=starts.astype(np.int64),
        ref_length=np.array([len(r) for r in refs], np.int64),
        tract_end=np.array(tract_ends, np.int64) + reference_start,
        extra=np.array(extras, np.int64),
        is_substitution=np.array(is_substitution, np.bool_),
        first_haplotype=np.concatenate(([0], np.cumsum([1 + len(a) for a in alts]))).astype(np.int64),
        bases=np.concatenate(bases) if bases else np.zeros(0, np.uint8),
        offset=np.concatenate(([0], np.cumsum([len(b) for b in bases]))).astype(np.int64),
        allele_at=np.array(allele_at, np.int64),
        allele_length=np.array(lengths, np.int64),
    )


def _tract_end(reference: UInt8s, start: int, alleles: Sequence[UInt8s]) -> int:
    """First offset to the right of the site where no allele can be shifted further."""
    ref_length = len(alleles[0])
    rest = reference[start + ref_length : start + ref_length + _MOST_SHIFTED]
    end = start + ref_length
    whole = np.concatenate((alleles[0], rest))
    for allele in alleles[1:]:
        other = np.concatenate((allele, rest))
        n = min(len(whole), len(other))
        differs = np.flatnonzero(whole[:n] != other[:n])
        common = int(differs[0]) if len(differs) else n
        end = max(end, start + common + max(0, ref_length - len(allele)))
    return end


@subkernel
def one_site(sites: Sites, s: int) -> OneSite:
    """Site ``s``, without a copy."""
    first, last = sites.first_haplotype[s], sites.first_haplotype[s + 1]
    return OneSite(
        sites.start[s],
        sites.ref_length[s],
        sites.tract_end[s],
        sites.extra[s],
        sites.bases,
        sites.offset[first : last + 1],
        sites.allele_at[first:last],
        sites.allele_length[first:last],
    )
