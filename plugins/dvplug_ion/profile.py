"""How Ion Torrent reads are called."""

from __future__ import annotations

from dvplug.technology import CandidateThresholds, ImageLayout, TechnologyProfile

ION = TechnologyProfile(
    name="ion",
    aliases=("ion-torrent",),
    description="Ion Torrent PGM, Proton and S5 reads, single, up to 400 bp",
    model="ion@1",
    # Lengths of homopolymers are what flow sequencing misreads: nearly every one is an indel candidate at 6 %.
    candidate_thresholds=CandidateThresholds(min_fraction_indels=0.15),
    base_error_rate=0.005,
    image_encoder="pileup-with-lengths",
    image=ImageLayout(
        height=64,
        width=55,
        reference_rows=2,
        channels=(
            "read_base",
            "base_quality",
            "mapping_quality",
            "strand",
            "read_supports_variant",
            "base_differs_from_ref",
            "homopolymer_length",
        ),
    ),
)
