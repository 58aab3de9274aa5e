"""User errors: value, cause, repair. The family's base lies in the registry, which must not import dvplug."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from dvplug_registry.errors import DvplugError, ModelError, RegistryError, near_misses

__all__ = [
    "DvplugError",
    "InputError",
    "ManyProblems",
    "ModelError",
    "PluginError",
    "Problems",
    "RegistryError",
    "near_misses",
    "unwritable",
]


class InputError(DvplugError):
    """A file, region or option given by the user cannot be used."""


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
        cause=error.strerror or str(error),
        repair="Check the permissions of the folder and the free space.",
    )
