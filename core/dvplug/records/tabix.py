"""The index of a VCF (.tbi), made while its lines are written, so that the file need not be read again to its end.

Format: the SAM project's specification of Tabix. What is in it is what htslib's `tbx_index` puts there.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.records.block_text import GvcfLines
from dvplug.sequence.arrays import Int32s, Int64s
from dvplug.system.bgzf import EOF, MOST_PLAIN, packed

_SHIFT, _LEVELS = 14, 5  # bins of 16 kb, each level 8 times as large as that below
_SUMMARY_BIN = ((1 << 3 * (_LEVELS + 1)) - 1) // 7 + 1
_FAR_APART = (
    1 << 16
)  # bytes of the file: a bin whose lines lie closer together is joined with the one around it
_HEAD = struct.pack("<6i", 2, 1, 2, 0, ord("#"), 0)  # VCF; columns of contig, begin and end; comments
_NO_BIN, _NO_LINE = -1, -1


class _Contig(NamedTuple):
    """What is known of a contig's lines."""

    name: bytes
    state: Int64s  # [2]: bin of the last line, and number of lines
    first: Int64s  # [windows of 16 kb]: where, in the text, the first line begins that lies over one
    runs: list[Int64s]  # [r, 2]: bin, and where lines of it begin, up to those of the next run


class TabixIndex:
    """Index of a VCF whose text is packed into blocks of `MOST_PLAIN` bytes.

    Parameters
    ----------
    header
        Of the VCF: it begins the text, and names the lengths of contigs.
    """

    def __init__(self, header: str) -> None:
        found = re.findall(r"^##contig=<ID=([^,]*),length=(\d+)", header, re.MULTILINE)
        self._lengths = {name.encode(): int(length) for name, length in found}
        self._contigs: list[_Contig] = []
        self._size = len(header.encode())

    def add(self, lines: GvcfLines) -> None:
        """Take the next lines."""
        name = lines.contig.encode()
        if len(lines.start):
            if not self._contigs or self._contigs[-1].name != name:
                windows = (self._lengths[name] >> _SHIFT) + 1
                self._contigs.append(
                    _Contig(name, np.array([_NO_BIN, 0]), np.full(windows, np.int64(_NO_LINE)), [])
                )
            contig = self._contigs[-1]
            runs = _index(lines.start, lines.end, lines.begin, self._size, contig.state, contig.first)
            contig.runs.append(runs)
        self._size += len(lines.text)

    def write(self, path: Path, places: Sequence[int]) -> None:
        """Write it; raises OSError.

        Parameters
        ----------
        places
            Where in the file each block begins, and, last, where the one that ends the file does.
        """
        begins = [contig.runs[0][0, 1] for contig in self._contigs]
        names = b"".join(contig.name + b"\0" for contig in self._contigs)
        parts = [b"TBI\1", struct.pack("<i", len(self._contigs)), _HEAD, struct.pack("<i", len(names)), names]
        for contig, end in zip(self._contigs, [*begins, self._size][1:], strict=True):
            parts += _of_contig(contig, end, np.array(places, np.int64), self._size)
        parts.append(struct.pack("<Q", 0))  # lines of no contig
        with path.open("wb") as file:
            file.writelines(packed(parts))
            file.write(EOF)


def _of_contig(contig: _Contig, end: int, places: Int64s, size: int) -> list[bytes]:
    """The bins and the windows of a contig whose lines end there."""

    def offsets(at: Int64s) -> Int64s:
        """Virtual offsets, int64[n], of places in the text; its end is where the block that ends the file begins."""
        return np.where(at < size, places[at // MOST_PLAIN] << 16 | at % MOST_PLAIN, places[-1] << 16)

    runs = np.concatenate(contig.runs)
    bounds = offsets(np.append(runs[:, 1], end)).tolist()
    bins: dict[int, list[tuple[int, int]]] = {}
    for number, begin, after in zip(runs[:, 0].tolist(), bounds, bounds[1:], strict=False):
        bins.setdefault(number, []).append((begin, after))
    _join(bins)
    bins[_SUMMARY_BIN] = [(bounds[0], bounds[-1]), (int(contig.state[1]), 0)]
    parts = [struct.pack("<i", len(bins))]
    for number, chunks in bins.items():
        parts.append(struct.pack("<Ii", number, len(chunks)))
        parts += [struct.pack("<QQ", *chunk) for chunk in chunks]
    known = np.flatnonzero(contig.first != _NO_LINE)
    windows = np.arange(known[-1] + 1)
    first = contig.first[known[np.searchsorted(known, windows)]]  # of the next one that has a line
    return [*parts, struct.pack("<i", len(first)), offsets(first).astype("<u8").tobytes()]


def _join(bins: dict[int, list[tuple[int, int]]]) -> None:
    """Join small bins with those around them, and chunks that meet in a block, as htslib does."""
    for level in range(_LEVELS, 0, -1):
        smallest = ((1 << 3 * level) - 1) // 7
        for number in [each for each in bins if each >= smallest]:
            chunks, around = sorted(bins[number]), (number - 1) >> 3
            if (chunks[-1][1] >> 16) - (chunks[0][0] >> 16) < _FAR_APART and around in bins:
                bins[around] += chunks
                del bins[number]
    for number, chunks in bins.items():
        joined: list[tuple[int, int]] = []
        for begin, end in sorted(chunks):
            if joined and joined[-1][1] >> 16 >= begin >> 16:
                begin, end = joined[-1][0], max(joined.pop()[1], end)
            joined.append((begin, end))
        bins[number] = joined


@kernel
def _index(start: Int32s, end: Int32s, begin: Int64s, before: int, state: Int64s, first: Int64s) -> Int64s:
    """Go through lines of a contig; returns runs as of `_Contig`.

    Parameters
    ----------
    start, end, begin
        As of `GvcfLines`.
    before
        Bytes of the text that were before these.
    state, first
        As of `_Contig`; changed.
    """
    runs, n = np.empty((len(start), 2), np.int64), 0
    for i in range(len(start)):
        of_line = _bin_of(np.int64(start[i]), np.int64(end[i]))
        if of_line != state[0]:
            runs[n, 0], runs[n, 1] = of_line, before + begin[i]
            state[0], n = of_line, n + 1
        for window in range(start[i] >> _SHIFT, min(((end[i] - 1) >> _SHIFT) + 1, len(first))):
            if first[window] == _NO_LINE:
                first[window] = before + begin[i]
    state[1] += len(start)
    return runs[:n].copy()


@subkernel
def _bin_of(start: int, end: int) -> int:
    """The smallest bin that holds [start, end)."""
    last, shift = end - 1, np.int64(_SHIFT)
    for level in range(_LEVELS, 0, -1):
        if start >> shift == last >> shift:
            return ((1 << 3 * level) - 1) // 7 + (start >> shift)
        shift += 3
    return 0
