"""What a plugin's function is given: one object each, so that what joins it later breaks nobody.

Whatever dvplug learns to know besides joins a class as a field with a default. Nothing of a context may be changed,
unless it says so; with `dataclasses.replace` a function makes another one, for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import ImageBatch, Pileup
from dvplug.line.read_batch import ReadBatch
from dvplug.line.record import VcfRecord
from dvplug.line.region import Region
from dvplug.line.run_profile import RunProfile, usual_profile
from dvplug.line.scene import Scene
from dvplug.technology import CandidateThresholds, ImageLayout

ChannelFunction: TypeAlias = Callable[[Pileup, npt.NDArray[np.uint8]], None]
RankFunction: TypeAlias = Callable[[Scene], npt.NDArray[np.uint16]]
FeatureFunction: TypeAlias = Callable[[Scene], npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False, kw_only=True)
class RegionContext:
    """The reads of a region, and what is known around them.

    Attributes
    ----------
    reads
        Those of the region and of a margin beside it, as they are aligned, or as they were realigned.
    reference
        uint8[l] base codes from ``reference_start``, a 0-based position, on: so far beyond the region that every read
        lies in it whole.
    region
        Where sites are looked for.
    run
        How the reads of the run err, and what they are like.
    settings
        What ``--set`` gave the plugin, of the class that it declares; None where it declares none.
    """

    reads: ReadBatch
    reference: npt.NDArray[np.uint8]
    reference_start: int
    region: Region
    run: RunProfile = field(default_factory=usual_profile)
    settings: Any = None


@dataclass(frozen=True, eq=False, kw_only=True)
class FindContext(RegionContext):
    """What a candidate finder is given.

    Attributes
    ----------
    thresholds
        When an allele becomes a candidate: the profile's, or lower ones where examples for training are made.
    """

    thresholds: CandidateThresholds


@dataclass(frozen=True, eq=False, kw_only=True)
class PhaseContext(RegionContext):
    """What a phaser is given.

    Attributes
    ----------
    candidates
        Those of the region, by position; which read has which allele is in `CandidateBatch.support`.
    """

    candidates: CandidateBatch


class Phased(NamedTuple):
    """What a phaser may return, in place of haplotypes alone, where several reads are of one molecule.

    Attributes
    ----------
    haplotype
        uint8[reads], as of a phaser that returns nothing else.
    unit
        uint64[reads]: what each read is a part of, such as a molecule by the hash of its barcode, equal in all regions:
        by what its reads have in common calls far from each other are phased. Of a read that is alone, its hash.
    """

    haplotype: npt.NDArray[np.uint8]
    unit: npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False, kw_only=True)
class AnnotateContext:
    """What an annotation is given: what was called, and what that rests on.

    Attributes
    ----------
    records
        In order; alts that no genotype uses may be dropped later, with their values of a field of the number A or R.
    site
        int64[records]: which of the candidates each is of.
    alts
        Of each record: indexes of the candidate's alts that it has, in its order.
    scene
        The candidates, the reads over them, the reference around them.
    images
        With their features, as the network was given them.
    probabilities
        float32[n, 3]: of no, one and two copies of an image's alts.
    settings
        As of `RegionContext`.
    """

    records: Sequence[VcfRecord]
    site: npt.NDArray[np.int64]
    alts: Sequence[tuple[int, ...]]
    scene: Scene
    images: ImageBatch
    probabilities: npt.NDArray[np.float32]
    settings: Any = None


@dataclass(frozen=True, eq=False, kw_only=True)
class EncodeContext:
    """What an image encoder is given.

    Attributes
    ----------
    scene
        The candidates, the reads over them, the reference around them.
    layout
        Shape of the images, and their channels.
    channels
        One drawing function per name in ``layout.channels``: it takes a `Pileup` and uint8[n, h, w] of zeros.
    measure
        Gives the features of all the technology's feature sets, joined, float32[n, f].
    rank
        Gives the technology's rank of each read of each candidate, uint16[entries], by which rows are ordered; None
        where it has no row order.
    settings
        As of `RegionContext`.
    """

    scene: Scene
    layout: ImageLayout
    channels: Sequence[ChannelFunction]
    measure: FeatureFunction
    rank: RankFunction | None = None
    settings: Any = None
