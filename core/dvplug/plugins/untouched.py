"""Whether a plugin's function left alone what it was given: arrays that others go on with, which it could write into.

The arrays stay writeable, since kernels that are compiled for such take no others; so they are compared.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from zlib import crc32

import numpy as np
from pydantic import BaseModel


def content_of(given: object, but: Collection[str] = ()) -> dict[str, int]:
    """Return a checksum of each array and list that an object holds, by its name, as ``reads.seq``.

    Parameters
    ----------
    but
        Names of those that may be written into.
    """
    return {name: number for name, number in _content("", given) if name not in but}


def what_changed(before: Mapping[str, int], given: object) -> str:
    """Return the name of what is not as it was; empty where all is."""
    now = dict(_content("", given))
    return next((name for name, number in before.items() if now.get(name) != number), "")


def _content(name: str, given: object) -> Iterator[tuple[str, int]]:
    if isinstance(given, np.ndarray):
        yield name, crc32(given.tobytes())
    elif isinstance(given, BaseModel) or callable(given):
        return
    elif isinstance(given, Mapping):
        yield from _inside(name, given)
    elif hasattr(given, "_asdict"):
        yield from _inside(name, given._asdict())
    elif isinstance(given, list) and not any(map(callable, given)):
        yield name, crc32(repr(given).encode())
    elif hasattr(given, "__dataclass_fields__"):
        yield from _inside(name, vars(given))


def _inside(name: str, parts: Mapping[str, object]) -> Iterator[tuple[str, int]]:
    for part, given in parts.items():
        if part[:1] != "_" and part != "settings":
            yield from _content(f"{name}.{part}" if name else part, given)
