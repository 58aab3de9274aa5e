"""The twin of `dvplug.candidates.consensus`: Levenshtein's distance, and the one insertion, by trying all."""

from __future__ import annotations

from functools import cache


def distance(one: str, other: str) -> int:
    """Fewest bases to change, add or leave out."""

    @cache
    def of(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(of(i - 1, j) + 1, of(i, j - 1) + 1, of(i - 1, j - 1) + (one[i - 1] != other[j - 1]))

    return of(len(one), len(other))


def fewest_with_one_insertion(text: str, reference: str) -> int:
    """Fewest edits beside one insertion, of any length, that make the text of the reference."""
    return min(
        distance(text[:i], reference[:k]) + distance(text[j:], reference[k:])
        for k in range(len(reference) + 1)
        for i in range(len(text) + 1)
        for j in range(i, len(text) + 1)
    )
