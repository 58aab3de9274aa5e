"""Bring a file here: whole, or not at all under its name; what a broken transfer brought is gone on with."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import urllib3

from dvplug.errors import InputError, unwritable
from dvplug.serve.transfer.guard import Asker, Refused, TransferLimits, Unanswered, never, require_status
from dvplug_registry.safe_text import masked

DOCUMENT_S = 600.0
"""Seconds that small documents, such as tickets, may take."""


@dataclass(frozen=True)
class RemoteSource:
    """A URL, and what is known of it.

    Attributes
    ----------
    headers
        Fields that have to be sent with it.
    size
        Bytes that it has.
    digest
        Name of a function of `hashlib`, and what it gives of the content, in hexadecimal digits.
    """

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    digest: tuple[str, str] | None = None


def tell_nobody(done: int, total: int | None) -> None:
    """Say how far it is: to nobody."""


def fetch(
    source: RemoteSource | str,
    to: Path,
    limits: TransferLimits,
    *,
    cancelled: Callable[[], bool] = never,
    progress: Callable[[int, int | None], None] = tell_nobody,
) -> None:
    """Bring what a URL names to a place.

    What came of a transfer that broke off, or was killed, lies beside it (``.NAME.part``), with what the server calls
    its state (``ETag`` or ``Last-Modified``): the next one goes on there if the server says that it is the same still.

    Parameters
    ----------
    to
        Place; its folder is there.
    cancelled
        Asked often, by another thread: once it says so, the transfer ends, with an error.
    progress
        Told bytes so far, and in all where that is known.

    Raises
    ------
    InputError
        It must not be asked for, cannot be had, is too large or too slow, or is not what it was described to be; or
        the disk is full.
    """
    source = RemoteSource(source) if isinstance(source, str) else source
    asker, failed = Asker(limits, cancelled), 0
    part = _Part(to)
    try:
        while True:
            before = part.size()
            try:
                _go_on(asker, source, part, progress)
                _require_described(asker, source, part)
                part.keep()
                return
            except Unanswered:
                failed = 0 if part.size() > before else failed + 1
                if failed >= limits.tries:
                    raise
                asker.watch.pause(limits.pause_s * 2**failed)
    except OSError as error:
        raise unwritable(f"{to.name}", error) from error
    finally:
        asker.clear()


class _Part:
    """What came so far of a file, and of which state of it."""

    def __init__(self, to: Path) -> None:
        self.to = to
        self.path = to.with_name(f".{to.name}.part")
        self.note = to.with_name(f".{to.name}.part.json")

    def size(self) -> int:
        """Bytes that are here."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def state(self, url: str) -> str:
        """What the server called the state that the bytes are of; empty where that is not known."""
        try:
            kept = json.loads(self.note.read_bytes())
            return str(kept["state"]) if kept["url"] == url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def begin(self, url: str, state: str) -> None:
        """Throw away what is here: what comes next is of this state."""
        self.path.write_bytes(b"")
        self.note.write_text(json.dumps({"url": url, "state": state}))
        self.note.chmod(0o600)  # the URL may open something

    def keep(self) -> None:
        """Give it its name."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        self.path.replace(self.to)
        with suppress(OSError):
            self.note.unlink()


def _go_on(
    asker: Asker,
    source: RemoteSource,
    part: _Part,
    progress: Callable[[int, int | None], None],
) -> None:
    """Ask for what is missing, and append it; raises InputError where it does not all come."""
    url, limits = source.url, asker.limits
    have, state = part.size(), part.state(url)
    headers = dict(source.headers)
    is_range = any(
        name.lower() == "range" for name in headers
    )  # of a ticket's part, which is not gone on with
    if have and state and not is_range:
        headers |= {"range": f"bytes={have}-", "if-range": state}
    with asker.opened("GET", url, headers) as answer:
        if answer.status == 416 and "if-range" in headers:
            if answer.headers.get("content-range", "").removeprefix("bytes ") == f"*/{have}":
                return  # all of it had come
            part.begin(url, "")
            raise Unanswered(f"{masked(url)} has changed", repair="Try again.")
        require_status(answer, url, _right(is_range, "if-range" in headers))
        same = _state(answer) in ("", state)  # there are servers that do not look at If-Range
        if is_range or answer.status == 200 or _first_byte(answer) != have or not same:
            part.begin(url, _state(answer))
            have = 0
            if answer.status == 206 and not is_range:
                raise Unanswered(
                    f"{masked(url)} sends another part, or file, than was asked for", repair="Try again."
                )
        total = _total(answer, have)
        if (total or 0) > limits.max_bytes:
            raise _too_large(url, limits)
        with part.path.open("ab") as file:
            for chunk in asker.chunks(answer, url):
                have += len(chunk)
                if have > limits.max_bytes:
                    raise _too_large(url, limits)
                file.write(chunk)
                progress(have, total)
    if not have and "content-length" not in answer.headers:
        raise Unanswered(  # http.client takes a head that breaks off for a whole one
            f"{masked(url)} breaks off", cause="nothing came", repair="Try again."
        )
    if total is not None and have != total:
        raise Unanswered(
            f"{masked(url)} breaks off", cause=f"{have:,} of {total:,} bytes came", repair="Try again."
        )


def _require_described(asker: Asker, source: RemoteSource, part: _Part) -> None:
    """Throw away what is not as it was described, and raise Refused."""
    expected: int | str | None = source.size
    found: int | str = part.size()
    told = "bytes"
    if (expected is None or expected == found) and source.digest is not None:
        told, digits = source.digest
        digest = hashlib.new(told, usedforsecurity=False)
        with part.path.open("rb") as file:
            while not asker.watch.look() and (block := file.read(1 << 20)):
                digest.update(block)
        asker.require_wanted(source.url)
        if digest.hexdigest() == digits:
            return
        expected, found = digits, digest.hexdigest()
    elif expected is None or expected == found:
        return
    part.begin(source.url, "")
    raise Refused(
        f"{masked(source.url)} is not the file that it is described to be",
        cause=f"{told}: {expected} expected, {found} found",
        repair="Tell whoever offers it.",
    )


def _right(is_range: bool, goes_on: bool) -> tuple[int, ...]:
    """Statuses that bring what was asked for: a whole file in place of the wanted part of it is something else."""
    return (206,) if is_range else (200, 206) if goes_on else (200,)


def _state(answer: urllib3.BaseHTTPResponse) -> str:
    """What may stand in If-Range (RFC 9110, 13.1.5): a strong ETag, or else a date."""
    tag = answer.headers.get("etag", "")
    return tag if tag.startswith('"') else answer.headers.get("last-modified", "")


def _first_byte(answer: urllib3.BaseHTTPResponse) -> int:
    """Which byte a 206 begins with (RFC 9110, 14.4); -1 where it does not say."""
    said = answer.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0].strip()
    return int(said) if said.isascii() and said.isdigit() else -1


def _total(answer: urllib3.BaseHTTPResponse, have: int) -> int | None:
    said = answer.headers.get("content-length", "")
    return have + int(said) if said.isascii() and said.isdigit() and len(said) < 20 else None


def _too_large(url: str, limits: TransferLimits) -> InputError:
    return Refused(
        f"{masked(url)} is too large", cause=f"an input may have {limits.max_bytes:,} bytes",
        repair="Start the service with a larger --max-input.",
    )  # fmt: skip


def for_documents(limits: TransferLimits) -> TransferLimits:
    """The limits of small documents, which need less time."""
    return replace(limits, total_s=min(limits.total_s, DOCUMENT_S))


def read_small(asker: Asker, source: RemoteSource, most: int = 1 << 24) -> bytes:
    """Return a whole small document, such as a ticket; raises InputError as `fetch`."""
    for failed in range(asker.limits.tries + 1):
        try:
            with asker.opened("GET", source.url, source.headers) as answer:
                require_status(answer, source.url, (200,))
                content = b""
                for chunk in asker.chunks(answer, source.url):
                    content += chunk
                    if len(content) > most:
                        raise Refused(
                            f"{masked(source.url)} has more than {most:,} bytes", repair="Correct the URL."
                        )
                return content
        except Unanswered:
            if failed == asker.limits.tries:
                raise
            asker.watch.pause(asker.limits.pause_s * 2**failed)
    raise AssertionError  # the last try returns or raises
