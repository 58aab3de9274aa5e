"""How ONT R10 reads are called."""

from __future__ import annotations

from dvplug.hookspecs import (
    CandidateThresholds,
    ImageLayout,
    ReadFilter,
    Recognition,
    Signs,
    TechnologyProfile,
    UsualErrors,
)

ONT_R10 = TechnologyProfile(
    name="ont",
    aliases=("ont-r10", "nanopore", "promethion"),
    description="Oxford Nanopore R10.4.1 reads, super-accuracy basecalls",
    model="ont@1",
    recognition=Recognition(
        platforms=("ONT", "NANOPORE", "OXFORD"),
        shown_by=Signs(
            header=(r"r10[._]?4[._]?1", r"^@PG (ID|PN|CL):.*(dorado|guppy)", r"^@PG CL:.*(map-ont|lr:hq)"),
            read_names=(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",),
            tags=("ch", "mx"),
        ),
        # Older pores and faster basecalls err more, and elsewhere.
        denied_by=Signs(
            header=(
                r"(?<![a-z0-9])r9[._]?[45](?![a-z])",
                r"(?<![a-z0-9])r10[._]?3(?!\d)",
                r"^@RG (DS|ID|PG):.*[_;]fast@",
                r"^@PG CL:.*dorado (basecaller|duplex) fast|^@PG CL:.*bps_fast",
                r"^@RG DS:.*basecall_model=rna",
            ),
            read_names=(r"^m\d+[eU]?_\d+_\d+(_s\d)?/\d+/",),  # PacBio's
            tags=("zm",),
        ),
        doubted_by=Signs(
            header=(r"^@RG (DS|ID|PG):.*[_;]hac@", r"^@PG CL:.*(dorado basecaller hac|bps_hac)")
        ),
        read_length=(200, 10_000_000),
        base_quality=(14, 93),
        max_difference=0.045,
        paired=False,
    ),
    depth=(8, 60),
    read_tags=("SA:letters",),  # where reads go on that were split, as at long indels
    # Reads that reach into a region may begin far before it.
    read_filter=ReadFilter(keep_supplementary=True, max_read_span=80_000),
    phase_reads=True,
    partition_size=100_000,  # reads of 20 kb on either side are phased along, which costs less so
    # A long run's reads scatter over many lengths, so that few have that of a heterozygous alt.
    candidate_thresholds=CandidateThresholds(
        min_base_quality=5, min_fraction_snps=0.12, min_fraction_indels=0.1
    ),
    base_error_rate=0.01,
    features=("site", "length-summary", "length-shares", "r10-length-likelihoods"),
    # As `dvplug profile` measures R10.4.1 reads.
    usual_errors=UsualErrors(length_error=4e-3, length_growth=1.65, insertion=1.5e-3, deletion=6e-4),
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
