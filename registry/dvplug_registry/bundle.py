"""Copies of a registry: all of it as a mirror, or a few models as one file for a cluster without a network."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote

from dvplug_registry.archive import TAR_ERRORS, is_plain, opened_tar
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import TIMESTAMP_NAME, Catalog, Offer, refresh
from dvplug_registry.download import (
    MOST_BYTES,
    Report,
    download_all,
    fetch_verified,
    read_card,
    read_manifest,
)
from dvplug_registry.errors import RegistryError
from dvplug_registry.files import UnfinishedFile, write_whole
from dvplug_registry.model_folder import file_sha256
from dvplug_registry.sources import METADATA, TARGETS, Source
from dvplug_registry.transport import CHUNK, MOST_UNSAID, NotThere, Transport

MOST_FILES = 10_000
MOST_BUNDLE_BYTES = 100 * 10**9
_REPAIR = "Make one with `dvplug registry export`."
_MEMBER = re.compile(rf"({METADATA}|{TARGETS})/[A-Za-z0-9][A-Za-z0-9._-]*")


def mirror(
    source: Source, offers: Iterable[Offer], folder: Path, transport: Transport, report: Report
) -> int:
    """Copy a registry's metadata, and the archives of these offers, into a folder; returns how many are new.

    A web server that shows the folder is as good as the registry: clients verify the same signatures. Metadata come
    last, so that a mirror that is being renewed never names what it lacks.

    Raises
    ------
    RegistryError
        An archive is not the one that was signed, or cannot be had.
    """
    targets = folder / TARGETS
    targets.mkdir(parents=True, exist_ok=True)
    new = 0
    for offer in offers:
        archive, card = targets / offer.file, targets / offer.card_file
        manifest = targets / offer.manifest_file
        if not card.exists():
            write_whole(card, read_card(source, offer, transport))
        if not manifest.exists():
            write_whole(manifest, read_manifest(source, offer, transport))
        if archive.exists() and file_sha256(archive) == offer.sha256:
            continue
        part = archive.with_name(f".{archive.name}.part")
        fetch_verified(source, offer, part, transport, report)
        part.replace(archive)
        new += 1
    _copy_metadata(source, folder / METADATA)
    return new


def _copy_metadata(source: Source, out: Path) -> None:
    """Write the metadata that the last refresh verified under the names that clients ask for."""
    from tuf.api.metadata import Metadata

    known = source.folder / METADATA
    out.mkdir(parents=True, exist_ok=True)
    for path in (known / "root_history").glob("*.root.json"):
        shutil.copyfile(path, out / path.name)
    for role in ("targets", "snapshot"):
        version = Metadata.from_file(str(known / f"{role}.json")).signed.version
        shutil.copyfile(known / f"{role}.json", out / f"{version}.{role}.json")
    write_whole(out / TIMESTAMP_NAME, (known / TIMESTAMP_NAME).read_bytes())


def export_bundle(
    source: Source, offers: Iterable[Offer], out: Path, transport: Transport, report: Report
) -> None:
    """Write one tar with the metadata of a registry and the archives of these offers; raises as `mirror` does."""
    with (
        UnfinishedFile(out) as packed,
        tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary,
    ):
        folder = Path(temporary)
        mirror(source, offers, folder, transport, report)
        with tarfile.open(packed, "w", format=tarfile.PAX_FORMAT) as archive:
            for path in sorted(folder.glob("*/*")):
                archive.add(path, str(path.relative_to(folder)), recursive=False, filter=_nameless)


def _nameless(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who made the bundle."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def import_bundle(
    source: Source, bundle: Path, cache: ModelCache, report: Report
) -> tuple[Catalog, list[Path]]:
    """Install the models of a bundle, verified as if they came from the registry; returns its catalog and the folders.

    Nothing of it is written before the signatures are verified, and of an archive no more than was signed.

    Raises
    ------
    RegistryError
        It is no bundle, or not one of this registry, or is older than what was seen of the registry.
    """
    transport = BundleTransport(bundle)
    local = Source(source.name, BundleTransport.URL, source.folder)
    catalog = refresh(local, transport)
    offers = [offer for offer in catalog.offers if f"{TARGETS}/{offer.file}" in transport.files]
    for offer in offers:  # what people read of a model is as much of the bundle as the model
        for read, file in ((read_card, offer.card_file), (read_manifest, offer.manifest_file)):
            if f"{TARGETS}/{file}" in transport.files:
                read(local, offer, transport)
    return catalog, download_all([(local, offer) for offer in offers], cache, transport, report)


class BundleTransport(Transport):
    """Gives the files of a bundle, which stay in it, under addresses that begin with `URL`.

    Attributes
    ----------
    files
        Where in the bundle each file begins, and its number of bytes, by name.

    Raises
    ------
    RegistryError
        It holds anything but plain files of a registry, one twice, or more or larger ones than are allowed.
    """

    URL = "bundle:///"

    def __init__(self, bundle: Path) -> None:
        super().__init__(retries=0)
        self._bundle = bundle
        self.files = _files(bundle)

    @contextmanager
    def open(
        self, url: str, start: int = 0, expected: int = MOST_UNSAID
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Open a file from byte ``start`` on; raises NotThere where it is not in the bundle."""
        name = unquote(url.removeprefix(self.URL))
        if name not in self.files:
            raise NotThere(f"'{self._bundle}' has no '{name}'", repair=_REPAIR)
        begin, size = self.files[name]
        with self._bundle.open("rb") as file:
            file.seek(begin + start)
            yield start, _chunks(file, size - start)


def _chunks(file: BinaryIO, left: int) -> Iterator[bytes]:
    while left > 0 and (chunk := file.read(min(left, CHUNK))):
        left -= len(chunk)
        yield chunk


def _files(bundle: Path) -> dict[str, tuple[int, int]]:
    """Where each file of a tar begins, and its size; raises RegistryError where it is not what we write."""
    found: dict[str, tuple[int, int]] = {}
    total = end = 0
    try:
        with opened_tar(bundle) as archive:
            for entry in archive:
                if not _MEMBER.fullmatch(entry.name) or not is_plain(entry) or entry.name in found:
                    raise _no_bundle(
                        bundle, f"'{entry.name}' is not a plain file of a registry, or is there twice"
                    )
                found[entry.name] = entry.offset_data, entry.size
                total += entry.size
                end = entry.offset_data + -(-entry.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                if len(found) > MOST_FILES or entry.size > MOST_BYTES or total > MOST_BUNDLE_BYTES:
                    raise _no_bundle(
                        bundle,
                        f"more than {MOST_FILES:,} files, {MOST_BYTES:,} bytes in one, or {MOST_BUNDLE_BYTES:,} in all",
                    )
        with bundle.open("rb") as file:
            file.seek(end)
            if file.read(2 * tarfile.BLOCKSIZE) != bytes(2 * tarfile.BLOCKSIZE):
                # A damaged head is an end to `tarfile`, as if nothing more had been meant to come.
                raise _no_bundle(bundle, "it is damaged, or breaks off")
    except (OSError, *TAR_ERRORS) as error:
        raise _no_bundle(bundle, str(error)) from error
    if (first := f"{METADATA}/{TIMESTAMP_NAME}") not in found:
        raise _no_bundle(bundle, f"there is no '{first}' in it")
    return found


def _no_bundle(bundle: Path, cause: str) -> RegistryError:
    return RegistryError(f"'{bundle}' is not a bundle of models", cause=cause, repair=_REPAIR)
