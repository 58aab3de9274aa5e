"""The twin of `window_errors` in `dvplug.reads.errors`: a read, a base and a tract at a time, over text."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from helpers.read_batches import Read, aligned_pairs, walk

FLANK, BESIDE, FEWEST, LONG = 3, 5, 8, 8
Tract = tuple[int, int, int]  # first base, one past the last, bp of the unit


def twin_tracts(reference: str) -> list[Tract]:
    """All homopolymers, then all repeats of three units or more that lie in nothing longer."""
    cuts = [0, *(k + 1 for k, (a, b) in enumerate(pairwise(reference)) if a != b), len(reference)]
    runs = [(a, b, 1) for a, b in pairwise(cuts)]
    found = []
    for period in range(2, 7):
        for first in range(len(reference)):
            end = first + period
            while end < len(reference) and reference[end] == reference[end - period] != "N":
                end += 1
            before = (
                first > 0 and first + period <= len(reference) and _repeats_back(reference, first, period)
            )
            if end - first >= 3 * period and not before and "N" not in reference[first:end]:
                found.append((first, end, period))
    kept = [
        one
        for one in found
        if len(set(reference[one[0] : one[1]])) > 1
        and not any(
            other != one
            and other[0] <= one[0]
            and one[1] <= other[1]
            and (other[:2] != one[:2] or other[2] < one[2])
            for other in found
        )
    ]
    return [*runs, *sorted(kept)]


def _repeats_back(reference: str, first: int, period: int) -> bool:
    """Whether the stretch from ``first`` on goes on to the left of it."""
    return reference[first - 1] == reference[first - 1 + period] != "N"


def kind_of(reference: str, tract: Tract) -> int | None:
    first, _, period = tract
    if period > 1:
        return 2 if period == 2 else 3
    return {"A": 0, "T": 0, "C": 1, "G": 1}.get(reference[first])


class TwinErrors:
    """Everything that is counted over all of a reference, ``window`` being where it counts."""

    def __init__(self, reads: list[Read], apart: list[bool], reference: str, window: tuple[int, int]) -> None:
        self.reference, self.window, self.tracts = reference, window, twin_tracts(reference)
        self.depth, self.differs, self.gaps = Counter[int](), Counter[int](), Counter[int]()
        self.insertions, self.deletions = Counter[int](), Counter[int]()
        self.changes: dict[Tract, Counter[int]] = {tract: Counter() for tract in self.tracts}
        for read, doubtful in zip(reads, apart, strict=True):
            if not doubtful:
                self._pile(read)
        self.plain = self._plain()
        self.bases: Counter[tuple[int, bool]] = Counter()
        self.apart = Counter[bool]()
        for read, doubtful in zip(reads, apart, strict=True):
            for position, index in aligned_pairs(read):
                if position in self.plain and read.seq[index] in "ACGT":
                    differs = read.seq[index] != reference[position]
                    if doubtful:
                        self.apart[differs] += 1
                    else:
                        quality = read.qualities[index]
                        self.bases[quality if quality == 255 else min(quality, 93), differs] += 1

    def _pile(self, read: Read) -> None:
        pairs = aligned_pairs(read)
        self.depth.update(p for p, _ in pairs)
        self.differs.update(p for p, i in pairs if read.seq[i] in "ACGT" and read.seq[i] != self.reference[p])
        in_a_row: list[tuple[Tract, int]] = []
        for op, position, index, length in walk(read):
            if op not in "ID" or not 0 < position < len(self.reference) - length:
                continue
            self.gaps.update([position] if op == "I" else range(position, position + length))
            found = (
                self._lengthened(read.seq[index : index + length], position)
                if op == "I"
                else self._shortened(position, length)
            )
            if found is None:
                (self.insertions if op == "I" else self.deletions)[position] += 1
            elif in_a_row and in_a_row[-1][0] == found[0]:
                in_a_row[-1] = found[0], in_a_row[-1][1] + found[1]
            else:
                in_a_row.append(found)
        shown = [
            tract for tract in self.tracts if read.start + FLANK <= tract[0] and tract[1] + FLANK <= read.end
        ]
        for tract in shown:
            self.changes[tract][0] += 1
        for tract, change in in_a_row:
            if tract in shown and change:
                self.changes[tract][0] -= 1
                self.changes[tract][max(-3, min(3, change))] += 1

    def _at(self, position: int, *, repeat: bool) -> Tract | None:
        """The homopolymer, or the last repeat, that holds a base."""
        held = [t for t in self.tracts if t[0] <= position < t[1] and (t[2] > 1) == repeat]
        return held[-1] if held else None

    def _lengthened(self, bases: str, at: int) -> tuple[Tract, int] | None:
        for side in (at, at - 1):
            if set(bases) == {self.reference[side]} or (
                # N is a base like any other here.
                set(bases) == {"N"} and self.reference[side] == "N"
            ):
                tract = self._at(side, repeat=False)
                return (tract, len(bases)) if tract else None
        for side in (at, at - 1):
            tract = self._at(side, repeat=True)
            if tract and len(bases) % tract[2] == 0:
                unit = self.reference[tract[0] : tract[0] + tract[2]]
                turn = (at - tract[0]) % tract[2]
                if (unit[turn:] + unit[:turn]) * (len(bases) // tract[2]) == bases:
                    return tract, len(bases) // tract[2]
        return None

    def _shortened(self, at: int, length: int) -> tuple[Tract, int] | None:
        for repeat in (False, True):
            tract = self._at(at, repeat=repeat)
            if tract and at + length <= tract[1] and length % tract[2] == 0:
                return tract, -(length // tract[2])
        return None

    def _plain(self) -> set[int]:
        bases = range(len(self.reference))
        varied = {p for p in bases if self.differs[p] + self.gaps[p] > max(1, (self.depth[p] - 4) // 4)}
        return {
            p
            for p in range(*self.window)
            if self.depth[p] >= FEWEST
            and self.reference[p] != "N"
            and not any(q in varied for q in range(p - BESIDE, p + BESIDE + 1))
        }

    def lengths(self) -> Counter[tuple[int, int, int]]:
        """Reads by kind, units and change, of the tracts that plainly are as the reference."""
        found: Counter[tuple[int, int, int]] = Counter()
        for tract in self.plain_tracts():
            kind, units = kind_of(self.reference, tract), (tract[1] - tract[0]) // tract[2]
            for change, count in self.changes[tract].items():
                found[kind, min(20, units), change] += count
        return found

    def plain_tracts(self) -> list[Tract]:
        kept = []
        for tract in self.tracts:
            reads = self.changes[tract].total()
            second = max((n for change, n in self.changes[tract].items() if change), default=0)
            most = reads // 3 if tract[1] - tract[0] >= LONG else (reads - 4) // 4
            inside = self.window[0] <= tract[0] < self.window[1]
            if reads >= FEWEST and second <= most and self.changes[tract][0] > second and inside:
                kept.append(tract)
        return [tract for tract in kept if kind_of(self.reference, tract) is not None]
