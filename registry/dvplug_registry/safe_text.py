"""Text from outside, made safe to show: URLs without what opens them, names without what steers a terminal."""

from __future__ import annotations

import re

MASK = "***"
INDEX_MARK = "##idx##"
"""htslib's: FILE##idx##INDEX, where the index of a remote file has an address of its own."""

# An apostrophe may be part of an address, but not where it ends: messages put addresses between two of them.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}:/{1,2}(?:[^\s\"<>'`]|'(?=[^\s.,;:!?)\]}]))+")
_START = re.compile(r"[^:/]*:/{1,2}")
_END_OF_AUTHORITY = re.compile(r"[/?#]")
_PORT = re.compile(r".*:[0-9]*|[^:]*|\[.*")
_VALUE = re.compile(r"([?&][\w.~%-]{1,64}=)[^\s&\"<>']+")


def masked(text: str, mark: str = MASK) -> str:
    """Return a text whose URLs have lost what may open them: see `masked_url`.

    Of an address without its host, such as libraries have in their messages, the values behind ``?`` are masked.
    """
    return _VALUE.sub(rf"\g<1>{mark}", _URL.sub(lambda found: masked_url(found[0], mark), text))


def masked_url(url: str, mark: str = MASK) -> str:
    """Return a URL with a mark in place of user and password, of all behind ``?``, and of the fragment.

    Which parameters are secrets no list can know (X-Amz-Signature, sig, token, key, ...): so all of them count.

    Parameters
    ----------
    mark
        What stands in their place; nothing does where it is empty.
    """
    return INDEX_MARK.join(_masked_part(part, mark) for part in url.split(INDEX_MARK))


def _masked_part(url: str, mark: str) -> str:
    start = _START.match(url)
    if start is None:
        return url
    rest = url[start.end() :]
    authority = _END_OF_AUTHORITY.split(rest, maxsplit=1)[0]
    if "@" in authority:
        user_and_host, behind = authority, rest[len(authority) :]
        rest = (f"{mark}@" if mark else "") + user_and_host.rpartition("@")[2] + behind
    elif "@" in rest and not _PORT.fullmatch(authority):  # a password with one of /?# in it
        rest = (f"{mark}@" if mark else "") + rest.rpartition("@")[2]
    for sign in "#?":
        rest, found, _ = rest.partition(sign)
        rest += f"{sign}{mark}" if found and mark else ""
    return start[0] + rest


def visible(text: str, keep: str = "") -> str:
    r"""Return a text with each character that is not to be seen written as Python does: ``\x1b``, ``\n``, ``\u202e``.

    That is what `str.isprintable` says: control characters, changes of direction, halves of characters.

    Parameters
    ----------
    keep
        Characters that stay nevertheless, such as the line breaks of a text.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
