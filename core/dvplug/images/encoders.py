"""The image encoder: pileups, and beside them whatever features a technology chose."""

from __future__ import annotations

from collections.abc import Sequence

from dvplug.images.pileup import draw_pileups
from dvplug.line.contexts import ChannelFunction, EncodeContext, FeatureFunction
from dvplug.line.image_batch import ImageBatch
from dvplug.line.scene import Scene
from dvplug.sequence.arrays import UInt16s
from dvplug.technology import ImageLayout


def encode_in_context(context: EncodeContext) -> ImageBatch:
    """Draw the pileups of all candidates, and measure their features (see `dvplug.hookspecs.Encode`)."""
    ranks = context.rank(context.scene) if context.rank else None
    return encode_pileups(context.scene, context.layout, context.channels, context.measure, ranks)


def encode_pileups(
    scene: Scene,
    layout: ImageLayout,
    channels: Sequence[ChannelFunction],
    measure: FeatureFunction,
    ranks: UInt16s | None = None,
) -> ImageBatch:
    """As `encode_in_context`, for encoders of plugins that begin with these images."""
    features = measure(scene)
    return ImageBatch(draw_pileups(scene, layout, channels, ranks), features, *scene.images)
