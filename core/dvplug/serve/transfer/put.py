"""Deliver a file: PUT to one URL, or in parts to several, as object stores sign them."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, cast

from dvplug.serve.transfer.guard import Asker, Refused, TransferLimits, Unanswered, never, require_status
from dvplug_registry.safe_text import masked

DONE = (200, 201, 202, 204)
LEAST_PART = 5 << 20
"""Bytes of a part, but the last: object stores put no smaller ones together (S3's EntityTooSmall)."""


def put(
    path: Path,
    urls: Sequence[str],
    limits: TransferLimits,
    *,
    manifest: str | None = None,
    least_part: int = LEAST_PART,
    cancelled: Callable[[], bool] = never,
) -> None:
    """Send a file.

    Parameters
    ----------
    urls
        One for the whole; or several, for parts of equal size (but the last), in order, of which as many are used as
        are needed.
    manifest
        Where a list of the parts goes once all are there: JSON with the file's ``name``, ``size`` and ``sha256``;
        ``MultipartUpload``, which is what S3's CompleteMultipartUpload wants to be given; and ``parts``, each with
        ``part_number`` (from 1), ``etag`` as the store gave it, ``size`` and ``sha256``.
    least_part
        Bytes of a part but the last.
    cancelled
        As of `fetch`.

    Raises
    ------
    InputError
        A URL must not be asked, or does not take it; or it takes too long.
    """
    asker, size = Asker(limits, cancelled), path.stat().st_size
    step = max(1, -(-size // len(urls)), least_part if len(urls) > 1 else 1)
    parts = []
    try:
        with path.open("rb") as file:
            for number, url in enumerate(urls, 1):
                begin = (number - 1) * step
                if begin < size or number == 1:
                    parts.append(_part(asker, file, number, begin, min(step, size - begin), url))
        if manifest is not None:
            _send(asker, manifest, io.BytesIO(_manifest(path, size, parts)))
    finally:
        asker.clear()


def _manifest(path: Path, size: int, parts: Sequence[dict[str, str | int]]) -> bytes:
    with path.open("rb") as file:
        whole = _digest(file, size)
    upload = {"Parts": [{"PartNumber": one["part_number"], "ETag": one["etag"]} for one in parts]}
    told = {"name": path.name, "size": size, "sha256": whole, "MultipartUpload": upload, "parts": parts}
    return json.dumps(told, indent=1).encode()


def _part(
    asker: Asker, file: IO[bytes], number: int, begin: int, size: int, url: str
) -> dict[str, str | int]:
    window = cast(IO[bytes], _Window(file, begin, size))
    digest = _digest(window, size)
    window.seek(0)
    etag = _send(asker, url, window)
    return {"part_number": number, "etag": etag, "size": size, "sha256": digest}


def _digest(file: IO[bytes], size: int) -> str:
    digest, left = hashlib.sha256(), size
    while left and (block := file.read(min(left, 1 << 20))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


def _send(asker: Asker, url: str, body: IO[bytes]) -> str:
    """PUT once, or anew where that may help; returns the ETag."""
    length = body.seek(0, io.SEEK_END)
    headers = {
        "content-length": str(length)
    }  # object stores take no chunks; no type, as signatures may be over it
    for failed in range(asker.limits.tries + 1):
        body.seek(0)
        try:
            with asker.opened("PUT", url, headers, body) as answer:
                if 300 <= answer.status < 400:
                    raise Refused(f"{masked(url)} leads elsewhere", repair="Give the URL that it leads to.")
                require_status(answer, url, DONE)
                return answer.headers.get("etag", "")
        except Unanswered:
            if failed == asker.limits.tries:
                raise
            asker.watch.pause(asker.limits.pause_s * 2**failed)
    raise AssertionError  # the last try returns or raises


class _Window(io.RawIOBase):
    """Some bytes of a file, as a file."""

    def __init__(self, file: IO[bytes], begin: int, size: int) -> None:
        self._file, self._begin, self._size, self._at = file, begin, size, 0

    def readable(self) -> bool:
        """Whether it can be read: yes."""
        return True

    def seekable(self) -> bool:
        """Whether there is a place to go to: yes."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a byte of the window."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        """Which byte of the window comes next."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Read at most so many bytes."""
        left = max(0, self._size - self._at)
        self._file.seek(self._begin + self._at)
        found = self._file.read(left if size < 0 else min(size, left))
        self._at += len(found)
        return found
