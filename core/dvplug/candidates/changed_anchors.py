"""Indels at whose anchor the same reads have another base than the reference: the two are one allele.

Some aligners put a substitution right before a gap, where others put it behind. A read shows one allele of a site, so
that of two alts, the indel and the other base at its anchor, it would seem to have the indel alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from dvplug.line.read_batch import ReadBatch
from dvplug.sequence.arrays import Int32s
from dvplug.sequence.cigar import LENGTH_SHIFT, code_of, consumes_read, consumes_reference, is_aligned
from dvplug.sequence.codes import BASES
from dvplug.technology import CandidateThresholds


class Allele(NamedTuple):
    """An alt at a site: how many bases of the reference it replaces, and by what."""

    ref_length: int
    alt: str


class Seen(NamedTuple):
    """An alt that enough reads show."""

    start: int  # offset in the reference
    reads: int
    allele: Allele
    carriers: Collection[int] = ()  # of an indel with an anchor: the reads, each once


def with_changed_anchors(
    snps: Sequence[Seen],
    indels: Sequence[Seen],
    reads: ReadBatch,
    reference_start: int,
    depth: Int32s,
    thresholds: CandidateThresholds,
) -> list[Seen]:
    """Return all alts; where more than half of an indel's reads have a SNP at its anchor, both are one alt.

    The indel, or the SNP, is left beside it where it has reads enough without those.

    Parameters
    ----------
    depth
        int32[l]: reads over each base of the reference.
    """
    snps_at: defaultdict[int, list[Seen]] = defaultdict(list)
    for snp in snps:
        snps_at[snp.start].append(snp)
    found: list[Seen] = []
    joined: list[Seen] = []
    taken: Counter[tuple[int, str]] = Counter()
    for indel in indels:
        base, both = _base_before(indel, snps_at.get(indel.start, ()), reads, reference_start)
        least = max(thresholds.min_count_indels, _part(thresholds.min_fraction_indels, depth[indel.start]))
        if both < least:
            found.append(indel)
            continue
        taken[indel.start, base] += both
        joined.append(Seen(indel.start, both, indel.allele._replace(alt=base + indel.allele.alt[1:])))
        left = len(indel.carriers) - both
        if left >= least:
            found.append(indel._replace(reads=left))
    for snp in snps:
        left = snp.reads - taken[snp.start, snp.allele.alt]
        least = max(thresholds.min_count_snps, _part(thresholds.min_fraction_snps, depth[snp.start]))
        if left == snp.reads or left >= least:
            found.append(snp._replace(reads=left))
    at = {(one.start, one.allele): k for k, one in enumerate(found)} if joined else {}
    for one in joined:  # which other reads may have as gaps that are one change
        same = at.get((one.start, one.allele))
        if same is None:
            found.append(one)
        else:
            found[same] = found[same]._replace(reads=found[same].reads + one.reads)
    return found


def _part(fraction: float, depth: int) -> int:
    return math.ceil(fraction * depth - 1e-9)


def _base_before(
    indel: Seen, snps: Iterable[Seen], reads: ReadBatch, reference_start: int
) -> tuple[str, int]:
    """The SNP that more than half of an indel's reads have at its anchor, and how many do; else none."""
    for snp in snps:
        if 2 * snp.reads > len(indel.carriers):
            bases = (_base_at(reads, read, indel.start + reference_start) for read in indel.carriers)
            both = sum(base == snp.allele.alt for base in bases)
            if 2 * both > len(indel.carriers):
                return snp.allele.alt, both
    return "", 0


def _base_at(reads: ReadBatch, read: int, position: int) -> str:
    """The base that a read has aligned at a position of the contig, if it is known."""
    at, base = int(reads.start[read]), int(reads.base_offset[read])
    for packed in reads.cigar[reads.cigar_offset[read] : reads.cigar_offset[read + 1]].tolist():
        code, length = code_of(packed), packed >> LENGTH_SHIFT
        if is_aligned(code) and at <= position < at + length:
            known = int(reads.seq[base + position - at])
            return BASES[known] if known < len(BASES) else ""
        at += length * consumes_reference(code)
        base += length * consumes_read(code)
    return ""
