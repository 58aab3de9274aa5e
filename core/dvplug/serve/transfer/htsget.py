"""Reads by htsget 1.3: a ticket names the parts of a BAM or CRAM, which are put together in their order."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote_to_bytes

from dvplug.errors import unwritable
from dvplug.serve.transfer.fetch import RemoteSource, fetch, for_documents, read_small, tell_nobody
from dvplug.serve.transfer.guard import Asker, Refused, TransferLimits, never
from dvplug_registry.safe_text import masked

FORMATS = ("BAM", "CRAM")
MOST_PARTS = 100_000
_DATA = "data:"


def read_htsget(
    url: str,
    to: Path,
    limits: TransferLimits,
    *,
    cancelled: Callable[[], bool] = never,
    progress: Callable[[int, int | None], None] = tell_nobody,
) -> None:
    """Bring the reads that a ticket names; parameters and errors as of `fetch`."""
    asker, until = Asker(for_documents(limits), cancelled), time.monotonic() + limits.total_s
    try:
        parts = _parts(read_small(asker, RemoteSource(url, {"accept": "application/json"})), url)
    finally:
        asker.clear()
    whole, piece = to.with_name(f".{to.name}.whole"), to.with_name(f".{to.name}.piece")
    try:
        with whole.open("wb") as out:
            for part in parts:
                left = replace(
                    limits,
                    total_s=max(0.0, until - time.monotonic()),
                    max_bytes=max(0, limits.max_bytes - out.tell()),
                )
                _append(part, out, piece, left, cancelled)
                progress(out.tell(), None)
                if out.tell() > limits.max_bytes:
                    raise Refused(f"{masked(url)} is too large", repair="Ask for less of it.")
        whole.replace(to)
    except OSError as error:
        raise unwritable(to.name, error) from error
    finally:
        whole.unlink(missing_ok=True)
        piece.unlink(missing_ok=True)


def _append(
    part: RemoteSource, out: IO[bytes], piece: Path, limits: TransferLimits, cancelled: Callable[[], bool]
) -> None:
    if part.url.startswith(_DATA):
        out.write(_decoded(part.url))
        return
    fetch(part, piece, limits, cancelled=cancelled)
    with piece.open("rb") as file:
        while block := file.read(1 << 20):
            out.write(block)
    piece.unlink()


def _decoded(url: str) -> bytes:
    """The content of a data: URI (RFC 2397)."""
    kind, comma, content = url[len(_DATA) :].partition(",")
    try:
        if not comma:
            raise ValueError("no comma")
        raw = unquote_to_bytes(content)
        return base64.b64decode(raw, validate=True) if kind.endswith(";base64") else raw
    except (ValueError, binascii.Error) as error:
        raise Refused("A part of the ticket is no data: URI", cause=str(error), repair="Ask anew.") from error


def _parts(content: bytes, url: str) -> list[RemoteSource]:
    """Read a ticket; raises Refused where it is none, or of another format."""
    try:
        ticket = json.loads(content)["htsget"]
        kind, urls = str(ticket.get("format", "BAM")).upper(), ticket["urls"]
        parts = [
            RemoteSource(
                _text(one["url"]), {_text(n): _text(v) for n, v in (one.get("headers") or {}).items()}
            )
            for one in urls
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(
            f"{masked(url)} answers with no htsget ticket",
            cause=repr(error)[:200],
            repair="Give the URL of reads.",
        ) from error
    if kind not in FORMATS or not parts or len(parts) > MOST_PARTS:
        raise Refused(
            f"{masked(url)} offers {kind} in {len(parts)} parts", cause="reads come as BAM or CRAM",
            repair="Add format=BAM to the URL.",
        )  # fmt: skip
    return parts


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
