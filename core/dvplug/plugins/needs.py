"""What the parts of a technology need of each read, put together: nothing is decoded that none asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dvplug.errors import PluginError
from dvplug.hookspecs import HAPLOTYPE, SOURCE
from dvplug.plugins.loading import PluginItem, Plugins
from dvplug.technology import AlsoRead, ReadTag, TechnologyProfile
from dvplug_registry.manifest import CallingStep

OWN_PHASER = ("phaser", "shared-snps")
"""Which every model knows that was trained on phased reads and names no other."""


def parts_of(profile: TechnologyProfile) -> Iterator[tuple[str, str]]:
    """Kind and name of each part that a profile names and that takes part, in the order of the line."""
    yield from (("read transform", name) for name in profile.read_transforms)
    yield "candidate finder", profile.candidate_finder
    if profile.phase_reads:
        yield "phaser", profile.phaser
    yield "image encoder", profile.image_encoder
    if profile.row_order:
        yield "row order", profile.row_order
    yield from (("feature set", name) for name in profile.features)
    yield from (("channel", name) for name in profile.image.channels)
    yield from (("annotation", name) for name in profile.annotations)


def steps_of(plugins: Plugins, profile: TechnologyProfile) -> tuple[CallingStep, ...]:
    """Return what a model is tied to besides encoder and feature sets: what else of plugins decides on its images."""
    kinds = ("read transform", "phaser", "row order")
    named = [(kind, name) for kind, name in parts_of(profile) if kind in kinds and (kind, name) != OWN_PHASER]
    return tuple(
        CallingStep(kind=kind, name=name, version=plugins.offer(kind, name).item.version)
        for kind, name in named
    )


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
