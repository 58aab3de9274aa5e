"""Reads cut in two at a long indel, as minimap2 writes them: a primary record, a hard-clipped one, and SA in both."""

from __future__ import annotations

from typing import NamedTuple

from helpers.read_batches import Read


class Cut(NamedTuple):
    """Where a read is cut: up to ``left`` and from ``right`` on it has the reference, and ``between`` in the middle."""

    left: int
    right: int
    between: str = ""
    shared: int = 0
    """Bases after ``left`` that are those after ``right`` as well: minimap2 aligns them in both pieces."""

    def haplotype(self, reference: str) -> str:
        return reference[: self.left] + self.between + reference[self.right :]


def split(
    reference: str, cut: Cut, begin: int, end: int, *, contig: str = "c", left_is_primary: bool = True,
    is_reverse: bool = False, name: str = "", quality: list[int] | int = 30,
) -> list[Read]:  # fmt: skip
    """The two records of a read from ``begin`` up to ``end`` of the reference."""
    seq = reference[begin : cut.left] + cut.between + reference[cut.right : end]
    before, behind = cut.left - begin + cut.shared, end - cut.right
    qualities = quality if isinstance(quality, list) else [quality] * len(seq)
    clips = [(0, before, len(seq) - before), (len(seq) - behind, behind, 0)]
    starts, strand = (begin, cut.right), "-" if is_reverse else "+"
    records = []
    for own, is_primary in ((0, left_is_primary), (1, not left_is_primary)):
        first, bases, last = clips[own]
        other_first, other_bases, other_last = clips[1 - own]
        cigar = _cigar(other_first, other_bases, other_last, "S")
        kept = slice(None) if is_primary else slice(first, first + bases)
        records.append(
            Read(
                starts[own], _cigar(first, bases, last, "S" if is_primary else "H"), seq[kept], qualities[kept],
                16 * is_reverse + 0x800 * (not is_primary), name=name,
                sa=f"{contig},{starts[1 - own] + 1},{strand},{cigar},60,3;",
            )
        )  # fmt: skip
    return records


def _cigar(first: int, bases: int, last: int, clip: str) -> str:
    return "".join(f"{length}{op}" for length, op in ((first, clip), (bases, "M"), (last, clip)) if length)
