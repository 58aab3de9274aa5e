"""The image encoder: pileups, and beside them whatever features a technology chose."""

from __future__ import annotations

from collections.abc import Sequence

from dvplug.hookspecs import Draw, Measure
from dvplug.images.pileup import draw_pileups
from dvplug.line.image_batch import ImageBatch
from dvplug.line.scene import Scene
from dvplug.technology import ImageLayout


def encode_pileups(
    scene: Scene, layout: ImageLayout, channels: Sequence[Draw], measure: Measure
) -> ImageBatch:
    """Draw the pileups of all candidates, and measure their features (see `dvplug.hookspecs.Encode`)."""
    features = measure(scene)
    return ImageBatch(draw_pileups(scene, layout, channels), features, *scene.images)
