"""What the parts of a technology need of each read, put together: nothing is decoded that none asks for."""

from __future__ import annotations

from collections.abc import Iterable

from dvplug.errors import PluginError
from dvplug.hookspecs import HAPLOTYPE, SOURCE
from dvplug.plugins.loading import PluginItem
from dvplug.technology import AlsoRead, ReadTag, TechnologyProfile


def also_read(profile: TechnologyProfile, parts: Iterable[PluginItem]) -> AlsoRead:
    """Return the tags that the profile and the parts that it chose ask for, and whether the source is told.

    Raises
    ------
    PluginError
        A tag is asked for as two kinds.
    """
    kinds: dict[str, str] = {}
    asked_by: dict[str, str] = {}
    source = False
    whose = [(f"the technology '{profile.name}'", profile.read_tags)]
    for who, needs in [*whose, *((part.whose, part.item.needs) for part in parts)]:
        source |= SOURCE in needs
        for tag in (ReadTag.parse(need) for need in needs if need not in (HAPLOTYPE, SOURCE)):
            if kinds.setdefault(tag.name, tag.kind) != tag.kind:
                raise PluginError(
                    f"the tag {tag.name} is asked for as '{kinds[tag.name]}' by {asked_by[tag.name]}, and as "
                    f"'{tag.kind}' by {who}",
                    cause="a tag is decoded once",
                    repair="Choose one of the two, or have both ask for the same kind.",
                )
            asked_by.setdefault(tag.name, who)
    return AlsoRead(tuple(ReadTag(name, kinds[name]) for name in sorted(kinds)), source)
