"""The twin of `dvplug.candidates.support`: a read against whole haplotypes written out as text."""

from collections.abc import Sequence

from dvplug.candidates.site_layout import HAPLOTYPE_FLANK
from dvplug.candidates.support import (
    EXCLUDED,
    MAX_BASE_SCORE,
    MAX_MISMATCH_SCORE,
    MIN_SCORE_MARGIN,
)
from dvplug.line.candidate_batch import OTHER, UNINFORMATIVE
from helpers.read_batches import Read, aligned_pairs, walk
from oracles.finder import changed, gap_runs

Site = tuple[int, str, tuple[str, ...]]
FAR = 1 << 30


def twin_allele(read: Read, reference: str, site: Site, min_quality: int) -> int:
    start, ref, alts = site
    if all(len(allele) == 1 for allele in (ref, *alts)):
        return twin_substitution(read, start, (ref, *alts), min_quality)
    found = twin_haplotypes(read, reference, start, (ref, *alts))
    if found in (OTHER, UNINFORMATIVE):
        written = twin_written(read, reference, start, (ref, *alts), min_quality)
        found = found if written == OTHER else written
    return EXCLUDED if found == UNINFORMATIVE and not read.start <= start < read.end else found


def twin_substitution(read: Read, start: int, alleles: Sequence[str], min_quality: int) -> int:
    for op, position, index, length in walk(read):
        if op in "MDN=X" and position <= start < position + length:
            if op in "DN":
                return OTHER if op == "D" else EXCLUDED
            base, quality = read.seq[index + start - position], read.qualities[index + start - position]
            if base == "N" or quality < min_quality:
                return UNINFORMATIVE
            return alleles.index(base) if base in alleles else OTHER
    return EXCLUDED


def twin_haplotypes(read: Read, reference: str, start: int, alleles: Sequence[str]) -> int:
    extra = max(map(len, alleles)) - min(map(len, alleles))
    tract = tract_end(reference, start, alleles)
    pairs = aligned_pairs(read)
    left = [pair for pair in pairs if start - HAPLOTYPE_FLANK <= pair[0] < start][-1:]
    right = [pair for pair in pairs if tract <= pair[0] <= tract + HAPLOTYPE_FLANK][:1]
    if not left and not right:
        return EXCLUDED
    first = max(0, start - HAPLOTYPE_FLANK - extra)
    scores = []
    for allele in alleles:
        haplotype = reference[:start] + allele + reference[start + len(alleles[0]) :]
        score = FAR
        for position, index in left:
            bases = min(tract - position + extra + HAPLOTYPE_FLANK, len(read.seq) - index)
            score = min(score, mismatches(read, index, haplotype[position : position + bases]))
        for position, index in right:
            at = position + len(allele) - len(alleles[0])
            bases = min(position - start + extra + HAPLOTYPE_FLANK, index + 1, at + 1 - first)
            score = min(score, mismatches(read, index + 1 - bases, haplotype[at + 1 - bases : at + 1]))
        scores.append(score)
    best, following = sorted(scores)[:2]
    if best > MAX_MISMATCH_SCORE:
        return OTHER
    return scores.index(best) if following - best >= MIN_SCORE_MARGIN else UNINFORMATIVE


def twin_written(read: Read, reference: str, start: int, alleles: Sequence[str], min_quality: int) -> int:
    """What the CIGAR writes: put into the reference at its leftmost place, is it what an allele makes of it?"""
    ref, tract = alleles[0], tract_end(reference, start, alleles)
    made = {reference[:start] + allele + reference[start + len(ref) :]: i for i, allele in enumerate(alleles)}
    steps = list(walk(read))
    for gaps in gap_runs(read, reference):
        position, after = gaps.position, gaps.position + gaps.deleted
        put = read.seq[gaps.index : gaps.index + gaps.inserted]
        changes = changed(reference, position, reference[position:after], put)
        if gaps.before and gaps.after and read.start <= start and position <= tract and len(changes) == 1:
            ((at, removed, came),) = changes
            if at == start and len(removed) != len(came):
                return made.get(reference[:position] + put + reference[after:], OTHER)
    for op, position, index, length in steps:
        if op in "M=X" and position <= start < position + length:
            base, quality = read.seq[index + start - position], read.qualities[index + start - position]
            if base == reference[start]:
                spans = position <= start - HAPLOTYPE_FLANK and tract + HAPLOTYPE_FLANK <= position + length
                return 0 if spans and quality >= min_quality else OTHER
            written = reference[:start] + base + reference[start + 1 :]
            return made.get(written, OTHER) if quality >= min_quality else OTHER
    return OTHER


def mismatches(read: Read, index: int, haplotype: str) -> int:
    compared = zip(read.seq[index:], read.qualities[index:], haplotype, strict=False)
    return sum(min(q, MAX_BASE_SCORE) for a, q, b in compared if a != b and "N" not in (a, b))


def tract_end(reference: str, start: int, alleles: Sequence[str]) -> int:
    """Where the rightmost equivalent placement of any alt ends."""
    ref = alleles[0]
    ends = [start + len(ref)]
    for alt in alleles[1:]:
        haplotype = reference[:start] + alt + reference[start + len(ref) :]
        common = next(
            (i for i, (a, b) in enumerate(zip(reference, haplotype, strict=False)) if a != b), len(haplotype)
        )
        ends.append(common + max(0, len(ref) - len(alt)))
    return max(ends)
