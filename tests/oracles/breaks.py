"""The twin of `count_breaks` in `dvplug.reads.realign`: indels and clips, a read at a time."""

from collections.abc import Sequence

from helpers.read_batches import Read, walk


def twin_breaks(reads: Sequence[Read], reference: str) -> tuple[list[int], list[int]]:
    """By position of the reference: leftmost indels that begin after it, and clips of 5 bp and more at it."""
    size = len(reference)
    indels, clips = [0] * size, [0] * size
    for read in reads:
        for op, position, index, length in walk(read):
            if op in "ID" and position > 0 and position + length < size:
                moved = (
                    reference[position : position + length] if op == "D" else read.seq[index : index + length]
                )
                at = position
                while at > 1 and reference[at - 1] == moved[-1]:
                    moved, at = reference[at - 1] + moved[:-1], at - 1
                indels[at - 1] += 1
            elif op == "S" and length >= 5 and position < size:
                clips[position] += 1
    return indels, clips
