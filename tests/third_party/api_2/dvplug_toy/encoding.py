"""The toy's image encoder: the engine's."""

from __future__ import annotations

from collections.abc import Sequence

from dvplug.hookspecs import Draw, ImageBatch, ImageLayout, Measure, Scene
from dvplug.images.encoders import encode_pileups


def encode(scene: Scene, layout: ImageLayout, channels: Sequence[Draw], measure: Measure) -> ImageBatch:
    """Draw the images of candidates."""
    return encode_pileups(scene, layout, channels, measure)
