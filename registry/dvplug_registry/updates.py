"""Which installed models have newer versions in the registries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from dvplug_registry.errors import ModelError, near_misses
from dvplug_registry.obtain import choose
from dvplug_registry.resolve import ModelPlace
from dvplug_registry.sources import Source
from dvplug_registry.versions import Requirement, Version

if TYPE_CHECKING:
    from dvplug_registry.catalog import Catalog, Offer


class Newest(NamedTuple):
    """An installed model, and what there is of it.

    Attributes
    ----------
    here
        The newest version that is installed.
    newer
        The newest that is offered of those that were asked for, if it is newer than what is here.
    beyond
        The newest of a later major version, which models are not updated to unless it is asked for.
    """

    name: str
    here: Version
    newer: tuple[Source, Offer] | None
    beyond: Offer | None


def newest_of(
    requests: Sequence[str], installed: Iterable[ModelPlace], offered: list[tuple[Source, Catalog]]
) -> list[Newest]:
    """Compare what is installed with what is offered.

    Parameters
    ----------
    requests
        Such as illumina-wgs or illumina-wgs@2; none for all models that are installed, each within its major version.

    Raises
    ------
    ModelError
        No model of a name is installed (near misses are named), or two registries offer different models of one label.
    """
    here: dict[str, Version] = {}
    for place in installed:
        here[place.name] = max(place.version, here.get(place.name, place.version))
    wanted = {Requirement.parse(request).name: request for request in requests} or {
        name: name for name in here
    }
    found = []
    for name, request in wanted.items():
        if name not in here:
            raise ModelError(
                f"no model called '{name}' is installed",
                cause="what is not here cannot be updated",
                repair=f"{near_misses(name, here)} `dvplug registry download {name}` gets one.".strip(),
            )
        version = here[name]
        asked = f"{name}@{version.major}" if request == name else request
        newer = _best(asked, offered)
        beyond = _best(f"{name} >={version.major + 1}", offered)
        if newer and Version.parse(newer[1].version) <= version:
            newer = None
        if newer and beyond and beyond[1].label == newer[1].label:
            beyond = None
        found.append(Newest(name, version, newer, beyond[1] if beyond else None))
    return found


def _best(request: str, offered: list[tuple[Source, Catalog]]) -> tuple[Source, Offer] | None:
    allowed = any(catalog.allowed(request) for _, catalog in offered)
    return choose(request, offered) if allowed else None
