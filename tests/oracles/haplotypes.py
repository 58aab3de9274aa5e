"""The twin of `dvplug.evaluate.haplotypes`: every choice of variants and phases is tried."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

from dvplug.evaluate.haplotypes import QUERY, TRUTH, Choice, TrimmedAllele


def written(text: str, alleles: Sequence[TrimmedAllele]) -> str | None:
    """The reference with the alleles applied in order; None when two overlap."""
    parts, position = [], 0
    for allele in alleles:
        if allele.start < position:
            return None
        parts += [text[position : allele.start], allele.alt]
        position = allele.end
    return "".join([*parts, text[position:]])


def cancels(text: str, alleles: Sequence[TrimmedAllele]) -> bool:
    """Whether some of the alleles together change nothing."""
    whole = written(text, alleles)
    return any(written(text, rest) == whole for n in range(len(alleles)) for rest in combinations(alleles, n))


def brute_force(text: str, choices: Sequence[Choice]) -> tuple[int, int]:
    """Most variants that can be included, without and with variants of one side that cancel each other."""
    best = best_cancelling = 0
    for turns in product((0, 1, 2), repeat=len(choices)):
        haplotypes: dict[tuple[int, int], list[TrimmedAllele]] = {
            (h, s): [] for h in (0, 1) for s in (TRUTH, QUERY)
        }
        for c, turn in zip(choices, turns, strict=True):
            pair = (c.options[0].first, c.options[0].second)
            for h in (0, 1) if turn else ():
                allele = pair[h if turn == 1 else 1 - h]
                if allele:
                    haplotypes[h, c.side].append(allele)
        texts = {key: written(text, alleles) for key, alleles in haplotypes.items()}
        if None in texts.values() or any(texts[h, TRUTH] != texts[h, QUERY] for h in (0, 1)):
            continue
        included = sum(turn > 0 for turn in turns)
        best_cancelling = max(best_cancelling, included)
        if included > best and not any(cancels(text, alleles) for alleles in haplotypes.values()):
            best = included
    return best, best_cancelling
