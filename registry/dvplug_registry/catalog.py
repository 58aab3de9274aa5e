"""What a registry offers, as its owner signed it: refreshed through The Update Framework, kept for later.

The client workflow (root, timestamp, snapshot, targets; https://theupdateframework.github.io/specification/) is
python-tuf's. It detects tampering, rollback, mixed and frozen snapshots; what it finds is turned into an error here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from dvplug_registry.errors import RegistryError
from dvplug_registry.files import write_whole
from dvplug_registry.manifest import Metric, ModelName, Part
from dvplug_registry.sources import METADATA, Source
from dvplug_registry.transport import NotThere, Transport, Unreachable
from dvplug_registry.versions import Requirement, Version

if TYPE_CHECKING:
    from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
    from tuf.ngclient import FetcherInterface

ARCHIVE = ".tar"
CATALOG_NAME = "catalog.json"
TIMESTAMP_NAME = "timestamp.json"
MOST_TIMESTAMP_BYTES = 16_384
_TELL = "Tell its owner; until then use what is installed, with --offline."


class Offer(Part):
    """One model of a registry."""

    name: ModelName
    version: str
    technology: ModelName
    description: str
    licence: str
    metrics: tuple[Metric, ...] = ()
    manifest_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    unpacked: int = Field(ge=0, description="bytes of its files")
    card_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="of the model card, Markdown")
    deprecated: str | None = Field(default=None, description="why there is something better")
    yanked: str | None = Field(
        default=None, description="why it must not be chosen any more, unless by its full version"
    )
    sha256: str = Field(
        pattern=r"^[0-9a-f]{64}$", description="of the archive; from the signed target, as is size"
    )
    size: int = Field(ge=0, description="bytes of the archive")

    @property
    def label(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    @property
    def target(self) -> str:
        """Path of the archive among the targets."""
        return f"{self.name}-{self.version}{ARCHIVE}"

    @property
    def card(self) -> str:
        """Path of the model card among the targets."""
        return f"{self.name}-{self.version}.md"

    @property
    def manifest(self) -> str:
        """Path of the manifest among the targets."""
        return f"{self.name}-{self.version}.json"

    @property
    def manifest_file(self) -> str:
        """Name of the manifest on the server."""
        return f"{self.manifest_sha256}.{self.manifest}"

    @property
    def file(self) -> str:
        """Name of the archive on the server: a consistent snapshot puts the hash in front."""
        return f"{self.sha256}.{self.target}"

    @property
    def card_file(self) -> str:
        """Name of the card on the server."""
        return f"{self.card_sha256}.{self.card}"

    def custom(self) -> dict[str, str]:
        """What the signed target of the archive says besides size and hash: text, as signed JSON has no fractions."""
        return {"offer": self.model_dump_json(exclude={"sha256", "size"})}

    @classmethod
    def of_target(cls, path: str, target: TargetFile) -> Offer:
        """Read what `custom` wrote; raises ValueError where it is not that."""
        fields = target.unrecognized_fields.get("custom")
        if not isinstance(fields, dict) or not isinstance(fields.get("offer"), str):
            raise ValueError("it says nothing of a model")
        signed = {"sha256": target.hashes.get("sha256", ""), "size": target.length}
        offer = cls.model_validate(json.loads(fields["offer"]) | signed)
        if offer.target != path:
            raise ValueError(f"it describes {offer.target}")
        Version.parse(offer.version)
        return offer


class Catalog(Part):
    """The offers of a registry at one time."""

    source: str
    offers: tuple[Offer, ...]
    expires: datetime = Field(description="when the first of the metadata that say so expires")
    timestamp_sha256: str

    def allowed(self, request: str) -> list[Offer]:
        """Offers that a requirement allows, newest first; yanked ones only where the full version is asked for."""
        requirement = Requirement.parse(request)
        found = [
            offer
            for offer in self.offers
            if offer.name == requirement.name
            and requirement.allows(Version.parse(offer.version))
            and (not offer.yanked or requirement.exact)
        ]
        return sorted(found, key=lambda offer: Version.parse(offer.version), reverse=True)


def known_catalog(source: Source) -> Catalog | None:
    """Return what was last seen of a registry, however long ago; None if it was never reached."""
    path = source.folder / CATALOG_NAME
    try:
        return Catalog.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise RegistryError(
            f"'{path}' is damaged", repair=f"Remove '{path}'; the next refresh writes it anew."
        ) from error


def refresh(source: Source, transport: Transport) -> Catalog:
    """Fetch what a registry offers now, and verify it.

    If the timestamp, which is signed and names all else by hash, is the one that was verified last and nothing has
    expired, the catalog made then still holds, and nothing more is fetched.

    Raises
    ------
    Unreachable
        The registry does not answer.
    RegistryError
        Something is not signed as it must be, is older than what was seen before, does not belong together, has
        expired, or is not a registry of dvplug's.
    """
    found = _read_timestamp(source, transport)
    digest = hashlib.sha256(found).hexdigest()
    known = known_catalog(source)
    if known and known.timestamp_sha256 == digest and datetime.now(timezone.utc) < known.expires:
        return known
    with _explained(source):
        _update(source, transport)
    catalog = _catalog(source, digest)
    write_whole(source.folder / CATALOG_NAME, catalog.model_dump_json(indent=1).encode())
    return catalog


def _read_timestamp(source: Source, transport: Transport) -> bytes:
    try:
        return transport.read(source.address(METADATA, TIMESTAMP_NAME), MOST_TIMESTAMP_BYTES)
    except NotThere as error:
        raise RegistryError(
            f"there is no registry at '{source.url}'", cause=error.problem, repair="Check its address."
        ) from error


def _update(source: Source, transport: Transport) -> None:
    """Run the client workflow; the verified metadata then lie in the source's folder."""
    from tuf.ngclient import Updater

    updater = Updater(
        str(_metadata_folder(source)),
        source.address(METADATA),
        fetcher=_fetcher(transport),
        bootstrap=source.root.read_bytes(),
    )
    updater.refresh()


def _metadata_folder(source: Source) -> Path:
    folder = source.folder / METADATA
    folder.mkdir(exist_ok=True)
    return folder


def _fetcher(transport: Transport) -> FetcherInterface:
    from tuf.api.exceptions import DownloadHTTPError
    from tuf.ngclient import FetcherInterface

    class Fetcher(FetcherInterface):
        """Our transport, as python-tuf wants it."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            try:
                with transport.open(url) as (_, chunks):
                    yield from chunks
            except NotThere as error:
                raise DownloadHTTPError(str(error), 404) from error

        def fetch(self, url: str) -> Iterator[bytes]:
            # Not the base class's, which hides why: what `_explained` says of our own errors is said already.
            return self._fetch(url)

    return Fetcher()


def _catalog(source: Source, timestamp_sha256: str) -> Catalog:
    from tuf.api.metadata import Metadata

    folder = _metadata_folder(source)
    read: dict[str, Metadata[Any]] = {
        role: Metadata.from_file(str(folder / f"{role}.json"))
        for role in ("root", "timestamp", "snapshot", "targets")
    }
    signed: dict[str, Root | Timestamp | Snapshot | Targets] = {r: m.signed for r, m in read.items()}
    offers = [
        _offer(source, path, target)
        for path, target in sorted(read["targets"].signed.targets.items())
        if path.endswith(ARCHIVE)
    ]
    return Catalog(
        source=source.name,
        offers=tuple(offers),
        expires=min(part.expires for part in signed.values()),
        timestamp_sha256=timestamp_sha256,
    )


def _offer(source: Source, path: str, target: Any) -> Offer:
    try:
        return Offer.of_target(path, target)
    except (ValueError, RecursionError) as error:  # a ValidationError is one
        raise RegistryError(
            f"'{path}' of the registry {source.name} is not described as dvplug needs it",
            cause=str(error).splitlines()[0],
            repair="Update dvplug; if that does not help, tell the registry's owner.",
        ) from error


@contextmanager
def _explained(source: Source) -> Iterator[None]:
    """Turn what python-tuf refuses into an error that says what it means."""
    from tuf.api import exceptions as tuf

    name = f"the registry {source.name}"
    kinds: tuple[tuple[type[Exception], str, str], ...] = (
        (
            tuf.ExpiredMetadataError,
            f"what {name} signed has expired",
            "its owner has not renewed it in time, or somebody holds back newer versions",
        ),
        (
            tuf.BadVersionNumberError,
            f"{name} shows older metadata than before",
            "a server that is rolled back could bring yanked models back",
        ),
        (tuf.UnsignedMetadataError, f"{name} is not signed with the keys that are trusted", ""),
        (
            tuf.LengthOrHashMismatchError,
            f"the metadata of {name} do not belong together",
            "files of different snapshots are mixed, or one was changed",
        ),
        (tuf.DownloadLengthMismatchError, f"{name} sends more than it signed", ""),
        (tuf.DownloadHTTPError, f"{name} is not whole", "a file that its metadata name is missing"),
        (tuf.RepositoryError, f"the metadata of {name} are damaged", ""),
    )
    try:
        yield
    except (tuf.RepositoryError, tuf.DownloadError) as error:
        for kind, problem, cause in kinds:
            if isinstance(error, kind):
                detail = "; ".join(part for part in (cause, str(error)) if part)
                raise RegistryError(problem, cause=detail, repair=_TELL) from error
        raise Unreachable(
            f"{name} cannot be reached", cause=str(error.__cause__ or error), repair=_TELL
        ) from error


OfferStatus = Literal["ok", "deprecated", "yanked"]


def status(offer: Offer) -> OfferStatus:
    """Whether an offer is to be used."""
    return "yanked" if offer.yanked else "deprecated" if offer.deprecated else "ok"
