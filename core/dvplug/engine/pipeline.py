"""The steps that a technology chose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from dvplug.errors import PluginError
from dvplug.hookspecs import HAPLOTYPE, Draw, Encode, Find, Measure
from dvplug.line.contexts import EncodeContext
from dvplug.line.image_batch import ImageBatch
from dvplug.line.scene import Scene
from dvplug.plugins.boundary import CheckedDraw, CheckedEncode, CheckedFind, CheckedMeasure, JoinedMeasures
from dvplug.plugins.feature_sets import chosen_features
from dvplug.plugins.loading import Plugins
from dvplug.plugins.needs import also_read
from dvplug.plugins.run_settings import NOTHING_SET, OfPlugins, require_part, settings_of_offer
from dvplug.technology import AlsoRead, TechnologyProfile


@dataclass(frozen=True)
class Pipeline:
    """The steps that a technology chose, as plain functions: all that a worker needs besides the files.

    Attributes
    ----------
    haplotypes
        Whether the HP tags of reads are read: one of the functions needs haplotypes, and reads are not phased.
    also
        Tags that are decoded, and whether the source of reads is told.
    reach
        bp on either side of a candidate that bear on what is found and drawn.
    """

    profile: TechnologyProfile
    find: Find
    encode: Encode
    measure: Measure
    channels: list[Draw]
    haplotypes: bool
    also: AlsoRead
    reach: int

    @classmethod
    def of(cls, plugins: Plugins, profile: TechnologyProfile, given: OfPlugins = NOTHING_SET) -> Pipeline:
        """Look up what the profile names.

        Parameters
        ----------
        given
            What was set of plugins; of others their functions get the defaults.

        Raises
        ------
        PluginError
            A name is unknown, a function cannot be imported, or needs what the technology does not give it.
        InputError
            Something is set of a plugin that takes no part.
        """
        finder = plugins.candidate_finder(profile.candidate_finder)
        encoder = plugins.image_encoder(profile.image_encoder)
        features = chosen_features(plugins, profile.features)
        offers = [plugins.offer("channel", name) for name in profile.image.channels]
        found_by = plugins.offer(finder.kind, profile.candidate_finder)
        if profile.phase_reads and HAPLOTYPE in finder.needs:
            raise PluginError(
                f"{found_by.whose} needs {HAPLOTYPE}, which the technology '{profile.name}' does not give it",
                cause="with phase_reads, reads have haplotypes only after candidates were found",
                repair="Set phase_reads to False, so that HP tags are read, or choose another candidate finder.",
            )
        drawn_by = plugins.offer(encoder.kind, profile.image_encoder)
        parts = (found_by, drawn_by, *features.offers, *offers)
        require_part(plugins, given, profile.name, parts)
        of = partial(settings_of_offer, plugins, given)
        sets = zip(features.offers, features.of_sets, strict=True)
        return cls(
            profile,
            CheckedFind.of(found_by, of(found_by)),
            CheckedEncode.of(drawn_by, len(features.columns), of(drawn_by)),
            JoinedMeasures(tuple(CheckedMeasure.of(one, columns, of(one)) for one, columns in sets)),
            [CheckedDraw.of(offer, of(offer)) for offer in offers],
            not profile.phase_reads and any(HAPLOTYPE in one.item.needs for one in parts),
            also_read(profile, parts),
            max(profile.image.width // 2, finder.reach, encoder.reach, *(one.reach for one in features.sets)),
        )

    def draw(self, scene: Scene) -> ImageBatch:
        """Draw and measure the candidates of a scene."""
        return self.encode(
            EncodeContext(
                scene=scene, layout=self.profile.image, channels=self.channels, measure=self.measure
            )
        )
