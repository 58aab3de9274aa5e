"""User errors: value, cause, repair. The family's base lies in the registry, which must not import dvplug."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dvplug_registry.errors import DvplugError, ModelError, RegistryError, near_misses
from dvplug_registry.safe_text import masked

__all__ = [
    "DvplugError",
    "InputError",
    "ManyProblems",
    "ModelError",
    "PluginError",
    "Problems",
    "RefusedRun",
    "RegistryError",
    "in_short",
    "near_misses",
    "raised",
    "unwritable",
]
DEBUG = "DVPLUG_DEBUG"
"""Environment variable: where it is set, the tracebacks of plugins' errors are printed, too."""
LONGEST = 160
"""Characters of a value in a message."""


class InputError(DvplugError):
    """A file, region or option given by the user cannot be used."""


class RefusedRun(InputError):
    """A run that its own results speak against: repeated, it would end alike, so nothing of it is kept."""


class PluginError(DvplugError):
    """A plugin is broken, clashes with another, or a name it should provide is unknown."""


class ManyProblems(InputError):
    """Several things are wrong, each with its repair.

    Attributes
    ----------
    problems
        One `DvplugError` for each, in the order in which they were found.
    """

    def __init__(self, problems: Sequence[DvplugError]) -> None:
        lines = "".join(f"\n  {number}. {problem}" for number, problem in enumerate(problems, 1))
        super().__init__(f"{len(problems)} problems{lines}")
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[DvplugError, ...]:
        """The errors that it stands for."""
        return self._problems

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the problems themselves."""
        return type(self), (self._problems,)


@dataclass
class Problems:
    """Errors that wait to be raised together."""

    found: list[DvplugError] = field(default_factory=list)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keep the error that the block raises, and go on behind it."""
        try:
            yield
        except DvplugError as error:
            self.found += error.problems

    def raise_all(self) -> None:
        """Raise what was found: an error alone as it is, several as `ManyProblems`."""
        if len(self.found) > 1:
            raise ManyProblems(self.found)
        if self.found:
            raise self.found[0]


def unwritable(what: str, error: OSError, done: str = "written") -> InputError:
    """Say of what the system would not write what can be done."""
    return InputError(
        f"{what} cannot be {done}",
        cause=os.strerror(error.errno) if error.errno else str(error),  # HDF5's own is an essay
        repair="Check the permissions of the folder and the free space.",
    )


def in_short(value: object) -> str:
    """Write a value for a message: an array by its type and shape, all else on one line of at most `LONGEST`."""
    shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
    if isinstance(shape, tuple) and dtype is not None and shape:
        return f"{dtype}[{', '.join(map(str, shape))}]"
    text = " ".join((value if isinstance(value, str) else repr(value)).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def raised(error: BaseException) -> str:
    """Say on one line what a stranger's code raised, and where in it; print the traceback where `DEBUG` is set."""
    if os.environ.get(DEBUG):
        sys.stderr.write(masked("".join(traceback.format_exception(error))))
    said = in_short(str(error))
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    own = (os.path.dirname(__file__), os.path.dirname(importlib.__file__), "<")
    theirs = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(own)]
    places = [f"{os.path.basename(frame.filename)}, line {frame.lineno}" for frame in theirs[-1:]]
    return f"{text} ({places[0]})" if places and "importlib" not in theirs[-1].filename else text
