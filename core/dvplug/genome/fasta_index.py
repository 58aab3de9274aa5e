"""Does an index .fai belong to its FASTA? htslib is silent if not, and every base is another one.

Compared are the names and the ends of lines, where the index says that they lie; not the bases.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable, Collection
from os import SEEK_END
from pathlib import Path
from struct import unpack_from
from typing import BinaryIO, NamedTuple

from dvplug.errors import InputError

_LINES = 8  # of a contig that are looked at
_LONGEST_HEADER = 1 << 12
_FEW = 16  # bytes that tell whether a contig ends, but where many are blank
_BLOCK = 1 << 16  # bytes that a BGZF block holds at most, packed or not
_GZIP = b"\x1f\x8b"
_SPACE = b" \t\r\n"
_Read = Callable[[int, int], bytes]
"""The bytes from an offset on, as many as there are up to a number; offsets are those of the FASTA unpacked."""


class _Entry(NamedTuple):
    """A line of a .fai."""

    name: str
    length: int
    offset: int
    bases: int
    width: int

    def at(self, base: int) -> int:
        """Byte at which a base lies."""
        return self.offset + base // self.bases * self.width + base % self.bases


def is_packed(path: Path) -> bool:
    """Whether a file is packed by gzip or bgzip, whatever its name."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def require_own_index(path: Path, contigs: Collection[str]) -> None:
    """Refuse a .fai that is of another version of its FASTA, by what can be seen at a few places of these contigs.

    Raises
    ------
    InputError
        A contig's header, its end, or the ends of its lines lie elsewhere.
    """
    wanted = set(contigs)
    with path.open("rb") as file:
        read = _reader(path, file)
        for line in Path(f"{path}.fai").read_text("latin-1").split("\n"):
            fields = line.split("\t")
            if fields[0] not in wanted or len(fields) < 5:
                continue
            entry = _Entry(fields[0], *map(int, fields[1:5]))
            if why := _differs(entry, read):
                raise InputError(
                    f"The index {path}.fai is not of {path}",
                    cause=f"{why}: the file was changed since, or it is another file's",
                    repair=f"Make it anew: samtools faidx {path}",
                )


def _differs(entry: _Entry, read: _Read) -> str | None:
    """Say what of a contig lies elsewhere than its index says."""
    before = max(0, entry.offset - _LONGEST_HEADER)
    head = read(before, entry.offset - before)
    start = head.rstrip(b"\r\n").rfind(b"\n") + 1
    if start or before == 0:  # else the header is longer than what was read
        header = head[start:]
        words = header[1:].split(None, 1)
        name = words[0].decode("latin-1") if words else ""
        if header[:1] != b">" or not header.endswith(b"\n") or name != entry.name:
            return f"the header of contig '{entry.name}' does not lie before byte {entry.offset:,}"
    if entry.length == 0 or entry.bases == 0:
        return None
    if entry.length < 0 or not 0 < entry.bases <= entry.width:
        return f"contig '{entry.name}' cannot have {entry.length:,} bases in lines of {entry.bases:,}"
    lines = -(-entry.length // entry.bases)
    for line in sorted({lines * i // _LINES for i in range(_LINES)} | {lines - 1}):
        first = line * entry.bases
        number = min(entry.bases, entry.length - first)
        bases = read(entry.at(first), number + 1)
        if len(bases) < number or len(bases[:number].translate(None, _SPACE + b">")) < number:
            return f"line {line + 1} of contig '{entry.name}' is not one of {number} bases"
        if bases[number:] not in (b"", b"\n", b"\r"):
            return f"line {line + 1} of contig '{entry.name}' does not end after {number} bases"
    behind = entry.at(entry.length - 1) + 1
    after = read(behind, _FEW).lstrip(_SPACE) or read(behind, _BLOCK).lstrip(_SPACE)
    if after and after[:1] != b">":
        return f"contig '{entry.name}' does not end after {entry.length:,} bases"
    return None


def _reader(path: Path, file: BinaryIO) -> _Read:
    size = file.seek(0, SEEK_END)

    def plain(offset: int, number: int) -> bytes:
        """Read as `_Read`: an index may name any byte, and any number of bases in a line."""
        within = min(max(offset, 0), size)
        file.seek(within)
        return file.read(max(min(number, size - within), 0)) if within == offset else b""

    return _packed_reader(path, plain) if is_packed(path) else plain


def _packed_reader(path: Path, plain: _Read) -> _Read:
    """Read what bgzip packed, by its .gzi: a count, then where each block but the first begins, packed and unpacked."""
    data = Path(f"{path}.gzi").read_bytes()
    count = unpack_from("<Q", data)[0] if len(data) >= 8 else 0
    if len(data) != 8 + 16 * count:
        raise InputError(
            f"The index {path}.gzi is damaged",
            cause=f"it says that it has {count:,} entries, and has {len(data):,} bytes",
            repair=f"Make it anew: samtools faidx {path}",
        )
    numbers = (0, 0, *unpack_from(f"<{2 * count}Q", data, 8))
    packed_at, unpacked_at = numbers[::2], numbers[1::2]
    last: dict[int, bytes] = {}

    def block(number: int) -> bytes:
        if number not in last:
            last.clear()
            try:
                last[number] = zlib.decompressobj(31).decompress(plain(packed_at[number], _BLOCK))
            except zlib.error as error:
                raise InputError(
                    f"The index {path}.gzi is not of {path}",
                    cause=f"no block begins at byte {packed_at[number]:,} ({error})",
                    repair=f"Make it anew: samtools faidx {path}",
                ) from error
        return last[number]

    def packed(offset: int, number: int) -> bytes:
        found = b""
        at = bisect_right(unpacked_at, offset) - 1
        skip = offset - unpacked_at[at]
        while len(found) < number and at < len(packed_at):
            found += block(at)[skip : skip + number - len(found)]
            at, skip = at + 1, 0
        return found

    return packed
