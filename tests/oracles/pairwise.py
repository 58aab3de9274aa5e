"""The twin of `dvplug.sequence.pairwise.align_globally`: the best of all alignments."""

from functools import cache

from dvplug.sequence.pairwise import (
    GAP_EXTEND,
    GAP_OPEN,
    MATCH_SCORE,
    MISMATCH_SCORE,
)


def best_score(query: str, target: str) -> int:
    """Score of the best global alignment, by trying everything."""

    @cache
    def rest(i: int, j: int, last: str) -> int:
        if i == len(query) and j == len(target):
            return 0
        options = []
        if i < len(query) and j < len(target):
            options.append(
                (MATCH_SCORE if query[i] == target[j] else MISMATCH_SCORE) + rest(i + 1, j + 1, "M")
            )
        if i < len(query):
            options.append(GAP_EXTEND + (0 if last == "I" else GAP_OPEN) + rest(i + 1, j, "I"))
        if j < len(target):
            options.append(GAP_EXTEND + (0 if last == "D" else GAP_OPEN) + rest(i, j + 1, "D"))
        return max(options)

    return rest(0, 0, "M")
