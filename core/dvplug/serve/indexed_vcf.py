"""Records of a VCF that is packed by bgzip, by its index: read without htslib.

Formats: SAM specification, 4.1 (BGZF), and the tabix specification. Blocks may end within a line, so what a client is
sent of a region is packed anew (`dvplug.system.bgzf`).
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path


def blocks(path: Path, offset: int = 0) -> Iterator[bytes]:
    """Yield the content of each block, from a byte of the file on; raises ValueError where that is no block."""
    with path.open("rb") as file:
        file.seek(offset)
        while head := file.read(18):
            if len(head) < 18 or head[:4] != b"\x1f\x8b\x08\x04" or head[12:14] != b"BC":
                raise ValueError(f"{path.name} is not packed by bgzip")
            size = struct.unpack_from("<H", head, 16)[0] + 1
            rest = file.read(size - 18)
            yield zlib.decompress(rest[:-8], wbits=-15)


def lines(path: Path, virtual_offset: int = 0) -> Iterator[bytes]:
    """Yield the lines of a file, without their ends, from a virtual offset on."""
    offset, skip = virtual_offset >> 16, virtual_offset & 0xFFFF
    rest = b""
    for block in blocks(path, offset):
        *whole, rest = (rest + block[skip:]).split(b"\n")
        skip = 0
        yield from whole
    if rest:
        yield rest


def header_lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a VCF's header."""
    for line in lines(path):
        if not line.startswith(b"#"):
            return
        yield line


def records(
    path: Path, contig: str | None, start: int, end: int | None, *, since: int = 0
) -> Iterator[bytes]:
    """Yield the records of a VCF that lie over a region.

    Parameters
    ----------
    contig
        None is everywhere.
    start, end
        0-based, half-open; None is the end of the contig.
    since
        Records that begin before it are left out.
    """
    if contig is None:
        yield from (line for line in lines(path) if not line.startswith(b"#"))
        return
    name, begun = contig.encode(), False
    for line in lines(path, first_offset(path, contig, start)):
        if line.startswith(b"#"):
            continue
        chrom, pos, _, ref, *_ = line.split(b"\t", 4)
        if chrom != name:
            if begun:
                return
            continue
        begun = True
        at = int(pos) - 1
        if end is not None and at >= end:
            return
        if at >= since and _end(line, at, len(ref)) > start:
            yield line


def _end(line: bytes, at: int, length: int) -> int:
    """Where a record ends, 0-based, not included: INFO's END, or the end of REF."""
    info = line.split(b"\t", 8)[7]
    for field in info.split(b";"):
        if field.startswith(b"END="):
            return int(field[4:])
    return at + length


def contig_names(path: Path) -> list[str]:
    """The contigs that a VCF's header names."""
    found = []
    for line in header_lines(path):
        if line.startswith(b"##contig=<ID="):
            found.append(line[len(b"##contig=<ID=") :].split(b",")[0].rstrip(b">").decode())
    return found


def first_offset(path: Path, contig: str, start: int) -> int:
    """The virtual offset from which on all records over a position, and behind it, are found; 0 where no index says.

    It is that of the linear index, which is of windows of 2^14 bp.
    """
    index = Path(f"{path}.tbi")
    if not index.is_file():
        return 0
    data = gzip.decompress(index.read_bytes())
    magic, n_ref, _, _, _, _, _, _, l_nm = struct.unpack_from("<4s8i", data)
    if magic != b"TBI\1":
        return 0
    at = 36
    names = data[at : at + l_nm].split(b"\0")[:n_ref]
    at += l_nm
    for name in names:
        (n_bin,) = struct.unpack_from("<i", data, at)
        at += 4
        for _ in range(n_bin):
            (n_chunk,) = struct.unpack_from("<i", data, at + 4)
            at += 8 + 16 * n_chunk
        (n_intv,) = struct.unpack_from("<i", data, at)
        windows = struct.unpack_from(f"<{n_intv}Q", data, at + 4)
        at += 4 + 8 * n_intv
        if name == contig.encode():
            return windows[min(start >> 14, n_intv - 1)] if n_intv else 0
    return 0
