"""The image encoder: pileups, and beside them whatever features a technology chose."""

from __future__ import annotations

from collections.abc import Sequence

from dvplug.images.pileup import draw_pileups
from dvplug.line.contexts import ChannelFunction, EncodeContext, FeatureFunction
from dvplug.line.image_batch import ImageBatch
from dvplug.line.scene import Scene
from dvplug.technology import ImageLayout


def encode_in_context(context: EncodeContext) -> ImageBatch:
    """Draw the pileups of all candidates, and measure their features (see `dvplug.hookspecs.Encode`)."""
    return encode_pileups(context.scene, context.layout, context.channels, context.measure)


def encode_pileups(
    scene: Scene, layout: ImageLayout, channels: Sequence[ChannelFunction], measure: FeatureFunction
) -> ImageBatch:
    """As `encode_in_context`, for encoders of plugins that begin with these images."""
    features = measure(scene)
    return ImageBatch(draw_pileups(scene, layout, channels), features, *scene.images)
