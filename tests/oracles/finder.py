"""The twin of `dvplug.candidates.finder`: alleles counted a read at a time, sites by exact fractions."""

from collections import Counter
from fractions import Fraction

import numpy as np

from dvplug.technology import CandidateThresholds
from helpers.read_batches import (
    Read,
    walk,
)


def edited(reference: str, start: int, ref: str, alt: str) -> str:
    assert reference.startswith(ref, start)
    return reference[:start] + alt + reference[start + len(ref) :]


def leftmost(reference: str, anchor: int, ref: str, alt: str) -> tuple[int, str, str]:
    """The equivalent indel with the lowest anchor, by trying them all."""
    haplotype = edited(reference, anchor, ref, alt)
    for start in range(anchor + 1):
        new_ref = reference[start : start + len(ref)]
        new_alt = haplotype[start : start + len(alt)]
        if new_ref[0] == new_alt[0] and edited(reference, start, new_ref, new_alt) == haplotype:
            return start, new_ref, new_alt
    raise AssertionError("an indel is equivalent to itself")


def observed(reads: list[Read], reference: str, min_quality: int) -> tuple[Counter, Counter]:
    """Depth by position, and reads by (start, ref, alt): what `count_alleles` counts, one read at a time."""
    depth: Counter[int] = Counter()
    seen: Counter[tuple[int, str, str]] = Counter()
    for read in reads:
        matches = [p for op, p, _, _ in walk(read) if op in "M=X"]
        for op, position, index, length in walk(read):
            inner = min(matches) < position <= max(matches)
            if op in "M=X":
                for i in range(length):
                    base = read.seq[index + i]
                    if base != "N" and read.qualities[index + i] >= min_quality:
                        depth[position + i] += 1
                        if base != reference[position + i]:
                            seen[position + i, reference[position + i], base] += 1
            elif op == "D":
                depth.update(range(position, position + length))
                if inner and read.qualities[index - 1] >= min_quality:
                    deleted = reference[position - 1 : position + length]
                    seen[leftmost(reference, position - 1, deleted, deleted[0])] += 1
            elif op == "I" and inner and np.mean(read.qualities[index : index + length]) >= min_quality:
                anchor = reference[position - 1]
                put = read.seq[index : index + length]
                seen[leftmost(reference, position - 1, anchor, anchor + put)] += 1
    return depth, seen


def twin_sites(
    reads: list[Read], reference: str, t: CandidateThresholds
) -> list[tuple[int, str, tuple[str, ...]]]:
    """Sites by exact arithmetic on `observed`."""
    depth, seen = observed(reads, reference, t.min_base_quality)
    sites: dict[int, list[tuple[int, int, str]]] = {}
    for (start, ref, alt), count in seen.items():
        least, share = t.min_count_indels, t.min_fraction_indels
        if len(ref) == len(alt):
            least, share = t.min_count_snps, t.min_fraction_snps
        if count >= max(least, Fraction(str(share)) * depth[start]) and "N" not in ref + alt:
            sites.setdefault(start, []).append((-count, len(ref), alt))
    found = []
    for start in sorted(sites):
        best = sorted(sites[start])[: t.max_alts]
        ref = reference[start : start + max(length for _, length, _ in best)]
        found.append((start, ref, tuple(alt + ref[length:] for _, length, alt in best)))
    return found
