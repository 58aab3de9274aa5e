"""Spliced Illumina reads of RNA: ends that were aligned into introns are masked, and junctions are told of."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import FeatureSet, ReadTransform, TechnologyProfile, hookimpl
from dvplug_rnaseq.profile import RNASEQ

DVPLUG_API = 3
REACH = 2_000
"""bp on either side of a site in which junctions tell the strand that is transcribed."""
READ_REACH = 400
"""bp on either side of a read's end in which other reads of the junction there lie."""


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the technology."""
    return [RNASEQ]


@hookimpl
def dvplug_read_transforms() -> list[ReadTransform]:
    """Return what masks ends of reads that run past a junction into its intron."""
    function = "dvplug_rnaseq.overhangs:mask_overhangs"
    return [
        ReadTransform(
            "mask-overhangs", "ends of reads that others splice off are masked", function, reach=READ_REACH
        )
    ]


@hookimpl
def dvplug_feature_sets() -> list[FeatureSet]:
    """Return what junctions and the strand say of alleles."""
    where = "dvplug_rnaseq.features"
    return [
        FeatureSet(
            "transcripts", "splice junctions, and changes as by editing",
            f"{where}:transcript_features", f"{where}:TRANSCRIPT_FEATURES", reach=REACH,
        )
    ]  # fmt: skip


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the folder of the models shipped beside this file."""
    return [Path(__file__).parent / "models"]
