"""Tandem repeats, by a letter-by-letter search."""

from hypothesis import given
from hypothesis import strategies as st

from dvplug.sequence.codes import encode_bases
from dvplug.sequence.tracts import find_tracts


def brute_force_tracts(sequence: str, unit: int, least: int) -> set[tuple[int, int, int]]:
    found = set()
    for start in range(len(sequence)):
        if "N" in sequence[start : start + unit] or start + unit >= len(sequence):
            continue
        end = start + unit
        while end < len(sequence) and sequence[end] == sequence[end - unit] != "N":
            end += 1
        maximal = (
            start == 0 or sequence[start - 1] != sequence[start - 1 + unit] or sequence[start - 1] == "N"
        )
        word = sequence[start : start + unit]
        primitive = all(word != word[:k] * (unit // k) for k in range(1, unit) if unit % k == 0)
        if maximal and primitive and end - start >= least:
            found.add((start, end - start, unit))
    return found


@given(st.text("AACGTN", min_size=12, max_size=80))
def test_tracts_are_those_of_a_letter_by_letter_search(sequence):
    least = {1: 3, 2: 4, 3: 6, 4: 8}
    tracts = find_tracts(encode_bases(sequence.encode()), least)
    found = set(zip(tracts.start.tolist(), tracts.length.tolist(), tracts.unit.tolist(), strict=True))
    assert found == set().union(*(brute_force_tracts(sequence, u, n) for u, n in least.items()))
