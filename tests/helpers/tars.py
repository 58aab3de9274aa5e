"""Tar files of any members, also of such that nobody should unpack."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

Members = list[tuple[tarfile.TarInfo, bytes]]
HOLE = 1_000_000
"""Bytes that a member with holes would have."""


def write_tar(parts: Members, path: Path) -> Path:
    """Write these members as they are."""
    with tarfile.open(path, "w") as archive:
        for member, content in parts:
            archive.addfile(member, io.BytesIO(content))
    return path


def extra(
    name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", target: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    """A member of any kind."""
    member = tarfile.TarInfo(name)
    member.type, member.size, member.linkname = kind, len(content), target
    return member, content


class _Sparse(tarfile.TarInfo):
    """A member in the old form of GNU: one byte, and then nothing up to its size."""

    def tobuf(self, *arguments: object, **options: object) -> bytes:
        """Return its head, with the map of where it has bytes."""
        head = bytearray(super().tobuf(tarfile.GNU_FORMAT))
        head[386:410] = b"%011o\0%011o\0" % (0, 1)
        head[483:495] = b"%011o\0" % HOLE
        head[148:156] = b" " * 8
        head[148:156] = b"%06o\0 " % sum(head)
        return bytes(head)


def with_holes(name: str, *, pax: bool = False) -> tuple[tarfile.TarInfo, bytes]:
    """A member that takes one byte in the tar, and a megabyte when it is unpacked."""
    member = tarfile.TarInfo(name) if pax else _Sparse(name)
    member.size = 1
    if pax:
        member.pax_headers = {"GNU.sparse.size": str(HOLE), "GNU.sparse.map": "0,1"}
    else:
        member.type = tarfile.GNUTYPE_SPARSE
    return member, b"x"
