"""Copies of a registry: all of it as a mirror, or a few models as one file for a cluster without a network."""

from __future__ import annotations

import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import TIMESTAMP_NAME, Catalog, Offer, refresh
from dvplug_registry.download import MOST_BYTES, Report, download_all, fetch_verified, read_card
from dvplug_registry.errors import RegistryError
from dvplug_registry.files import UnfinishedFile, write_whole
from dvplug_registry.model_folder import file_sha256
from dvplug_registry.sources import METADATA, TARGETS, Source
from dvplug_registry.transport import NotThere, Transport

MOST_FILES = 10_000
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
        if not card.exists():
            write_whole(card, read_card(source, offer, transport))
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
    source: Source, bundle: Path, cache: ModelCache, transport: Transport, report: Report
) -> tuple[Catalog, list[Path]]:
    """Install the models of a bundle, verified as if they came from the registry; returns its catalog and the folders.

    Raises
    ------
    RegistryError
        It is no bundle, or not one of this registry, or is older than what was seen of the registry.
    """
    with tempfile.TemporaryDirectory(prefix="dvplug-bundle-") as temporary:
        folder = Path(temporary)
        _unpack(bundle, folder)
        local = Source(source.name, f"{folder.as_uri()}/", source.folder)
        try:
            catalog = refresh(local, transport)
        except NotThere as error:
            raise _no_bundle(bundle, error.problem) from error
        offers = [offer for offer in catalog.offers if (folder / TARGETS / offer.file).exists()]
        return catalog, download_all([(local, offer) for offer in offers], cache, transport, report)


def _unpack(bundle: Path, folder: Path) -> None:
    for part in (METADATA, TARGETS):
        (folder / part).mkdir()
    try:
        with tarfile.open(bundle, "r:") as archive:
            for count, entry in enumerate(archive):
                if not _MEMBER.fullmatch(entry.name) or not entry.isreg():
                    raise _no_bundle(bundle, f"'{entry.name}' is not a file of a registry")
                if count >= MOST_FILES or entry.size > MOST_BYTES:
                    raise _no_bundle(
                        bundle, f"it has more than {MOST_FILES} files, or one of {entry.size} bytes"
                    )
                content = archive.extractfile(entry)
                assert content is not None  # of regular files it never is
                with (folder / entry.name).open("xb") as file:
                    shutil.copyfileobj(content, file)
    except (OSError, tarfile.TarError) as error:
        raise _no_bundle(bundle, str(error)) from error


def _no_bundle(bundle: Path, cause: str) -> RegistryError:
    return RegistryError(
        f"'{bundle}' is not a bundle of models", cause=cause, repair="Make one with `dvplug registry export`."
    )
