"""Pictures and reports: places checked before any work, files that appear whole."""

from __future__ import annotations

from pathlib import Path

from dvplug.errors import InputError
from dvplug_registry.files import write_whole


def require_place(path: Path, suffix: str, option: str) -> None:
    """Refuse an output that could not be written at the end; raises InputError.

    Parameters
    ----------
    suffix
        How the name must end, such as ``.html``.
    option
        What the user gave it with, for the message.
    """
    if path.suffix.lower() != suffix:
        raise InputError(
            f"{option} {path} has an unknown format",
            cause="the name says the format",
            repair=f"End it in {suffix}.",
        )
    if not path.parent.is_dir():
        raise InputError(
            f"Folder {path.parent} of {option} does not exist", repair="Make it, or correct the path."
        )
    if path.is_dir():
        raise InputError(f"{option} {path} is a folder", repair="Name a file.")


def write_output(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises InputError when that fails."""
    try:
        write_whole(path, content)
    except OSError as error:
        raise unwritable(f"Output {path}", error) from error


def unwritable(what: str, error: OSError) -> InputError:
    """Say of what the system would not write what can be done."""
    return InputError(
        f"{what} cannot be written",
        cause=error.strerror or str(error),
        repair="Check the permissions of the folder and the free space.",
    )
