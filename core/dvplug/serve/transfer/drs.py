"""Where the bytes of a `drs://` URI lie: GA4GH Data Repository Service 1.x, URIs that name a host."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlsplit

from dvplug.errors import InputError, Problems
from dvplug.serve.transfer.fetch import RemoteSource, for_documents, read_small
from dvplug.serve.transfer.guard import Asker, Refused, TransferLimits, never

_CHECKSUMS = (("sha-256", "sha256", 64), ("sha256", "sha256", 64), ("md5", "md5", 32))
"""As DRS calls them, as `hashlib` does, and their length."""


def resolve_drs(
    uri: str, limits: TransferLimits, *, scheme: str = "https", cancelled: Callable[[], bool] = never
) -> list[RemoteSource]:
    """Return what can be asked for the bytes of an object, in the order in which it offers them.

    Parameters
    ----------
    cancelled
        As of `fetch`.
    scheme
        That of the server: https, as the specification wants it.

    Raises
    ------
    InputError
        It is no URI of a host, there is no such object, or it offers nothing by https or http.
    """
    parts = urlsplit(uri)
    object_id = parts.path.lstrip("/")
    if (
        parts.scheme.lower() != "drs"
        or not parts.hostname
        or not object_id
        or "/" in object_id
        or "@" in parts.netloc
    ):
        raise Refused(
            f"'{uri[:200]}' is no DRS URI that can be resolved",
            cause="it has to name a host and an object: drs://host/id; compact identifiers are not resolved",
            repair="Give that form, or the https URL of the file.",
        )
    base = f"{scheme}://{parts.netloc}/ga4gh/drs/v1/objects/{quote(object_id, safe='%')}"
    asker, problems = Asker(for_documents(limits), cancelled), Problems()
    try:
        told = _json(read_small(asker, RemoteSource(base)), uri)
        offered = [_offered(asker, base, method, problems) for method in _methods(told)]
    finally:
        asker.clear()
    size, digest = told.get("size"), _digest(told.get("checksums"))
    size = size if type(size) is int and size >= 0 else None
    found = [replace(one, size=size, digest=digest) for one in offered if one is not None]
    if not found:
        problems.raise_all()
        raise Refused(
            f"'{uri}' offers nothing by https",
            cause="its access methods are others",
            repair="Give an https URL.",
        )
    return found


def _digest(checksums: Any) -> tuple[str, str] | None:
    """The best checksum of an object that can be compared; None where it has none, or not in hexadecimal digits."""
    listed = [one for one in (checksums if isinstance(checksums, list) else []) if isinstance(one, dict)]
    by_type = {str(one.get("type")).lower(): str(one.get("checksum")).lower() for one in listed}
    for kind, name, digits in _CHECKSUMS:
        if re.fullmatch(rf"[0-9a-f]{{{digits}}}", by_type.get(kind, "")):
            return name, by_type[kind]
    return None


def _methods(told: dict[str, Any]) -> list[dict[str, Any]]:
    methods = told.get("access_methods")
    return [
        one
        for one in (methods if isinstance(methods, list) else [])
        if isinstance(one, dict) and one.get("type") in ("https", "http")
    ]


def _offered(asker: Asker, base: str, method: dict[str, Any], problems: Problems) -> RemoteSource | None:
    """What an access method leads to; one that leads nowhere is a problem where no other leads on."""
    access = method.get("access_url")
    if not access and method.get("access_id"):
        url = f"{base}/access/{quote(str(method['access_id']), safe='')}"
        with problems.collect():
            access = _json(read_small(asker, RemoteSource(url)), url)
    if isinstance(access, dict) and isinstance(access.get("url"), str):
        return RemoteSource(access["url"], _headers(access.get("headers")))
    return None


def _headers(lines: Any) -> dict[str, str]:
    """Header fields, which DRS writes as lines ``Name: value``."""
    if not isinstance(lines, list):
        return {}
    pairs = (str(line).partition(":") for line in lines)
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _json(content: bytes, where: str) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise InputError(f"{where} does not answer as a DRS server does", repair="Correct the URI.")
    return found
