"""What a network was not trained on, replaced by what it was: in reads before they are used, in images once drawn.

Which values those are is said by the model's manifest (`dvplug_registry.manifest.TrainedOn`) and decided once per run
(`dvplug.calling.familiarity`): the same for every region and worker.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from dvplug.line.image_batch import ImageBatch
from dvplug.line.read_batch import REVERSE, ReadBatch
from dvplug.line.run_profile import NO_QUALITY, RunProfile, usual_profile
from dvplug.sequence.arrays import Bools, Float32s, Float64s, Int64s, UInt8s
from dvplug.technology import TechnologyProfile

Table = tuple[int, ...]
"""What stands for each phred quality from 0 to 255; empty where they stay."""


class UsualFeature(NamedTuple):
    """A value for a feature, where it lies outside of the limits: everywhere where ``low`` is above ``high``."""

    name: str
    column: int
    low: float
    high: float
    value: float
    unless: tuple[tuple[int, float], ...] = ()
    """Columns of other features, each with a number: where one lies above it, an image keeps its own value."""

    @property
    def everywhere(self) -> bool:
        """Whether no image's own value is used."""
        return self.low > self.high


class UsualChannel(NamedTuple):
    """The pixel of all reads in a channel."""

    name: str
    channel: int
    pixel: int


@dataclass(frozen=True)
class UsualValues:
    """What is put in place of what; by default everything stays as it is."""

    fragment_length: int = 0
    """Of reads without one, bp."""
    base_quality: Table = ()
    mapping_quality: Table = ()
    draw_strands: bool = False
    features: tuple[UsualFeature, ...] = ()
    channels: tuple[UsualChannel, ...] = ()

    def reads(self, reads: ReadBatch) -> ReadBatch:
        """Return reads as the network knows them."""
        changed: dict[str, Any] = {}
        if self.fragment_length:
            length = reads.fragment_length
            changed["fragment_length"] = np.where(length == 0, np.int32(self.fragment_length), length)
        if self.base_quality:
            changed["qual"] = np.array(self.base_quality, np.uint8)[reads.qual]
        if self.mapping_quality:
            changed["mapping_quality"] = np.array(self.mapping_quality, np.uint8)[reads.mapping_quality]
        if self.draw_strands:
            drawn = (reads.name_hash & 1).astype(np.uint16) * np.uint16(REVERSE)
            changed["flag"] = (reads.flag & ~np.uint16(REVERSE)) | drawn
        return replace(reads, **changed) if changed else reads

    def of_images(self, measured: Float32s) -> tuple[Float32s, Counter[str]]:
        """Return features float32[n, f] as the network knows them, and how many images had each outside its limits."""
        outside: Counter[str] = Counter()
        features = measured.copy() if self.features else measured
        for one in self.features:
            own = measured[:, one.column]
            unknown = (own < one.low) | (own > one.high)
            for column, most in one.unless:
                unknown &= measured[:, column] <= most
            features[unknown, one.column] = one.value
            if not one.everywhere:
                outside[one.name] += int(unknown.sum())
        return features, outside

    def pixels(self, drawn: UInt8s, reference_rows: int) -> UInt8s:
        """Return images uint8[n, h, w, c] as the network knows them."""
        if not self.channels:
            return drawn
        pixels = drawn.copy()
        of_read: Bools = np.asarray(drawn.any(axis=-1))
        of_read[:, :reference_rows] = False
        for channel in self.channels:
            pixels[..., channel.channel][of_read] = channel.pixel
        return pixels

    def images(self, images: ImageBatch, reference_rows: int) -> tuple[ImageBatch, Counter[str]]:
        """Return images and their features as the network knows them, and what `of_images` counts."""
        features, outside = self.of_images(images.features)
        pixels = self.pixels(images.images, reference_rows)
        return replace(images, images=pixels, features=features), outside


AS_THEY_ARE = UsualValues()
"""Nothing is replaced."""


class KnownRun(NamedTuple):
    """What is known of the reads of a run before they are drawn.

    Attributes
    ----------
    profile
        How they err, and what they are like; where it is None, they are taken to be as the technology says.
    usual
        What stands for what the network was not trained on.
    """

    profile: RunProfile | None = None
    usual: UsualValues = AS_THEY_ARE

    def as_drawn(self, technology: TechnologyProfile) -> RunProfile:
        """Return the profile of the reads as they are drawn: by the qualities that they are given.

        Reads without QUAL have the quality that the read filter says, and qualities may be mapped to those trained on.
        """
        if self.profile is None:
            return usual_profile(**technology.usual_errors.model_dump())
        given = np.arange(256)
        given[NO_QUALITY] = technology.read_filter.missing_base_quality
        if self.usual.base_quality:
            given = np.array(self.usual.base_quality)[given]
        mapping: Float64s = self.profile.mapping_quality
        if self.usual.mapping_quality:
            mapping = np.bincount(self.usual.mapping_quality, mapping, 256).astype(np.float64)
        counts = np.zeros_like(self.profile.base_counts)
        np.add.at(counts, given, self.profile.base_counts)
        return replace(
            self.profile,
            mismatch_p=_of_given(self.profile, given),
            base_counts=counts,
            mapping_quality=mapping,
            reverse_strand=0.5 if self.usual.draw_strands else self.profile.reverse_strand,
        )


def _of_given(profile: RunProfile, given: Int64s) -> Float64s:
    """P(mismatch) by the quality that bases are given, float64[256]; ``given`` is that of each reported one.

    Of several reported qualities their bases' mean; of one that nothing is given, what lies between its neighbours.
    """
    weight = profile.base_counts[:, 0] + 1e-6  # where none has bases, all count alike,
    weight[NO_QUALITY] = profile.base_counts[NO_QUALITY, 0]  # but for what is none
    total = np.bincount(given, weight, 256)
    known = np.flatnonzero(total)
    p = np.bincount(given, weight * profile.mismatch_p, 256)[known] / total[known]
    return np.asarray(np.exp(np.interp(np.arange(256), known, np.log(p))))


UNKNOWN_RUN = KnownRun()
"""Nothing was measured."""
