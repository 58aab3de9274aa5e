"""Work in a folder that goes on after an interruption, if it is the same work: what it was begun with lies there."""

from __future__ import annotations

import glob
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from dvplug._version import __version__
from dvplug.errors import InputError
from dvplug.system.console import info
from dvplug.system.input_states import FileState
from dvplug_registry.files import write_whole

SETTINGS_NAME = "settings.json"


def remove_parts(place: Path) -> None:
    """Remove the unfinished folders that killed processes left beside the place of a folder.

    Only one who knows that nobody else is making it may call it.
    """
    for left in place.parent.glob(f".{glob.escape(place.name)}.*.part"):
        shutil.rmtree(left, ignore_errors=True)


class Begun(NamedTuple):
    """A folder of work, and as text what that is: settings, the contents of its inputs, and the version of dvplug."""

    folder: Path
    what: str

    @classmethod
    def of(cls, folder: Path, settings: BaseModel, inputs: Iterable[Path]) -> Begun:
        """Look at the inputs: a copy of one, or one that was touched, is the same."""
        states = [FileState.of(path) for path in inputs]
        what = {
            "dvplug": __version__,
            "settings": settings.model_dump(mode="json"),
            "inputs": [state.content if state else None for state in states],
        }
        return cls(folder, json.dumps(what, indent=1) + "\n")

    def enter(self) -> None:
        """Make the folder, or go on in it.

        Raises
        ------
        InputError
            It holds other work, or something else.
        """
        told = self.folder / SETTINGS_NAME
        if not self.folder.exists() or not any(self.folder.iterdir()):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(told, self.what.encode())
            return
        if not told.exists() or told.read_text() != self.what:
            raise InputError(
                f"'{self.folder}' was begun with other settings, inputs, or another dvplug",
                cause="what is there would not fit what is still to be made",
                repair="Remove it to start anew, or give the command that it was begun with.",
            )
        info(f"going on in '{self.folder}'")
