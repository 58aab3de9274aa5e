"""The image encoders: all draw the same pileups, and differ in the features beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dvplug.hookspecs import Draw
from dvplug.images.features import site
from dvplug.images.features.length_likelihoods import LIKELIHOOD_FEATURES, LikelihoodFeatures
from dvplug.images.features.length_shares import SHARE_FEATURES, share_features
from dvplug.images.features.length_summary import LENGTH_FEATURES, length_features
from dvplug.images.pileup import draw_pileups
from dvplug.images.scene import Scene
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import ImageBatch
from dvplug.line.read_batch import ReadBatch
from dvplug.sequence.arrays import Float32s, UInt8s
from dvplug.technology import ImageLayout

# Names of the columns that each encoder measures, in order.
SITE_FEATURES = site.FEATURES
FEATURES_WITH_LENGTH_SHARES = (*SITE_FEATURES, *LENGTH_FEATURES, *SHARE_FEATURES)
FEATURES_WITH_LIKELIHOODS = (*FEATURES_WITH_LENGTH_SHARES, *LIKELIHOOD_FEATURES)


@dataclass(frozen=True)
class PileupEncoder:
    """An image encoder (see `dvplug.hookspecs.Encode`): pileups, with features of one kind or several.

    Parameters
    ----------
    measures
        Functions that each give some of the columns, float32[n, f].
    """

    measures: tuple[Callable[[Scene], Float32s], ...]

    def __call__(
        self,
        reads: ReadBatch,
        candidates: CandidateBatch,
        reference: UInt8s,
        reference_start: int,
        layout: ImageLayout,
        channels: Sequence[Draw],
    ) -> ImageBatch:
        """Draw the images of all candidates, and measure their features."""
        scene = Scene(reads, candidates, reference, reference_start)
        features = np.hstack([measure(scene) for measure in self.measures])
        return ImageBatch(draw_pileups(scene, layout, channels), features, *scene.images)


encode_pileups = PileupEncoder((site.site_features,))
encode_with_length_shares = PileupEncoder((site.site_features, length_features, share_features))


class LikelihoodEncoder(PileupEncoder):
    """An encoder that knows how often a sequencer misreads homopolymers: `FEATURES_WITH_LIKELIHOODS`.

    Parameters
    ----------
    table
        File of the technology's `LengthErrors`, read when it is first needed. A plugin whose table changes has to raise
        the version of its encoder.
    """

    def __init__(self, table: Path) -> None:
        super().__init__((*encode_with_length_shares.measures, LikelihoodFeatures(table)))
