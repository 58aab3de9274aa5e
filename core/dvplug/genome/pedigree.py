"""Who is whose child: PED files, as of PLINK and GATK."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dvplug.errors import InputError, Problems, near_misses
from dvplug.system.locations import StrPath

_NOBODY = ("0", "")
_MALE, _FEMALE = "1", "2"
COLUMNS = "family, individual, father, mother, sex, phenotype"


class Child(NamedTuple):
    """A child and its parents, by their names; an unknown parent is empty."""

    name: str
    father: str
    mother: str


@dataclass(frozen=True)
class Pedigree:
    """Children in the order of the file, and everybody whom it names."""

    children: tuple[Child, ...]
    members: frozenset[str]

    @classmethod
    def read(cls, path: StrPath, samples: Collection[str]) -> Pedigree:
        """Read a PED file of six columns, divided by white space; lines that begin with # are comments.

        Parameters
        ----------
        samples
            The samples that there are. A parent who is none of them is unknown; a child who is none is passed over.

        Raises
        ------
        InputError
            It cannot be read, a line has too few columns, a person comes twice, is its own ancestor, a father who is
            female or somebody's mother, or no child of it is among the samples. Where several things are wrong:
            `ManyProblems`.
        """
        try:
            lines = Path(path).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"Pedigree {path} cannot be read", cause=getattr(error, "strerror", "") or str(error)
            ) from error
        problems = Problems()
        parents: dict[str, tuple[str, str]] = {}
        sexes: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            with problems.collect():
                name, father, mother, sex = _person(line, f"Line {number} of pedigree {path}")
                if name in parents:
                    raise InputError(
                        f"Pedigree {path} has '{name}' twice", repair="Leave one of the lines out."
                    )
                parents[name], sexes[name] = (father, mother), sex
        problems.raise_all()
        require_no_circle(parents, f"Pedigree {path}")
        _require_roles(parents, sexes, f"Pedigree {path}")
        children = tuple(
            Child(name, father if father in samples else "", mother if mother in samples else "")
            for name, (father, mother) in parents.items()
            if name in samples and (father in samples or mother in samples)
        )
        if not children:
            named = (one for name, both in parents.items() if any(both) for one in (name, *both))
            absent = next((one for one in named if one and one not in samples), next(iter(parents), ""))
            raise InputError(
                f"Pedigree {path} has no child whose parent is among the samples",
                cause=f"the samples are {', '.join(sorted(samples)[:5])}. {near_misses(absent, samples)}".rstrip(
                    ". "
                ),
                repair=f"Name individuals as the files name their samples; the columns are {COLUMNS}.",
            )
        return cls(children, frozenset(parents))


def _require_roles(parents: Mapping[str, tuple[str, str]], sexes: Mapping[str, str], what: str) -> None:
    """Raise InputError where a father is female, a mother male, or somebody both; ``what`` holds them."""
    fathers, mothers = (
        {both[place]: name for name, both in parents.items() if both[place]} for place in (0, 1)
    )
    for of, others, role, other in (
        (fathers, mothers, "father", _FEMALE),
        (mothers, fathers, "mother", _MALE),
    ):
        for parent, child in of.items():
            if sexes.get(parent) == other or parent in others:
                against = (
                    "its sex there is the other"
                    if sexes.get(parent) == other
                    else f"for '{others[parent]}' it is the other parent"
                )
                raise InputError(
                    f"{what} has '{parent}' as the {role} of '{child}'",
                    cause=against,
                    repair=f"Correct one of them; the columns are {COLUMNS}, and sex is 1, male, or 2, female.",
                )


def _person(line: str, where: str) -> tuple[str, str, str, str]:
    """Individual, father, mother and sex of a line."""
    columns = line.split()
    if len(columns) < 6:
        raise InputError(
            f"{where} has {len(columns)} columns",
            cause=f"'{line.strip()[:60]}'",
            repair=f"A PED file has six: {COLUMNS}; unknown ones are 0.",
        )
    name, father, mother = ("" if each in _NOBODY else each for each in columns[1:4])
    if not name:
        raise InputError(f"{where} names nobody", repair=f"The columns are {COLUMNS}.")
    if father and father == mother:
        raise InputError(f"{where} has '{father}' as father and as mother", repair="Correct one of them.")
    return name, father, mother, columns[4]


def require_no_circle(parents: Mapping[str, tuple[str, str]], what: str) -> None:
    """Raise InputError where somebody is an ancestor of itself; ``what`` holds these parents, for the message."""
    for name in parents:
        seen: set[str] = set()
        left = [name]
        while left:
            for parent in filter(None, parents.get(left.pop(), ())):
                if parent == name:
                    raise InputError(
                        f"{what} has '{name}' as an ancestor of itself",
                        repair="Correct its parents.",
                    )
                if parent not in seen:
                    seen.add(parent)
                    left.append(parent)
