"""Does an index, .bai, .csi, .crai or .tbi, belong to its file? htslib is silent if not, and reads are missing.

Formats: SAM specification, section 5.2 (BAI), and the CSI and tabix specifications; BGZF: section 4.1. CRAM
specification, sections 7 (containers) and 12 (index).
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from dvplug.errors import InputError

_BAI_PSEUDO_BIN = 37450
MOST_UNPACKED = 1 << 29
"""Bytes of an index, unpacked: a hundred times that of a human genome."""
_MOST_LEVELS = 20  # of bins in a CSI; 10 hold any contig


VCF_INDEXES = (".tbi", ".csi")
"""Suffixes, that which is used first before the other."""


class IndexEnd(NamedTuple):
    """Where the last alignment with a position ends, as virtual file offset; and how many without one follow.

    ``unplaced`` is None where the index does not say; ``contigs`` is how many it knows.
    """

    contigs: int
    offset: int
    unplaced: int | None


def index_end(path: Path) -> IndexEnd:
    """Read where an index says that its alignments end.

    Raises
    ------
    ValueError
        It is no BAI, CSI or TBI, breaks off, has numbers that cannot be, or unpacks to more than `MOST_UNPACKED` bytes.
    """
    try:
        return _parse(_unpacked(path))
    except struct.error as error:
        raise ValueError(f"{path} breaks off") from error


def indexes_of(path: str) -> list[Path]:
    """The indexes beside a VCF, that which is used first."""
    return [one for suffix in VCF_INDEXES if (one := Path(f"{path}{suffix}")).exists()]


def ends_by_indexes(path: str) -> list[IndexEnd]:
    """Read all indexes beside a VCF, as `index_end` does; raises InputError of one that is damaged.

    Before htslib opens the file: it reads them whether they are needed or not, and a damaged one can end the process.
    """
    ends = []
    for index in indexes_of(path):
        try:
            ends.append(index_end(index))
        except (OSError, ValueError) as error:
            raise unreadable_index(path, index, error) from error
    return ends


def unreadable_index(path: str, index: Path, error: Exception) -> InputError:
    """Return the error that the index of a VCF cannot be read."""
    return InputError(
        f"The index {index} cannot be read",
        cause=str(error),
        repair=f"Make it anew: bcftools index -f {'-t ' * (index.suffix == VCF_INDEXES[0])}{path}",
    )


def _unpacked(path: Path) -> bytes:
    """The content of a file, packed by gzip or not; raises ValueError where it is damaged, or unpacks to too much."""
    with path.open("rb") as file:
        if file.peek(2)[:2] != b"\x1f\x8b":
            return file.read()
        try:
            with gzip.open(file) as packed:
                data = packed.read(MOST_UNPACKED + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{path} is damaged: {error}") from error
    if len(data) > MOST_UNPACKED:
        raise ValueError(f"{path} unpacks to more than {MOST_UNPACKED} bytes")
    return data


def _parse(data: bytes) -> IndexEnd:
    unpack = struct.Struct("<i").unpack_from
    if data[:4] in (b"BAI\1", b"TBI\1"):
        at, bin_head, pseudo = 4, 8, _BAI_PSEUDO_BIN
    elif data[:4] == b"CSI\1":
        _, depth, extra = struct.unpack_from("<3i", data, 4)
        _require_count(depth, _MOST_LEVELS)
        _require_count(extra)
        # Bins have an offset of their own in place of a linear index.
        at, bin_head, pseudo = 16 + extra, 16, ((1 << (depth + 1) * 3) - 1) // 7 + 1
    else:
        raise ValueError("neither BAI nor CSI nor TBI")
    (contigs,) = unpack(data, at)
    at, end = at + 4, 0
    if data[:1] == b"T":  # columns, and names of contigs
        (names,) = unpack(data, 32)
        _require_count(names)
        at = 36 + names
    for _ in range(contigs):
        (bins,) = unpack(data, at)
        at += 4
        for _ in range(bins):
            (number,), (chunks,) = unpack(data, at), unpack(data, at + bin_head - 4)
            _require_count(chunks)  # else the place would go back, and there be no end
            at += bin_head
            if number == pseudo:
                end = max(end, *struct.unpack_from("<2Q", data, at))
            at += 16 * chunks
        if bin_head == 8:
            (intervals,) = unpack(data, at)
            _require_count(intervals)
            at += 4 + 8 * intervals
    if len(data) < at:
        raise ValueError("its last contig breaks off")
    return IndexEnd(contigs, end, struct.unpack_from("<Q", data, at)[0] if len(data) >= at + 8 else None)


def _require_count(number: int, most: int | None = None) -> None:
    if number < 0 or (most is not None and number > most):
        raise ValueError(f"{number} cannot be a count in an index")


def belongs(path: Path, index: Path, contigs: int | None) -> bool:
    """Whether what is in a file, by BGZF, ends where the index says; true where that cannot be told.

    An index of other than so many contigs, those of a BAM's header, is another file's; of a VCF they may be fewer.
    """
    try:
        end = index_end(index)
    except ValueError:
        return True  # htslib has read it
    return contigs in (None, end.contigs) and ends_there(path, end)


def ends_there(path: Path, end: IndexEnd) -> bool:
    """Whether what is in a file, by BGZF, ends where its index says; true where that cannot be told."""
    _, offset, unplaced = end
    if not offset:
        return True
    block, within = offset >> 16, offset & 0xFFFF
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if within:
            following = _next_block(file, block) if block < size else None
            if following is None:
                return False
            block = following[0]
        while unplaced == 0 and block < size:  # nothing but empty blocks may follow
            following = _next_block(file, block)
            if following is None or following[1]:
                return False
            block = following[0]
    return block <= size


def _next_block(file: BinaryIO, block: int) -> tuple[int, int] | None:
    """Return where the block after this one begins and how many bytes this one holds; None where none begins here."""
    file.seek(block)
    head = file.read(18)
    if len(head) < 18 or head[:4] != b"\x1f\x8b\x08\x04" or head[12:14] != b"BC":
        return None
    following = block + struct.unpack_from("<H", head, 16)[0] + 1
    file.seek(following - 4)
    length = file.read(4)
    return (following, struct.unpack("<I", length)[0]) if len(length) == 4 else None


def cram_belongs(cram: Path, index: Path) -> bool:
    """Whether the file has a container wherever the index says, as long as its slices are."""
    lengths: dict[int, int] = {}
    try:
        for line in _unpacked(index).splitlines():
            _, _, _, container, landmark, size = map(int, line.split(b"\t"))
            lengths[container] = max(lengths.get(container, 0), landmark + size)
    except ValueError:  # no such index, or one that breaks off
        return False
    with cram.open("rb") as file:
        end = file.seek(0, os.SEEK_END) - 4
        for container, length in lengths.items():
            if not 0 <= container <= end:
                return False
            file.seek(container)
            if struct.unpack("<i", file.read(4)) != (length,):
                return False
    return True
