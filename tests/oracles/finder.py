"""The twin of `dvplug.candidates.finder`: alleles counted a read at a time, sites by exact fractions."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

import numpy as np

from dvplug.technology import CandidateThresholds
from helpers.read_batches import (
    Read,
    aligned_pairs,
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


class Gaps(NamedTuple):
    """Gaps of a read that are one change, with the aligned bases between them."""

    position: int
    index: int  # in the read
    deleted: int
    inserted: int
    before: bool  # whether aligned bases lie right beside them
    after: bool


def gap_runs(read: Read, reference: str) -> Iterator[Gaps]:
    """Yield the gaps of a read: those that follow each other, or would if each was shifted to the left, as one."""
    one = None
    for gaps in _gaps_apart(read):
        joined = one and _joined(one, gaps, read, reference)
        if one and not joined:
            yield one
        one = joined or gaps
    if one:
        yield one


def _gaps_apart(read: Read) -> Iterator[Gaps]:
    groups = [(gaps, list(steps)) for gaps, steps in groupby(walk(read), key=lambda step: step[0] in "ID")]
    for k, (is_gap, run) in enumerate(groups):
        if is_gap:
            deleted, inserted = (sum(length for op, _, _, length in run if op == kind) for kind in "DI")
            beside = [
                groups[k - 1][1][-1][0] if k else "",
                groups[k + 1][1][0][0] if k + 1 < len(groups) else "",
            ]
            before, after = (op in ("M", "=", "X") for op in beside)
            yield Gaps(run[0][1], run[0][2], deleted, inserted, before, after)


def _joined(one: Gaps, other: Gaps, read: Read, reference: str) -> Gaps | None:
    """Both as one change, if the records of both would have a base of the reference in common."""
    end, index = one.position + one.deleted, one.index + one.inserted
    ops = {op for op, position, at, _ in walk(read) if (end, index) <= (position, at) < other[:2]}
    if not (ops <= set("M=X") and one.before and other.before and other.after):
        return None
    this, that = (alone(gaps, read, reference) for gaps in (one, other))
    if len(that) != 1 or that[0][1][0] != that[0][2][0]:
        return None  # only an indel can be shifted
    apart = that[0][0] >= max((start + len(ref) for start, ref, _ in this), default=one.position)
    if apart or read.seq[index : other.index] != reference[end : other.position]:
        return None
    deleted = other.position + other.deleted - one.position
    return Gaps(
        one.position, one.index, deleted, other.index + other.inserted - one.index, one.before, other.after
    )


def alone(gaps: Gaps, read: Read, reference: str) -> list[tuple[int, str, str]]:
    """What gaps make by themselves."""
    removed = reference[gaps.position : gaps.position + gaps.deleted]
    return changed(reference, gaps.position, removed, read.seq[gaps.index : gaps.index + gaps.inserted])


def changed(reference: str, position: int, removed: str, put: str) -> list[tuple[int, str, str]]:
    """What it makes to put bases in the place of others: mismatches, an indel at its leftmost anchor, or another."""
    if removed and put and removed[-1] == put[-1]:
        return changed(reference, position, removed[:-1], put[:-1])
    if removed and put and removed[0] == put[0]:
        return changed(reference, position + 1, removed[1:], put[1:])
    if len(removed) == len(put):
        return [(position + i, a, b) for i, (a, b) in enumerate(zip(removed, put, strict=True)) if a != b]
    if removed and put:
        return [(position, removed, put)]
    anchor = reference[position - 1]
    return [leftmost(reference, position - 1, anchor + removed, anchor + put)]


class Observed(NamedTuple):
    """What `count_alleles` counts, one read at a time."""

    depth: Counter[int]  # by position
    seen: Counter[tuple[int, str, str]]  # reads by (start, ref, alt)
    anchors: Counter[tuple[int, str, str, str]]  # reads by an indel with an anchor, and their base there


def observed(reads: list[Read], reference: str, min_quality: int) -> Observed:
    """Look at each read."""
    depth: Counter[int] = Counter()
    seen: Counter[tuple[int, str, str]] = Counter()
    anchors: Counter[tuple[int, str, str, str]] = Counter()
    for read in reads:
        bases = {p: read.seq[index] for p, index in aligned_pairs(read)}
        matches = [p for op, p, _, _ in walk(read) if op in "M=X"]
        anchored: set[tuple[int, str, str, str]] = set()
        for op, position, index, length in walk(read):
            if op in "M=X":
                for i in range(length):
                    base = read.seq[index + i]
                    if base != "N" and read.qualities[index + i] >= min_quality:
                        depth[position + i] += 1
                        if base != reference[position + i]:
                            seen[position + i, reference[position + i], base] += 1
            elif op == "D":
                depth.update(range(position, position + length))
        for position, index, deleted, inserted, _, _ in gap_runs(read, reference):
            if min(matches, default=0) < position <= max(matches, default=0):
                qualities = read.qualities[index : index + inserted] or read.qualities[index - 1 : index]
                if np.mean(qualities) >= min_quality:
                    removed, put = (
                        reference[position : position + deleted],
                        read.seq[index : index + inserted],
                    )
                    changes = changed(reference, position, removed, put)
                    if len(removed) == len(put):
                        poor = {p for p in range(deleted) if read.qualities[index + p] < min_quality}
                        changes = [c for c in changes if c[0] - position not in poor and c[2] != "N"]
                    seen.update(changes)
                    anchored.update(
                        (*one, bases.get(one[0], ""))
                        for one in changes
                        if len(one[1]) != len(one[2]) and one[1][0] == one[2][0]
                    )
        anchors.update(anchored)
    return Observed(depth, seen, anchors)


def joined(
    suffice: Counter[tuple[int, str, str]], found: Observed, t: CandidateThresholds
) -> Counter[tuple[int, str, str]]:
    """Alts, where those are one that most reads of an indel have together: the indel, and a SNP at its anchor."""
    left, both_of = Counter(suffice), Counter[tuple[int, str, str]]()
    for start, ref, alt in suffice:
        if len(ref) == len(alt) or ref[0] != alt[0]:
            continue
        least = max(t.min_count_indels, Fraction(str(t.min_fraction_indels)) * found.depth[start])
        carriers = sum(found.anchors[start, ref, alt, base] for base in ("", *"ACGTN"))
        for base in "ACGT":
            both = found.anchors[start, ref, alt, base]
            if 2 * min(both, suffice[start, ref[0], base]) > carriers and both >= least:
                both_of[start, ref, base + alt[1:]] += both
                left[start, ref[0], base] -= both
                left[start, ref, alt] = carriers - both
                if left[start, ref, alt] < least:
                    del left[start, ref, alt]
    for (start, ref, alt), count in suffice.items():
        least = max(t.min_count_snps, Fraction(str(t.min_fraction_snps)) * found.depth[start])
        if len(ref) == len(alt) and left[start, ref, alt] != count and left[start, ref, alt] < least:
            del left[start, ref, alt]
    return left + both_of


def twin_sites(
    reads: list[Read], reference: str, t: CandidateThresholds
) -> list[tuple[int, str, tuple[str, ...]]]:
    """Sites by exact arithmetic on `observed`."""
    depth, seen, _ = found_here = observed(reads, reference, t.min_base_quality)
    suffice: Counter[tuple[int, str, str]] = Counter()
    for (start, ref, alt), count in seen.items():
        if len(ref) == len(alt):
            enough = count >= max(t.min_count_snps, Fraction(str(t.min_fraction_snps)) * depth[start])
        else:
            enough = _indel_suffices(seen, (start, ref, alt), depth[start], t)
        if enough and "N" not in ref + alt:
            suffice[start, ref, alt] = count
    sites: dict[int, list[tuple[int, int, str]]] = {}
    for (start, ref, alt), count in joined(suffice, found_here, t).items():
        sites.setdefault(start, []).append((-count, len(ref), alt))
    found = []
    for start in sorted(sites):
        best = sorted(sites[start])[: t.max_alts]
        ref = reference[start : start + max(length for _, length, _ in best)]
        found.append((start, ref, tuple(alt + ref[length:] for _, length, alt in best)))
    return found


def _indel_suffices(
    seen: Counter[tuple[int, str, str]], indel: tuple[int, str, str], depth: int, t: CandidateThresholds
) -> bool:
    """Whether it has the reads of the threshold, or of the lower one where that counts."""
    share = Fraction(str(t.min_fraction_indels)) * depth
    beside = [n for (start, ref, alt), n in seen.items() if start == indel[0] and len(ref) != len(alt)]
    least = max(t.min_count_indels, share)
    if seen[indel] >= least:
        return True
    lowered = max(beside) >= least and 5 * sum(beside) >= 2 * depth
    lowered = lowered or abs(len(indel[1]) - len(indel[2])) > 1
    return lowered and seen[indel] >= max(t.min_count_indels + 1, Fraction(str(t.further_indels)) * share)
