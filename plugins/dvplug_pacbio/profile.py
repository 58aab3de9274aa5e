"""How PacBio HiFi reads are called."""

from __future__ import annotations

from dvplug.technology import CandidateThresholds, ImageLayout, ReadFilter, TechnologyProfile

PACBIO = TechnologyProfile(
    name="pacbio",
    aliases=("hifi",),
    description="PacBio HiFi reads (Sequel, Sequel II, Revio)",
    model="pacbio@1",
    # A read is as long as a partition: reads that reach into a region may begin far before it.
    read_filter=ReadFilter(keep_supplementary=True, max_read_span=25_000),
    phase_reads=True,
    candidate_thresholds=CandidateThresholds(min_fraction_indels=0.12),
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
            "haplotype",
        ),
    ),
)
