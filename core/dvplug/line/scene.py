"""`Scene`: what image encoders and feature sets are given, and what several of them need of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from dvplug.line.candidate_batch import UNINFORMATIVE, CandidateBatch
from dvplug.line.image_batch import NO_ALT
from dvplug.line.read_batch import ReadBatch
from dvplug.line.run_profile import RunProfile, usual_profile

Measured = TypeVar("Measured")


class ImageAlts(NamedTuple):
    """What each image stands for."""

    site: npt.NDArray[np.int32]  # [n], ascending: index into the candidates
    alt_set: npt.NDArray[np.int8]  # [n, 2]: indexes of the site's alts, `NO_ALT` when there is no second


class ImageReads(NamedTuple):
    """The reads that tell an allele, once for each image that shows them."""

    image: npt.NDArray[np.int64]  # [k], ascending
    read: npt.NDArray[np.int64]  # [k]
    has: npt.NDArray[np.bool_]  # [k]: one of the image's alts


def image_alts(n_alts: Sequence[int]) -> ImageAlts:
    """Return the images of sites with so many alts: one per alt, then one per pair of alts."""
    site, sets = [], []
    for i, count in enumerate(n_alts):
        of_site = [(a, NO_ALT) for a in range(count)] + list(combinations(range(count), 2))
        site.extend([i] * len(of_site))
        sets.extend(of_site)
    return ImageAlts(np.array(site, np.int32), np.array(sets, np.int8).reshape(-1, 2))


@dataclass(frozen=True, eq=False)
class Scene:
    """All that there is to draw or to measure of some candidates: they, the reads over them, the reference around them.

    What is known of a run besides joins this class as fields with defaults, so that functions which take a scene go on
    working. Nothing of it may be changed; with `dataclasses.replace` a function makes another scene, for itself.

    Attributes
    ----------
    reads
        Those of the region and of a margin beside it.
    candidates
        By position; which read has which allele is in `CandidateBatch.support`.
    reference
        uint8[l] base codes from ``reference_start``, a 0-based position, on: so far beyond the candidates that every
        read lies in it whole.
    run
        How the reads of the run err, and what they are like.
    settings
        What ``--set`` gave the plugin whose function this is given to, of the class that it declares; None where it
        declares none.
    """

    reads: ReadBatch
    candidates: CandidateBatch
    reference: npt.NDArray[np.uint8]
    reference_start: int
    run: RunProfile = field(default_factory=usual_profile)
    settings: Any = None
    _kept: dict[Callable[[Scene], Any], Any] = field(default_factory=dict, init=False, repr=False)

    @cached_property
    def images(self) -> ImageAlts:
        """What the images stand for: one for each alt of a candidate, then one for each pair; rows of all features."""
        return image_alts([len(alts) for alts in self.candidates.alts])

    @cached_property
    def image_reads(self) -> ImageReads:
        """Which reads tell an allele of each image's site, and whether it is one of the image's alts."""
        offset, read, told = self.candidates.support()
        lengths = np.diff(offset)[self.images.site]
        image = np.repeat(np.arange(len(lengths)), lengths)
        before = np.concatenate(([0], np.cumsum(lengths)))[:-1]
        entry = np.arange(len(image)) - np.repeat(before - offset[self.images.site], lengths)
        allele = told[entry].astype(np.int64)
        has = (allele > 0) & (allele[:, None] - 1 == self.images.alt_set[image]).any(axis=1)
        known = allele != UNINFORMATIVE
        return ImageReads(image[known], read[entry[known]].astype(np.int64), has[known])

    @cached_property
    def starts(self) -> npt.NDArray[np.int64]:
        """Offset of each site in the reference, int64[s]."""
        return self.candidates.start.astype(np.int64) - self.reference_start

    @cached_property
    def haplotypes(self) -> npt.NDArray[np.uint8]:
        """Haplotype of each read of each site, uint8[entries]; 0 unknown."""
        return self.reads.haplotype[self.candidates.read_index]

    @cached_property
    def has_indel(self) -> npt.NDArray[np.bool_]:
        """Whether any alt of each site has another length than its REF, bool[s]."""
        return np.array([any(changes) for changes in self._alt_changes], np.bool_)

    @cached_property
    def alt_changes(self) -> npt.NDArray[np.int64]:
        """Length less that of REF of the first and the second alt of each image, bp, int64[n, 2]; 0 for no second."""
        own = [
            (self._alt_changes[site][alt], self._alt_changes[site][second] if second != NO_ALT else 0)
            for site, (alt, second) in zip(
                self.images.site.tolist(), self.images.alt_set.tolist(), strict=True
            )
        ]
        return np.array(own, np.int64).reshape(-1, 2)

    def set(self, settings: Any) -> Scene:
        """Return the scene with these settings, which has all that was computed of this one."""
        if settings is self.settings:
            return self
        scene = copy(self)
        object.__setattr__(scene, "settings", settings)
        return scene

    def once(self, measure: Callable[[Scene], Measured]) -> Measured:
        """Return what a function gives of this scene: called when first asked for, kept for others that ask.

        For what several feature sets need. The function has a name of its own (no lambda), and its result is not
        changed by those who get it.
        """
        if measure not in self._kept:
            self._kept[measure] = measure(self)
        found: Measured = self._kept[measure]
        return found

    @cached_property
    def _alt_changes(self) -> list[list[int]]:
        """Length less that of REF of each alt of each site, bp."""
        return [
            [len(alt) - len(ref) for alt in alts]
            for ref, alts in zip(self.candidates.refs, self.candidates.alts, strict=True)
        ]


def of_some_images(scene: Scene, rows: npt.NDArray[np.integer]) -> Scene:
    """Return a scene of some of its images, by their numbers, ascending; nothing computed of all is kept."""
    some = replace(scene)
    images = ImageAlts(scene.images.site[rows], scene.images.alt_set[rows])
    object.__setattr__(some, "images", images)
    return some
