"""Files on this machine and on servers: what `pathlib.Path` would break (https:/) stays text."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

from dvplug_registry.files import StrPath
from dvplug_registry.safe_text import INDEX_MARK, masked_url

__all__ = ["INDEX_MARK", "Location", "StrPath", "beside", "file_name", "is_remote", "location", "shown"]

Location: TypeAlias = str | Path
"""A `Path`, or the text of a URL that htslib can read."""

_URL = re.compile(r"(?:https?|ftp|s3|gs)(?:\+https?)?://", re.IGNORECASE)  # as htslib takes them


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


def file_name(place: Location) -> str:
    """The last part, as `Path.name`."""
    return Path(shown(place)).name


def beside(url: str, suffix: str) -> str:
    """The URL of a file whose path has this suffix more; what follows '?' is kept."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path + suffix))
