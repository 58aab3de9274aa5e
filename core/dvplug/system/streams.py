"""The standard streams of a command: where they are closed, full, or meet names that are no text."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from dvplug.errors import InputError

_AS_GIVEN = "dvplug-as-given"
_FLAGS = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}


class CurrentStream:
    """``sys.stdout`` or ``sys.stderr``, whichever object that is when something is written."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self._target, attribute)

    @property
    def _target(self) -> TextIO:
        stream = getattr(sys, self._name)
        found: TextIO = getattr(stream, "rich_proxied_file", stream)  # in its place while a bar is drawn
        return found if found is not None else _NOWHERE


_NOWHERE = io.StringIO()


class ResultStream(CurrentStream):
    """Stdout: what cannot be written is an error, but for a reader that went away (BrokenPipeError)."""

    def write(self, text: str) -> int:
        """Write as a text stream; raises InputError."""
        return self._told(self._target.write, text)

    def flush(self) -> None:
        """Flush as a text stream; raises InputError."""
        self._told(self._target.flush)

    def _told(self, do: Any, *words: str) -> Any:
        if sys.stdout is None:
            raise _lost("it is closed")
        try:
            return do(*words)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _lost(error.strerror or str(error)) from error


class StatusStream(CurrentStream):
    """Stderr: a run does not end because nobody can be told of it."""

    def write(self, text: str) -> int:
        """Write as a text stream, if that can be."""
        with suppress(OSError, ValueError):  # the latter of a stream that was closed
            self._target.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush as a text stream, if that can be."""
        with suppress(OSError, ValueError):
            self._target.flush()


def _lost(cause: str) -> InputError:
    return InputError(
        "Output to stdout cannot be written", cause=cause, repair="Send it to a file on a disk that has room."
    )


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make the streams of this process fit for a command, and what is left in them harmless at the end.

    Where the numbers 0, 1 and 2 are closed they are taken, so that no file gets one of them and what a library prints;
    reading and writing results fails all the same, and status is thrown away. Stdout gives names of files as the bytes
    that they are, and characters that the locale lacks as escapes.
    """
    for number, flags in _FLAGS.items():
        try:
            os.fstat(number)
        except OSError:
            _open_nothing(number, flags)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    stream, before = sys.stdout, sys.stdout.errors
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_AS_GIVEN)
    try:
        yield
    finally:
        for left in (sys.stdout, sys.stderr):
            _settle(left)
        if isinstance(stream, io.TextIOWrapper):
            with suppress(ValueError):  # of one that was closed
                stream.reconfigure(errors=before)


def _open_nothing(number: int, flags: int) -> None:
    """Open the null device under a number, such that using it fails (0, 1) or does nothing (2)."""
    opened = os.open(os.devnull, flags)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    os.set_inheritable(number, True)


def _settle(stream: TextIO | None) -> None:
    """Flush; what cannot be written goes nowhere, else the interpreter would fail over it when it ends."""
    if stream is None:
        return
    try:
        stream.flush()
    except ValueError:
        return
    except OSError:
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
            stream.flush()


def _as_given(error: UnicodeError) -> tuple[bytes, int]:
    """Bytes of a name that is not UTF-8 as they were, other characters as escapes: an error handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = bytearray()
    for character in error.object[error.start : error.end]:
        code = ord(character)
        found += bytes([code - 0xDC00]) if 0xDC80 <= code <= 0xDCFF else ascii(character)[1:-1].encode()
    return bytes(found), error.end


codecs.register_error(_AS_GIVEN, _as_given)
