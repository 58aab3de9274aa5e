"""The alleles of sites laid out as haplotypes, for kernels to compare reads with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
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
    texts = [allele for ref, site_alts in zip(refs, alts, strict=True) for allele in (ref, *site_alts)]
    lengths = np.array([len(text) for text in texts], np.int64)
    first_haplotype = np.concatenate(([0], np.cumsum([1 + len(a) for a in alts]))).astype(np.int64)
    at = starts.astype(np.int64) - reference_start
    spans = _spans(first_haplotype, lengths)
    alleles = encode_bases("".join(texts).encode())
    tract_end, (bases, offset, allele_at) = _laid_out(reference, at, alleles, lengths, spans)
    return Sites(
        start=starts.astype(np.int64),
        ref_length=lengths[first_haplotype[:-1]],
        tract_end=tract_end + reference_start,
        extra=spans.extra,
        is_substitution=spans.longest == 1,
        first_haplotype=first_haplotype,
        bases=bases,
        offset=offset,
        allele_at=allele_at,
        allele_length=lengths,
    )


class _Spans(NamedTuple):
    """Lengths of the alleles of sites, in bp."""

    first: Int64s  # [sites + 1]: as `Sites.first_haplotype`
    longest: Int64s  # [sites]
    extra: Int64s  # [sites]


def _spans(first: Int64s, lengths: Int64s) -> _Spans:
    """Of int64[haplotypes] lengths."""
    if len(first) == 1:
        return _Spans(first, np.zeros(0, np.int64), np.zeros(0, np.int64))
    longest = np.maximum.reduceat(lengths, first[:-1])
    return _Spans(first, longest, longest - np.minimum.reduceat(lengths, first[:-1]))


@kernel
def _laid_out(
    reference: UInt8s, starts: Int64s, alleles: UInt8s, lengths: Int64s, spans: _Spans
) -> tuple[Int64s, tuple[UInt8s, Int64s, Int64s]]:
    """Where each site's tract ends, int64[sites], and of the haplotypes the bases, offset and allele_at of `Sites`.

    Parameters
    ----------
    reference, starts
        uint8[l] base codes, and where sites begin in them, int64[sites].
    alleles, lengths
        uint8[bases] base codes of all alleles, one after the other, and int64[haplotypes] how long they are.
    """
    sites, n = len(starts), len(lengths)
    tract_end, offset, allele_at = starts + 1, np.zeros(n + 1, np.int64), np.zeros(n, np.int64)
    own = np.zeros(n + 1, np.int64)  # of alleles
    for i in range(n):
        own[i + 1] = own[i] + lengths[i]
    for fill in range(2):
        bases = np.empty(offset[n] if fill else 0, np.uint8)
        for s in range(sites):
            first, last = spans.first[s], spans.first[s + 1]
            before, after = starts[s], starts[s] + lengths[first]
            left, right = before, after
            if spans.longest[s] > 1:
                if not fill:
                    tract_end[s] = _tract_end(reference, before, alleles, own[first : last + 1])
                left = max(0, before - HAPLOTYPE_FLANK - spans.extra[s])
                right = min(tract_end[s] + HAPLOTYPE_FLANK + 2 * spans.extra[s], len(reference))
            for i in range(first, last):
                allele = alleles[own[i] : own[i + 1]]
                if fill:
                    end = offset[i]
                    for part in (reference[left:before], allele, reference[after:right]):
                        for k in range(len(part)):
                            bases[end + k] = part[k]
                        end += len(part)
                else:
                    allele_at[i] = before - left
                    offset[i + 1] = offset[i] + (before - left) + len(allele) + max(0, right - after)
    return tract_end, (bases, offset, allele_at)


@subkernel
def _tract_end(reference: UInt8s, start: int, alleles: UInt8s, own: Int64s) -> int:
    """First offset to the right of the site where no allele can be shifted further; ``own`` has where alleles begin."""
    ref = alleles[own[0] : own[1]]
    rest = reference[start + len(ref) : start + len(ref) + _MOST_SHIFTED]
    end = start + len(ref)
    for i in range(1, len(own) - 1):
        allele = alleles[own[i] : own[i + 1]]
        common, most = 0, min(len(ref), len(allele)) + len(rest)
        while common < most and _base(ref, rest, common) == _base(allele, rest, common):
            common += 1
        end = max(end, start + common + max(0, len(ref) - len(allele)))
    return end


@subkernel
def _base(allele: UInt8s, rest: UInt8s, i: int) -> int:
    """Base ``i`` of the two, one after the other."""
    return allele[i] if i < len(allele) else rest[i - len(allele)]


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
