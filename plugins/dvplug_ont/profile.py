"""How ONT R10 reads are called."""

from __future__ import annotations

from dvplug.technology import CandidateThresholds, ImageLayout, ReadFilter, TechnologyProfile

ONT_R10 = TechnologyProfile(
    name="ont",
    aliases=("ont-r10",),
    description="Oxford Nanopore R10.4.1 reads, super-accuracy basecalls",
    model="ont@1",
    # Reads that reach into a region may begin far before it.
    read_filter=ReadFilter(keep_supplementary=True, max_read_span=80_000),
    phase_reads=True,
    candidate_thresholds=CandidateThresholds(
        min_base_quality=5, min_fraction_snps=0.12, min_fraction_indels=0.15
    ),
    base_error_rate=0.01,
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
