"""The one family of errors that a user can mend; the command line prints them on one line and exits 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from dvplug_registry.safe_text import masked, visible


class DvplugError(Exception):
    """Something in the user's input, files or environment is wrong.

    URLs in it lose passwords and signatures, and names what steers a terminal, whoever prints it.

    Parameters
    ----------
    problem
        What is wrong, with the offending value in it.
    cause
        Why it matters or where it comes from; may be empty.
    repair
        What the user can do about it.
    """

    def __init__(self, problem: str, *, cause: str = "", repair: str = "") -> None:
        self.problem, self.cause, self.repair = map(_shown, (problem, cause, repair))
        said = ": ".join(part for part in (self.problem, self.cause) if part)
        super().__init__(f"{said.removesuffix('.')}. {self.repair}" if self.repair else said)

    @property
    def problems(self) -> tuple[DvplugError, ...]:
        """What is wrong, one by one: this error alone, unless it stands for several."""
        return (self,)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle all three parts, as when a worker process raises it."""
        parts = {"cause": self.cause, "repair": self.repair, "args": self.args}
        return type(self), (self.problem,), parts


def _shown(text: str) -> str:
    return visible(masked(text), keep="\n\t")


class ModelError(DvplugError):
    """A model cannot be found, is damaged, or does not fit."""


class RegistryError(DvplugError):
    """A registry cannot be reached, is not to be trusted, or does not have what was asked for."""


def near_misses(name: str, known: Iterable[str]) -> str:
    """Return ``"Did you mean 'x' or 'y'?"``, or the known names when nothing is close; case and ``_`` count nothing."""
    names = sorted(set(known))
    plain, asked = {_plain(each): each for each in names}, _plain(name)
    # A known name within a longer one (novaseq-6000), or one that was cut short (illum), before those spelt alike.
    parts = [key for key in plain if min(len(key), len(asked)) > 2 and (key in asked or asked in key)]
    parts.sort(key=lambda key: abs(len(key) - len(asked)))
    alike = difflib.get_close_matches(asked, plain, n=3, cutoff=0.5)
    close = [plain[key] for key in dict.fromkeys([*parts[:3], *alike])][:3]
    if close:
        return "Did you mean " + " or ".join(f"'{c}'" for c in close) + "?"
    return f"Known: {', '.join(names[:20])}." if names else ""


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
