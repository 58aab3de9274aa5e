"""What a plugin's function is given: one object each, so that what joins it later breaks nobody.

Whatever dvplug learns to know besides joins a class as a field with a default. Nothing of a context may be changed,
unless it says so; with `dataclasses.replace` a function makes another one, for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from dvplug.line.image_batch import Pileup
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.line.run_profile import RunProfile, usual_profile
from dvplug.line.scene import Scene
from dvplug.technology import CandidateThresholds, ImageLayout

ChannelFunction: TypeAlias = Callable[[Pileup, npt.NDArray[np.uint8]], None]
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
    settings
        As of `RegionContext`.
    """

    scene: Scene
    layout: ImageLayout
    channels: Sequence[ChannelFunction]
    measure: FeatureFunction
    settings: Any = None
