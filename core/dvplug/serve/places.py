"""Folders of the service, and names that clients give: none leads out of where it belongs."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from dvplug.errors import unwritable
from dvplug.serve.errors import ServiceError
from dvplug.serve.settings import ServiceSettings

_ID = re.compile(r"[A-Za-z0-9_-]{22}")
UPLOAD = "upload:"


def new_id() -> str:
    """Make an id that cannot be guessed: 128 bits, 22 characters."""
    return secrets.token_urlsafe(16)


def is_id(text: str) -> bool:
    """Whether a text has the form of an id."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True)
class Places:
    """Where things are."""

    data: Path
    files: Path

    @classmethod
    def of(cls, settings: ServiceSettings) -> Places:
        """Make the folders; raises InputError where that cannot be."""
        data = settings.data.resolve()
        places = cls(data, (settings.files or data / "files").resolve())
        what = f"--data {settings.data}"
        try:
            data.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (data / "runs", data / "uploads", places.scratch):
                folder.mkdir(exist_ok=True)
            what = f"--files {settings.files}" if settings.files else what
            places.files.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(what, error) from error
        return places

    @property
    def database(self) -> Path:
        """The file of all state."""
        return self.data / "service.sqlite"

    @property
    def lock(self) -> Path:
        """What a second service of the same folder is kept out by."""
        return self.data / "service"

    @property
    def scratch(self) -> Path:
        """Where lies what is about to go: emptied at each start, so that a kill leaves nothing for good."""
        return self.data / "scratch"

    def run(self, run_id: str) -> Path:
        """The folder of a run; raises ServiceError where that is no id."""
        return self._of("runs", run_id)

    def upload(self, upload_id: str) -> Path:
        """The folder of an upload; raises ServiceError where that is no id."""
        return self._of("uploads", upload_id)

    def _of(self, kind: str, name: str) -> Path:
        if not is_id(name):
            raise ServiceError(404, f"'{name[:40]}' is no id", repair="Use the one that was answered.")
        return self.data / kind / name

    def file(self, name: str) -> Path:
        """A file that is offered to all runs, by its path within the folder of those; raises ServiceError."""
        return confined(self.files, name)


def confined(folder: Path, name: str) -> Path:
    """Return the file of this name in a folder.

    Raises
    ------
    ServiceError
        The name is absolute, leads out of the folder (by ``..`` or by a link), or there is no such plain file.
    """
    parts = name.split("/")
    bad = not name or "\0" in name or "\\" in name or any(part in ("", ".", "..") for part in parts)
    try:
        place = folder.joinpath(*parts).resolve() if not bad else folder
        inside = place.is_relative_to(folder.resolve()) and place.is_file()
    except (OSError, ValueError):  # a name too long, or in a loop of links
        inside = False
    if bad or not inside:
        raise ServiceError(
            422,
            f"There is no file '{name[:200]}'",
            cause="inputs are named by their path within the folder of files, which none leads out of",
            repair="List them with GET /api/files, or upload it.",
        )
    return place
