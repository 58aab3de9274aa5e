"""Which registries the user trusts: a name, an address and the root of trust of each."""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvplug_registry.errors import RegistryError, near_misses
from dvplug_registry.files import write_whole
from dvplug_registry.transport import check_url
from dvplug_registry.versions import NAME_PATTERN

HOME_VARIABLE = "DVPLUG_HOME"
LIST_NAME = "registries.json"
OWNER_ONLY = 0o600  # addresses may hold passwords
SHIPPED = Path(__file__).parent / "trusted"
"""Roots of trust that come with dvplug: NAME.json has ``root``, the metadata of a registry's keys; where it has its
``url`` too, the registry is trusted from the start, else once it is added under that name."""
METADATA, TARGETS = "metadata", "targets"  # folders of a registry


@dataclass(frozen=True)
class Source:
    """A registry that the user added."""

    name: str
    url: str
    folder: Path
    """What is known of it: the trusted root, the newest metadata seen, the catalog."""

    @property
    def root(self) -> Path:
        """The root metadata that it was added with."""
        return self.folder / "trusted_root.json"

    def address(self, part: str, name: str = "") -> str:
        """Address of a file in its folder `METADATA` or `TARGETS`."""
        return f"{self.url}{part}/{name}"


def home() -> Path:
    """Where downloaded models and trusted registries are kept: $DVPLUG_HOME, or the platform's place for data.

    Raises RegistryError where that is a file.
    """
    place = Path(os.environ.get(HOME_VARIABLE, ""))
    if not place.name:
        from platformdirs import user_data_path

        place = user_data_path("dvplug")
    if place.exists() and not place.is_dir():
        raise RegistryError(
            f"'{place}' is not a folder",
            cause="downloaded models and trusted registries are kept there",
            repair=f"Set {HOME_VARIABLE} to a folder.",
        )
    return place


def sources() -> list[Source]:
    """Return the registries that come with dvplug, then those that were added, in order.

    Raises
    ------
    RegistryError
        The list of the added ones is damaged.
    """
    return [*_shipped(), *_added()]


def _shipped() -> list[Source]:
    found = []
    for path in sorted(SHIPPED.glob("*.json")):
        entry = json.loads(path.read_text(encoding="utf-8"))
        if "url" not in entry:
            continue
        source = Source(path.stem, check_url(entry["url"]), home() / "registries" / path.stem)
        if not source.root.exists():
            source.folder.mkdir(parents=True, exist_ok=True)
            write_whole(source.root, json.dumps(entry["root"]).encode())
        found.append(source)
    return found


def _added() -> list[Source]:
    path = home() / LIST_NAME
    if not path.exists():
        return []
    with suppress(OSError):  # of another user, who has to answer for it
        if path.stat().st_mode & ~OWNER_ONLY & 0o777:
            path.chmod(OWNER_ONLY)
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return [_kept(entry["name"], entry["url"]) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RegistryError(
            f"'{path}' is damaged", cause=str(error), repair="Remove it, and add the registries anew."
        ) from error


def _kept(name: str, url: str) -> Source:
    if not re.fullmatch(NAME_PATTERN, name):  # it is a folder's, too, which is removed with it
        raise ValueError(f"'{name}' is not a name")
    return Source(name, check_url(url), home() / "registries" / name)


def find_source(name: str) -> Source:
    """Return a registry by name; raises RegistryError when there is none."""
    known = sources()
    for source in known:
        if source.name == name:
            return source
    raise RegistryError(
        f"no registry is called '{name}'",
        repair=near_misses(name, [s.name for s in known]) or "Add one with `dvplug registry add`.",
    )


def shipped_root(name: str) -> bytes:
    """Return the root of trust of this name that comes with dvplug; raises RegistryError where there is none."""
    path = SHIPPED / f"{name}.json"
    if not re.fullmatch(NAME_PATTERN, name) or not path.is_file():
        known = ", ".join(one.stem for one in sorted(SHIPPED.glob("*.json")))
        raise RegistryError(
            f"'{name}' cannot be added without a root of trust",
            cause=f"dvplug comes with {f'that of {known} alone' if known else 'none'}",
            repair="Give the registry's root.json with --root; its owner has it.",
        )
    return json.dumps(json.loads(path.read_text(encoding="utf-8"))["root"]).encode()


def add_source(name: str, url: str, root: Path | None) -> Source:
    """Trust a registry whose metadata are signed as ``root`` says; None: as the root of its name that we come with.

    Raises
    ------
    RegistryError
        The name is taken or not a name, the address is not allowed or has a query, or the file is not a root that
        signs itself.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise RegistryError(f"'{name}' is not a name", repair="Use lower-case words joined by '-'.")
    if any(source.name == name for source in sources()):
        raise RegistryError(
            f"a registry is called '{name}' already",
            repair=f"Choose another name, or `dvplug registry remove-source {name}`.",
        )
    if "?" in url or "#" in url:
        raise RegistryError(
            f"'{url}' cannot be the address of a registry",
            cause="names of files are added to its end",
            repair="Leave out what follows '?' or '#'; user and password may stand before the host.",
        )
    content = _checked_root(root) if root else shipped_root(name)
    source = Source(name, check_url(url.rstrip("/") + "/"), home() / "registries" / name)
    shutil.rmtree(source.folder, ignore_errors=True)
    source.folder.mkdir(parents=True)
    write_whole(source.root, content)
    _save([*_added(), source])
    return source


def remove_source(name: str) -> Source:
    """Trust a registry no longer; models that came from it stay.

    Raises
    ------
    RegistryError
        There is none, or it comes with dvplug.
    """
    source = find_source(name)
    added = _added()
    if source not in added:
        raise RegistryError(f"'{name}' comes with dvplug", repair="Use --source to ask others, or --offline.")
    _save([other for other in added if other.name != name])
    shutil.rmtree(source.folder, ignore_errors=True)
    return source


def _save(known: list[Source]) -> None:
    entries: list[dict[str, Any]] = [{"name": source.name, "url": source.url} for source in known]
    home().mkdir(parents=True, exist_ok=True)
    write_whole(home() / LIST_NAME, (json.dumps(entries, indent=2) + "\n").encode(), mode=OWNER_ONLY)


def _checked_root(path: Path) -> bytes:
    """Read a registry's root of trust, root.json, that is signed by its own keys; raises RegistryError."""
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata, Root

    repair = "Ask the registry's owner for its root.json, over a channel that you trust."
    try:
        content = path.read_bytes()
        metadata = Metadata[Root].from_bytes(content)
        if not isinstance(metadata.signed, Root):
            raise RegistryError(f"'{path}' is not root metadata", cause=metadata.signed.type, repair=repair)
        metadata.signed.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
    except (OSError, RepositoryError) as error:
        raise RegistryError(f"'{path}' is not a root of trust", cause=str(error), repair=repair) from error
    return content
