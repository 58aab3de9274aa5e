"""The steps that a technology chose."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dvplug.errors import PluginError
from dvplug.genotypes.first_stage import OpenedFirstStage
from dvplug.hookspecs import HAPLOTYPE, Draw, Encode, Find, Measure, Rank
from dvplug.line.contexts import EncodeContext
from dvplug.line.image_batch import ImageBatch
from dvplug.line.scene import Scene, of_some_images
from dvplug.plugins.adapters import POSITIONAL_API
from dvplug.plugins.boundary import CheckedDraw, CheckedEncode, CheckedFind, CheckedMeasure, JoinedMeasures
from dvplug.plugins.boundary_steps import CheckedAnnotate, CheckedPhase, CheckedRank, CheckedTransform
from dvplug.plugins.feature_sets import chosen_features
from dvplug.plugins.loading import PluginItem, Plugins
from dvplug.plugins.needs import also_read, parts_of
from dvplug.plugins.run_settings import NOTHING_SET, OfPlugins, require_part, settings_of_offer
from dvplug.reads.haplotypes import with_haplotype_tags
from dvplug.records.annotations import require_own_fields
from dvplug.sequence.arrays import Float32s, Int64s
from dvplug.technology import AlsoRead, TechnologyProfile


@dataclass(frozen=True)
class Pipeline:
    """The steps that a technology chose, as plain functions: all that a worker needs besides the files.

    Attributes
    ----------
    transforms
        What changes or drops reads first, in order.
    phase
        None where reads are not phased, or bring their haplotypes along.
    tagged
        Whether haplotypes and blocks of reads are those of their tags HP and PS.
    rank
        None where rows are ordered by position.
    annotations
        What is added to records, in order.
    haplotypes
        Whether the HP tags of reads are read: one of the functions needs haplotypes, and reads are not phased.
    also
        Tags that are decoded, and whether the source of reads is told.
    reach
        bp on either side of a candidate that bear on what is found and drawn.
    first_stage
        That of the model that calls, where it has one: what it settles is not drawn.
    """

    profile: TechnologyProfile
    transforms: tuple[CheckedTransform, ...]
    find: Find
    phase: CheckedPhase | None
    encode: Encode
    measure: Measure
    channels: list[Draw]
    rank: Rank | None
    annotations: tuple[CheckedAnnotate, ...]
    haplotypes: bool
    also: AlsoRead
    reach: int
    tagged: bool = False
    first_stage: OpenedFirstStage | None = None

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
        features = chosen_features(plugins, profile.features)
        parts = [plugins.offer(kind, name) for kind, name in parts_of(profile)]
        require_part(plugins, given, profile.name, parts)
        _require_haplotypes(profile, parts)
        of = partial(settings_of_offer, plugins, given)
        kinds: dict[str, list[PluginItem]] = {}
        for part in parts:
            kinds.setdefault(part.kind, []).append(part)
        (finder,), (encoder,) = kinds["candidate finder"], kinds["image encoder"]
        phasers = [CheckedPhase.of(one, of(one)) for one in kinds.get("phaser", ())]
        orders = [CheckedRank.of(one, of(one)) for one in kinds.get("row order", ())]
        if orders and encoder.plugin.api == POSITIONAL_API:
            raise PluginError(
                f"{encoder.whose} was written for hook API {POSITIONAL_API}, which has no row order",
                repair=f"Leave row_order out of '{profile.name}', or choose another image encoder.",
            )
        annotations = [CheckedAnnotate.of(one, of(one)) for one in kinds.get("annotation", ())]
        require_own_fields((one.owner.text, one.fields) for one in annotations)
        sets = zip(features.offers, features.of_sets, strict=True)
        return cls(
            profile,
            tuple(CheckedTransform.of(one, of(one)) for one in kinds.get("read transform", ())),
            CheckedFind.of(finder, of(finder)),
            phasers[0] if phasers else None,
            CheckedEncode.of(encoder, len(features.columns), of(encoder)),
            JoinedMeasures(tuple(CheckedMeasure.of(one, columns, of(one)) for one, columns in sets)),
            [CheckedDraw.of(one, of(one)) for one in kinds.get("channel", ())],
            orders[0] if orders else None,
            tuple(annotations),
            not profile.phase_reads and any(HAPLOTYPE in part.item.needs for part in parts),
            also_read(profile, parts),
            max(profile.image.width // 2, *(_reach(part.item) for part in parts)),
        )

    def with_tags(self) -> Pipeline:
        """Return it for reads whose haplotypes are told by their tags, in place of any phaser."""
        also = with_haplotype_tags(self.also)
        return replace(self, phase=None, haplotypes=False, also=also, tagged=True)

    @property
    def phases(self) -> bool:
        """Whether heterozygous calls are phased."""
        return self.tagged or self.phase is not None

    def draw(self, scene: Scene) -> ImageBatch:
        """Draw and measure the candidates of a scene."""
        return self.encode(
            EncodeContext(
                scene=scene, layout=self.profile.image, channels=self.channels, measure=self.measure,
                rank=self.rank,
            )
        )  # fmt: skip

    def draw_some(self, scene: Scene, features: Float32s, rows: Int64s) -> ImageBatch:
        """Draw some images of a scene, by their numbers; ``features`` float32[n, f] were measured of all.

        An encoder of a plugin draws all, as it may know of none but all.
        """
        if not getattr(self.encode, "takes_some", False):
            return self.draw(scene).at(rows)
        own = features[rows]
        return self.encode(
            EncodeContext(
                scene=of_some_images(scene, rows), layout=self.profile.image, channels=self.channels,
                measure=lambda _: own, rank=self.rank,
            )
        )  # fmt: skip


def _reach(item: Any) -> int:
    reach: int = getattr(item, "reach", 0)  # of channels and what else looks at no more than an image shows
    return reach


def _require_haplotypes(profile: TechnologyProfile, parts: list[PluginItem]) -> None:
    """Refuse what needs haplotypes before reads have any."""
    for part in parts:
        before = part.kind in ("read transform", "candidate finder")
        if profile.phase_reads and before and HAPLOTYPE in part.item.needs:
            raise PluginError(
                f"{part.whose} needs {HAPLOTYPE}, which the technology '{profile.name}' does not give it",
                cause="with phase_reads, reads have haplotypes only after candidates were found",
                repair=f"Set phase_reads to False, so that HP tags are read, or choose another {part.kind}.",
            )
