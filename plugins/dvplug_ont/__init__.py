"""ONT R10: a profile, its model, and an image encoder that knows how these reads err."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import ImageEncoder, TechnologyProfile, hookimpl
from dvplug_ont.profile import ONT_R10

DVPLUG_API = 1


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the one technology."""
    return [ONT_R10]


@hookimpl
def dvplug_image_encoders() -> list[ImageEncoder]:
    """Return the encoder of R10 reads."""
    return [
        ImageEncoder(
            "pileup-with-r10-likelihoods",
            "length shares, and how likely the lengths are under each genotype by the errors of R10 reads",
            "dvplug_ont.encoder:encode_pileups",
            features="dvplug.images.encoders:FEATURES_WITH_LIKELIHOODS",
        )
    ]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the folder of the models shipped beside this file."""
    return [Path(__file__).parent / "models"]
