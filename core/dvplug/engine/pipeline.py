"""The steps that a technology chose."""

from __future__ import annotations

from dataclasses import dataclass

from dvplug.hookspecs import Draw, Encode, Find
from dvplug.plugins.loading import Plugins
from dvplug.technology import TechnologyProfile


@dataclass(frozen=True)
class Pipeline:
    """The steps that a technology chose, as plain functions: all that a worker needs besides the files."""

    profile: TechnologyProfile
    find: Find
    encode: Encode
    channels: list[Draw]

    @classmethod
    def of(cls, plugins: Plugins, profile: TechnologyProfile) -> Pipeline:
        """Look up what the profile names; raises PluginError where a name is unknown."""
        return cls(
            profile,
            plugins.candidate_finder(profile.candidate_finder).load(),
            plugins.image_encoder(profile.image_encoder).load(),
            [plugins.channel(name).load() for name in profile.image.channels],
        )
