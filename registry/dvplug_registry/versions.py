"""Semantic versions (https://semver.org, 2.0.0) and requirements on them, such as ``illumina-wgs@1``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from dvplug_registry.errors import ModelError

NAME_PATTERN = r"^[a-z0-9]+(-[a-z0-9]+)*$"
_NUMBER = r"(?:0|[1-9][0-9]{0,8})"
_VERSION = re.compile(rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?")
_PARTIAL = re.compile(rf"({_NUMBER})(?:\.({_NUMBER}))?(?:\.({_NUMBER}))?")
_REQUIREMENT = re.compile(r"([^@<>=\s]+)\s*(?:@\s*([^<>=,\s]+)|@?\s*([<>=].*))?")


@total_ordering
@dataclass(frozen=True)
class Version:
    """A semantic version. Build metadata (``+x``) is refused: it would make two models equal in order."""

    major: int
    minor: int
    patch: int
    prerelease: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read ``1.2.3`` or ``1.2.3-rc.1``; raises ValueError for anything else."""
        match = _VERSION.fullmatch(text)
        labels = tuple(match[4].split(".")) if match and match[4] else ()
        if match is None or any(re.fullmatch(r"0[0-9]+", label) for label in labels):
            raise ValueError(f"{text!r} is not a semantic version such as 1.0.0")
        return cls(int(match[1]), int(match[2]), int(match[3]), labels)

    def _key(self) -> tuple[object, ...]:
        # semver 11.3-11.4: a pre-release sorts before its release, numbers before words
        labels = tuple((0, int(x), "") if x.isdigit() else (1, 0, x) for x in self.prerelease)
        return self.major, self.minor, self.patch, not self.prerelease, labels

    def __lt__(self, other: Version) -> bool:
        """Order by semver precedence."""
        return self._key() < other._key()

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        core = f"{self.major}.{self.minor}.{self.patch}"
        return f"{core}-{'.'.join(self.prerelease)}" if self.prerelease else core


@dataclass(frozen=True)
class Requirement:
    """A model name and which of its versions will do; a pre-release only does when it is named in full."""

    name: str
    lower: Version = Version(0, 0, 0)
    upper: Version | None = None
    exact: Version | None = None

    @classmethod
    def parse(cls, text: str) -> Requirement:
        """Read ``name``, ``name@1``, ``name@1.2``, ``name@1.2.3`` or a range such as ``name >=1.2,<2``.

        Raises
        ------
        ModelError
            The text has another form.
        """
        match = _REQUIREMENT.fullmatch(text.strip())
        try:
            if match is None or not re.match(NAME_PATTERN, match[1]):
                raise ValueError("a name is lower-case words joined by '-'")
            if match[3]:
                return cls(match[1], **_bounds(match[3]))
            return _from_version(match[1], match[2])
        except ValueError as error:
            raise ModelError(
                f"'{text}' is not a model requirement",
                cause=str(error),
                repair="Write 'name', 'name@1', 'name@1.2', 'name@1.2.3' or 'name >=1.2,<2'.",
            ) from None

    def allows(self, version: Version) -> bool:
        """Whether this version will do."""
        if self.exact is not None:
            return version == self.exact
        return (
            not version.prerelease and version >= self.lower and (self.upper is None or version < self.upper)
        )


def _from_version(name: str, text: str | None) -> Requirement:
    if text is None:
        return Requirement(name)
    partial = _PARTIAL.fullmatch(text)
    if partial is None or partial[3]:
        return Requirement(name, exact=Version.parse(text))
    major = int(partial[1])
    if partial[2]:
        minor = int(partial[2])
        return Requirement(name, lower=Version(major, minor, 0), upper=Version(major, minor + 1, 0))
    return Requirement(name, lower=Version(major, 0, 0), upper=Version(major + 1, 0, 0))


def _bounds(text: str) -> dict[str, Version]:
    """Read ``>=1.2,<2``: half-open, at most one bound of each kind."""
    bounds: dict[str, Version] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(>=|<)\s*(\S+)\s*", part)
        partial = _PARTIAL.fullmatch(match[2]) if match else None
        if match is None or partial is None:
            raise ValueError(f"{part.strip()!r} is not a bound such as '>=1.2' or '<2'")
        side = "lower" if match[1] == ">=" else "upper"
        if side in bounds:
            raise ValueError(f"two bounds {match[1]}")
        bounds[side] = Version(int(partial[1]), int(partial[2] or 0), int(partial[3] or 0))
    return bounds
