"""Host a registry: a folder of static files, signed with keys that lie elsewhere.

``metadata/`` holds the roles of The Update Framework with consistent snapshots (N.root.json, N.targets.json,
N.snapshot.json, timestamp.json), ``targets/`` the archives under their hash. `timestamp.json` is written last: until
then clients see the registry as it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvplug_registry.archive import pack
from dvplug_registry.catalog import ARCHIVE, TIMESTAMP_NAME, Offer
from dvplug_registry.errors import RegistryError
from dvplug_registry.files import whole_files, write_whole
from dvplug_registry.manifest import MANIFEST_NAME
from dvplug_registry.model_folder import ModelFolder, file_sha256, read_card, verify_files
from dvplug_registry.sources import METADATA, TARGETS
from dvplug_registry.versions import Requirement

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner
    from tuf.api.metadata import Metadata, MetaFile, Root, TargetFile

ROLES = ("root", "targets", "snapshot", "timestamp")
LIFETIME = {"root": 365, "targets": 365, "snapshot": 30, "timestamp": 30}
"""Days until a role's metadata expire: `refresh` renews them."""


class Registry:
    """A registry that we may sign for.

    Parameters
    ----------
    folder
        What the web server shows.
    keys
        The private keys, one PEM file per role; never inside ``folder``.

    Raises
    ------
    RegistryError
        There is no registry in the folder.
    """

    def __init__(self, folder: Path, keys: Path) -> None:
        self.folder, self.keys = folder, keys
        if not (folder / METADATA / TIMESTAMP_NAME).is_file():
            raise RegistryError(
                f"there is no registry in '{folder}'", repair="Make one with `dvplug registry init`."
            )

    @classmethod
    def init(cls, folder: Path, keys: Path) -> Registry:
        """Make an empty registry with new keys (Ed25519).

        Raises
        ------
        RegistryError
            Either folder holds something, or the keys would lie where the web server shows them.
        """
        from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

        if keys.resolve().is_relative_to(folder.resolve()):
            raise RegistryError(
                f"the keys in '{keys}' would be published",
                cause=f"'{folder}' is what the web server shows",
                repair="Keep them elsewhere, best on a disk that is only there when you sign.",
            )
        for path in (folder, keys):
            if path.exists() and any(path.iterdir()):
                raise RegistryError(f"'{path}' is not empty", repair="Name a new folder.")
        for path in (folder / METADATA, folder / TARGETS, keys):
            path.mkdir(parents=True, exist_ok=True)
        keys.chmod(0o700)
        root = Root(expires=_expiry("root"), consistent_snapshot=True)
        signers = {role: _new_key(keys, role) for role in ROLES}
        for role, signer in signers.items():
            root.add_key(signer.public_key, role)
        parts: tuple[Metadata[Any], ...] = (
            Metadata(root),
            Metadata(Targets(expires=_expiry("targets"))),
            Metadata(Snapshot(expires=_expiry("snapshot"), meta={"targets.json": MetaFile(1)})),
            Metadata(Timestamp(expires=_expiry("timestamp"), snapshot_meta=MetaFile(1))),
        )
        for metadata in parts:
            metadata.sign(signers[metadata.signed.type])
            _write(folder, metadata)
        made = cls(folder, keys)
        made.refresh()  # the first snapshot and timestamp name sizes and hashes then
        return made

    def publish(self, model: ModelFolder, card: str = "") -> Offer:
        """Add a model; a published version never changes.

        Parameters
        ----------
        card
            The model card, Markdown, where the model does not bring its own.

        Raises
        ------
        RegistryError
            The version is there already, there is no card, a key is missing or another, or what is published is
            damaged.
        ModelError
            A file is not what the manifest says.
        """
        from tuf.api.metadata import TargetFile

        manifest = model.manifest
        verify_files(model.folder, manifest)
        if any(entry.role == "card" for entry in manifest.files.values()):
            card = read_card(model.path("card"))
        if not card.strip():
            raise RegistryError(
                f"{manifest.label} has no model card",
                cause="nobody can tell what it was trained and measured on",
                repair="Name one with --card.",
            )
        with (
            self._editing() as (targets, offers),
            whole_files(self.folder / TARGETS) as unfinished,
        ):
            if manifest.label in offers:
                raise RegistryError(
                    f"{manifest.label} is published already",
                    repair="Give the model a new version, and yank this one.",
                )
            packed, page, told = (unfinished / name for name in ("model.tar", "card.md", "manifest.json"))
            page.write_text(card, encoding="utf-8")
            shutil.copyfile(model.folder / MANIFEST_NAME, told)
            sha256 = pack(model, packed)
            offer = Offer(
                name=manifest.name, version=manifest.version, technology=manifest.technology,
                description=manifest.description, licence=manifest.licence, metrics=manifest.metrics,
                manifest_sha256=model.manifest_sha256,
                unpacked=sum(entry.size for entry in manifest.files.values()),
                card_sha256=file_sha256(page), sha256=sha256, size=packed.stat().st_size,
            )  # fmt: skip
            for path, name, file in (
                (packed, offer.target, offer.file),
                (page, offer.card, offer.card_file),
                (told, offer.manifest, offer.manifest_file),
            ):
                targets[name] = TargetFile.from_file(name, str(path), ["sha256"])
                path.chmod(0o644)
                path.rename(unfinished / file)
            targets[offer.target].unrecognized_fields["custom"] = offer.custom()
        return offer

    def offers(self) -> dict[str, Offer]:
        """What is published, by ``name@version``; raises RegistryError where the metadata are damaged."""
        return _offers(self._read("targets").signed.targets)

    def mark(self, label: str, **reasons: str | None) -> Offer:
        """Set ``yanked`` or ``deprecated`` of ``name@1.2.3`` to a reason, or to None to undo it.

        Raises
        ------
        RegistryError
            There is no such model, or a key is missing or another.
        """
        requirement = Requirement.parse(label)
        with self._editing() as (targets, offers):
            if not requirement.exact or label not in offers:
                raise RegistryError(
                    f"'{label}' is not published here",
                    cause=f"published: {', '.join(offers) or 'nothing'}",
                    repair="Name one with its full version.",
                )
            offer = offers[label].model_copy(update=reasons)
            targets[offer.target].unrecognized_fields["custom"] = offer.custom()
        return offer

    def refresh(self) -> datetime:
        """Sign everything that expires soon anew, with the snapshot and timestamp; returns when that ends."""
        if self._read("root").signed.expires - datetime.now(timezone.utc) < timedelta(
            days=LIFETIME["root"] / 2
        ):
            self._sign_root(self._read("root").signed, ())
        with self._editing():
            pass
        return self._read("timestamp").signed.expires

    def rotate_key(self, role: str) -> None:
        """Give a role a new key and sign anew; clients follow by themselves, as the old root key vouches for it.

        Raises
        ------
        RegistryError
            No such role, or a key is missing or another.
        """
        if role not in ROLES:
            raise RegistryError(f"'{role}' is not a role", repair=f"Roles are {', '.join(ROLES)}.")
        root = self._read("root").signed
        old = self._signer("root")
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        signer = _new_key(self.keys, role)
        root.add_key(signer.public_key, role)
        self._sign_root(root, (old,))
        self.refresh()

    @contextmanager
    def _editing(self) -> Iterator[tuple[dict[str, TargetFile], dict[str, Offer]]]:
        """Yield targets and offers to change; then sign targets, snapshot and timestamp, in this order."""
        from filelock import FileLock

        with FileLock(self.folder.resolve().with_name(f".{self.folder.name}.lock")):
            parts = {role: self._read(role) for role in ROLES[1:]}
            signers = {role: self._signer(role) for role in parts}
            targets = parts["targets"].signed.targets
            yield targets, _offers(targets)
            # Each names the one below by version, size and hash, so that files of two snapshots cannot be mixed.
            content = self._sign(parts["targets"], signers["targets"])
            parts["snapshot"].signed.meta["targets.json"] = _described(parts["targets"], content)
            content = self._sign(parts["snapshot"], signers["snapshot"])
            parts["timestamp"].signed.snapshot_meta = _described(parts["snapshot"], content)
            self._sign(parts["timestamp"], signers["timestamp"])

    def _sign(self, metadata: Metadata[Any], signer: CryptoSigner) -> bytes:
        """Write the next version, and return its bytes."""
        metadata.signed.version += 1
        metadata.signed.expires = _expiry(metadata.signed.type)
        metadata.sign(signer)
        return _write(self.folder, metadata)

    def _read(self, role: str) -> Metadata[Any]:
        """Read the version of a role that clients see now; raises RegistryError where it is damaged."""
        from tuf.api.exceptions import RepositoryError

        try:
            return self._read_of(role)
        except (RepositoryError, ValueError, KeyError) as error:  # the last two of no, or no such, version
            raise RegistryError(
                f"the {role} metadata in '{self.folder}' are damaged",
                cause=str(error),
                repair="Copy the registry from its mirror or a backup.",
            ) from error

    def _read_of(self, role: str) -> Metadata[Any]:
        from tuf.api.metadata import Metadata

        folder = self.folder / METADATA
        if role == "root":
            newest = max(folder.glob("*.root.json"), key=lambda path: int(path.name.partition(".")[0]))
            return Metadata.from_file(str(newest))
        found: Metadata[Any] = Metadata.from_file(str(folder / TIMESTAMP_NAME))
        if role != "timestamp":
            found = Metadata.from_file(str(folder / f"{found.signed.snapshot_meta.version}.snapshot.json"))
        if role == "targets":
            found = Metadata.from_file(
                str(folder / f"{found.signed.meta['targets.json'].version}.targets.json")
            )
        return found

    def _sign_root(self, root: Root, also: tuple[CryptoSigner, ...]) -> None:
        from tuf.api.metadata import Metadata

        root.version += 1
        root.expires = _expiry("root")
        metadata = Metadata(root)
        for signer in (*also, self._signer("root", root)):
            metadata.sign(signer, append=True)
        _write(self.folder, metadata)

    def _signer(self, role: str, root: Root | None = None) -> CryptoSigner:
        """Load a role's private key; raises RegistryError when it is not the one that the root names."""
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
        from securesystemslib.signer import CryptoSigner

        path = self.keys / f"{role}.pem"
        repair = "Give the folder of the keys that `dvplug registry init` made."
        try:
            signer = CryptoSigner(load_pem_private_key(path.read_bytes(), None))
        except (OSError, ValueError, TypeError) as error:
            raise RegistryError(f"'{path}' is not a private key", cause=str(error), repair=repair) from error
        if signer.public_key.keyid not in (root or self._read("root").signed).roles[role].keyids:
            raise RegistryError(
                f"'{path}' is not the key of this registry",
                cause=f"it does not sign for {role}",
                repair=repair,
            )
        return signer


def _offers(targets: Mapping[str, TargetFile]) -> dict[str, Offer]:
    found = (Offer.of_target(name, target) for name, target in targets.items() if name.endswith(ARCHIVE))
    return {offer.label: offer for offer in found}


def _described(metadata: Metadata[Any], content: bytes) -> MetaFile:
    from tuf.api.metadata import MetaFile

    return MetaFile.from_data(metadata.signed.version, content, ["sha256"])


def _expiry(role: str) -> datetime:
    return (datetime.now(timezone.utc) + timedelta(days=LIFETIME[role])).replace(microsecond=0)


def _new_key(keys: Path, role: str) -> CryptoSigner:
    from securesystemslib.signer import CryptoSigner

    signer = CryptoSigner.generate_ed25519()
    old = keys / f"{role}.pem"
    if old.exists():  # until the new root is written it is the one that counts
        old.rename(keys / f"{role}.old.pem")
    write_whole(keys / f"{role}.pem", signer.private_bytes, mode=0o600)
    return signer


def _write(folder: Path, metadata: Metadata[Any]) -> bytes:
    signed = metadata.signed
    name = TIMESTAMP_NAME if signed.type == "timestamp" else f"{signed.version}.{signed.type}.json"
    content = metadata.to_bytes()
    write_whole(folder / METADATA / name, content, mode=0o644)  # the web server reads it
    return content
