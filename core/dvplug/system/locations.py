"""Files on this machine and on servers: what `pathlib.Path` would break (https:/) stays text."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

from dvplug.errors import InputError
from dvplug_registry.files import StrPath
from dvplug_registry.safe_text import INDEX_MARK, masked_url

__all__ = [
    "INDEX_MARK",
    "Location",
    "StrPath",
    "beside",
    "file_name",
    "is_remote",
    "location",
    "require_file",
    "shown",
]

Location: TypeAlias = str | Path
"""A `Path`, or the text of a URL that htslib can read."""

_URL = re.compile(r"(?:https?|ftp|s3|gs)(?:\+https?)?://", re.IGNORECASE)  # as htslib takes them
_SQUEEZED = re.compile(r"((?:https?|ftp|s3|gs)(?:\+https?)?):/+(.+)", re.IGNORECASE)
"""A URL of which `Path` may have made one slash of two."""


def model_request(given: StrPath) -> str:
    """Take what a user wrote for a model: a text is a name unless it has a slash; a path object is a folder's."""
    return given if isinstance(given, str) else os.path.join(os.fspath(given), "")


def is_remote(place: Location) -> bool:
    """Whether this is a URL."""
    return isinstance(place, str) and _URL.match(place) is not None


def location(text: str) -> Location:
    """Take what a user wrote: a URL stays text, file:// and everything else is a path."""
    return text if is_remote(text) else Path(text.removeprefix("file://"))


def shown(place: Location) -> str:
    """Text for messages and headers: passwords and signatures in a URL are left out."""
    if not is_remote(place):
        return str(place)
    return masked_url(str(place).partition(INDEX_MARK)[0], mark="")


def require_file(path: StrPath, what: str, option: str = "") -> None:
    """Refuse a path at which no file is, with a word of its own for a URL.

    Parameters
    ----------
    what
        What the file is, such as "Reference".
    option
        Where it was given, such as "--ref".

    Raises
    ------
    InputError
        No file is there.
    """
    place = Path(path)
    if place.is_file():
        return
    if url := _SQUEEZED.match(os.fspath(path)):
        raise InputError(
            f"{what} {shown(f'{url[1]}://{url[2]}')} is at a URL",
            cause="of inputs, only reads and references are read from servers",
            repair="Download it, and give the path.",
        )
    raise InputError(
        f"{what} {place} " + ("is not a file" if place.exists() else "does not exist"),
        repair=f"Correct the path{f' of {option}' if option else ''}.",
    )


def file_name(place: Location) -> str:
    """The last part, as `Path.name`."""
    return Path(shown(place)).name


def beside(url: str, suffix: str) -> str:
    """The URL of a file whose path has this suffix more; what follows '?' is kept."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path + suffix))
