"""`Scene`: what an image encoder is given, and what drawing and features both need of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from typing import NamedTuple

import numpy as np

from dvplug.images.features.length_changes import spanning_changes
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import NO_ALT
from dvplug.line.read_batch import ReadBatch
from dvplug.line.run_profile import RunProfile, usual_profile
from dvplug.sequence.arrays import Bools, Int8s, Int32s, Int64s, UInt8s


class ImageAlts(NamedTuple):
    """What each image stands for."""

    site: Int32s  # [n], ascending: index into the candidates
    alt_set: Int8s  # [n, 2]: indexes of the site's alts, `NO_ALT` when there is no second


def image_alts(n_alts: Sequence[int]) -> ImageAlts:
    """Return the images of sites with so many alts: one per alt, then one per pair of alts."""
    site, sets = [], []
    for i, count in enumerate(n_alts):
        of_site = [(a, NO_ALT) for a in range(count)] + list(combinations(range(count), 2))
        site.extend([i] * len(of_site))
        sets.extend(of_site)
    return ImageAlts(np.array(site, np.int32), np.array(sets, np.int8).reshape(-1, 2))


@dataclass(frozen=True)
class Scene:
    """Candidates, the reads over them and the reference around them.

    Parameters
    ----------
    reference
        uint8[l] base codes from ``reference_start``, a 0-based position, on.
    run
        How the reads of the run err, and what they are like.
    """

    reads: ReadBatch
    candidates: CandidateBatch
    reference: UInt8s
    reference_start: int
    run: RunProfile = field(default_factory=usual_profile)

    @cached_property
    def images(self) -> ImageAlts:
        """What the images stand for."""
        return image_alts([len(alts) for alts in self.candidates.alts])

    @cached_property
    def starts(self) -> Int64s:
        """Offset of each site in the reference, int64[s]."""
        return self.candidates.start.astype(np.int64) - self.reference_start

    @cached_property
    def haplotypes(self) -> UInt8s:
        """Haplotype of each read of each site, uint8[entries]; 0 unknown."""
        return self.reads.haplotype[self.candidates.read_index]

    @cached_property
    def spanning_changes(self) -> Int32s:
        """Length change in bp of each read of each site, int32[entries]; `UNSPANNED` where it cannot be seen."""
        ends = self.starts + np.array([len(ref) for ref in self.candidates.refs], np.int64)
        return spanning_changes(
            self.reads, self.candidates.support(), self.reference, self.reference_start, self.starts, ends
        )

    @cached_property
    def has_indel(self) -> Bools:
        """Whether any alt of each site has another length than its REF, bool[s]."""
        return np.array([any(changes) for changes in self._alt_changes], np.bool_)

    @cached_property
    def alt_changes(self) -> Int64s:
        """Length less that of REF of the first and the second alt of each image, bp, int64[n, 2]; 0 for no second."""
        own = [
            (self._alt_changes[site][alt], self._alt_changes[site][second] if second != NO_ALT else 0)
            for site, (alt, second) in zip(
                self.images.site.tolist(), self.images.alt_set.tolist(), strict=True
            )
        ]
        return np.array(own, np.int64).reshape(-1, 2)

    @cached_property
    def _alt_changes(self) -> list[list[int]]:
        """Length less that of REF of each alt of each site, bp."""
        return [
            [len(alt) - len(ref) for alt in alts]
            for ref, alts in zip(self.candidates.refs, self.candidates.alts, strict=True)
        ]
