"""Download models: resumed where they stopped, verified before they are moved in, several at once."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from io import FileIO
from pathlib import Path

from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import Offer
from dvplug_registry.errors import RegistryError
from dvplug_registry.model_folder import MAX_MANIFEST_BYTES, file_sha256
from dvplug_registry.sources import TARGETS, Source
from dvplug_registry.transport import NotThere, TooSlow, Transport, Unreachable

MOST_BYTES = 2 * 10**9
MOST_CARD_BYTES = 10**6
AT_ONCE = 4
Report = Callable[[Offer, int], None]
"""Told how many bytes of an offer are here now."""


def download_all(
    wanted: Iterable[tuple[Source, Offer]],
    cache: ModelCache,
    transport: Transport,
    report: Report = lambda offer, done: None,
) -> list[Path]:
    """Download models, a few at a time; returns their folders in order. One that is here is not fetched again.

    Raises
    ------
    RegistryError, ModelError
        Of the first that fails; the others are finished, what was fetched of the failed one waits to be resumed.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(download, source, offer, cache, transport, report) for source, offer in wanted]
    return [job.result() for job in jobs]


def download(
    source: Source,
    offer: Offer,
    cache: ModelCache,
    transport: Transport,
    report: Report = lambda offer, done: None,
) -> Path:
    """Download one model, unless it is here, and return its folder.

    Raises
    ------
    Unreachable
        The server does not answer, or stops again and again; what came is kept, and the next call goes on there.
    RegistryError
        The archive is larger than allowed or than the disk has room for, or it is not the one that was signed.
    ModelError
        A file in it is not what its manifest says.
    """
    if offer.size > MOST_BYTES:
        raise RegistryError(
            f"{offer.label} has {offer.size} bytes", cause=f"more than {MOST_BYTES} are never downloaded"
        )
    with cache.lock(offer.sha256) as part:
        if (folder := cache.find(offer.manifest_sha256)) is not None:
            report(offer, offer.size)
            return folder
        _check_room(part.parent, offer)
        fetch_verified(source, offer, part, transport, report)
        folder = cache.install(part, offer.manifest_sha256).folder
        part.unlink()
        return folder


def fetch_verified(source: Source, offer: Offer, part: Path, transport: Transport, report: Report) -> None:
    """Bring the archive of an offer to its whole length, and verify it; raises as `download` does."""
    resumed = part.exists()
    fetch(source.address(TARGETS, offer.file), part, offer.size, transport, lambda n: report(offer, n))
    found = file_sha256(part)
    if found != offer.sha256 and resumed:  # what was there may have been spoilt, and the server be right
        part.unlink()
        fetch_verified(source, offer, part, transport, report)
    elif found != offer.sha256:
        part.unlink()
        raise RegistryError(
            f"the archive of {offer.label} is not the one that was signed",
            cause=f"expected sha256 {offer.sha256}, got {found}; it was changed on the server or on its way",
            repair=f"Tell the owner of the registry {source.name}.",
        )


def read_card(source: Source, offer: Offer, transport: Transport) -> bytes:
    """Return a model's card; raises RegistryError where it is not the one that was signed."""
    content = transport.read(source.address(TARGETS, offer.card_file), MOST_CARD_BYTES)
    if hashlib.sha256(content).hexdigest() != offer.card_sha256:
        raise RegistryError(
            f"the card of {offer.label} is not the one that was signed",
            repair=f"Tell the owner of the registry {source.name}.",
        )
    return content


def read_manifest(source: Source, offer: Offer, transport: Transport) -> bytes:
    """Return the manifest of an offer, JSON, without its model.

    Raises
    ------
    RegistryError
        It is not the one that was signed, or the registry has it in no file of its own.
    """
    try:
        content = transport.read(source.address(TARGETS, offer.manifest_file), MAX_MANIFEST_BYTES)
    except NotThere as error:
        raise RegistryError(
            f"the registry {source.name} has no file of the manifest of {offer.label}",
            cause="it was published by an older dvplug",
            repair=f"Download the model: dvplug registry download {offer.label}",
        ) from error
    if hashlib.sha256(content).hexdigest() != offer.manifest_sha256:
        raise RegistryError(
            f"the manifest of {offer.label} is not the one that was signed",
            repair=f"Tell the owner of the registry {source.name}.",
        )
    return content


def fetch(url: str, part: Path, size: int, transport: Transport, report: Callable[[int], None]) -> None:
    """Bring a file to ``size`` bytes, going on after what is there; the bytes are not verified.

    Raises
    ------
    Unreachable
        The server stops again and again without any progress, or is too slow; what came stays.
    RegistryError
        It has another number of bytes.
    """
    tries, deadline = 0, transport.deadline(size)
    while (have := _size(part)) != size:
        deadline.require(url)  # who drips and breaks off makes progress each time
        try:
            _append(url, part, have if have < size else 0, size, transport, report)
        except TooSlow:
            raise
        except Unreachable:
            tries = 0 if _size(part) > have else tries + 1
            if tries > transport.retries:
                raise
            transport.wait(tries)


def _append(
    url: str, part: Path, start: int, size: int, transport: Transport, report: Callable[[int], None]
) -> None:
    with (
        transport.open(url, start, size) as (have, chunks),
        part.open("r+b" if part.exists() else "wb", buffering=0) as file,
    ):
        file.truncate(have)  # 0 where the server knows no ranges
        file.seek(have)
        for chunk in chunks:
            have += len(chunk)
            if have > size:
                break
            _write(file, chunk)
            report(have)
        os.fsync(file.fileno())
    if have != size:
        part.unlink()
        raise RegistryError(
            f"'{url}' has {'more' if have > size else 'fewer'} bytes than the {size} that were signed",
            cause="the file on the server was changed or is not whole",
            repair="Tell the registry's owner.",
        )


def _write(file: FileIO, chunk: bytes) -> None:
    """Write all of it: what a disk has no room for would else look as if the server had not sent it."""
    try:
        while chunk:
            chunk = chunk[file.write(chunk) :]
    except OSError as error:
        raise RegistryError(
            f"'{file.name}' cannot be written",
            cause=error.strerror or str(error),
            repair="Make room, or set DVPLUG_HOME to another disk.",
        ) from error


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _check_room(folder: Path, offer: Offer) -> None:
    needed, free = offer.size + offer.unpacked, shutil.disk_usage(folder).free
    if needed > free:
        raise RegistryError(
            f"there is no room for {offer.label}",
            cause=f"it needs {needed / 1e6:.1f} MB, {free / 1e6:.1f} MB are free in '{folder}'",
            repair="Make room, or set DVPLUG_HOME to another disk.",
        )
