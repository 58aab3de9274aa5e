"""How PacBio HiFi reads are called."""

from __future__ import annotations

from dvplug.hookspecs import (
    CandidateThresholds,
    ImageLayout,
    ReadFilter,
    Recognition,
    Signs,
    TagRange,
    TechnologyProfile,
    UsualErrors,
)

PACBIO = TechnologyProfile(
    name="pacbio",
    aliases=("hifi", "revio", "sequel2"),
    description="PacBio HiFi reads (Sequel, Sequel II, Revio)",
    model="pacbio@1",
    recognition=Recognition(
        platforms=("PACBIO",),
        shown_by=Signs(
            header=(
                r"^@RG DS:.*READTYPE=CCS",
                r"^@PG (ID|PN):ccs",
                r"^@PG CL:.*(map-hifi|--preset[ =](CCS|HIFI))",
            ),
            read_names=(r"^m\d+[eU]?_\d+_\d+(_s\d)?/\d+/ccs",),
            tags=("np",),
        ),
        # Continuous long reads: each a single pass, with one error in ten bases. And nanopore reads.
        denied_by=Signs(
            header=(
                r"^@RG DS:.*READTYPE=(SUBREAD|ZMW|POLYMERASE|HQREGION|SCRAP)",
                r"^@PG CL:.*--preset[ =]SUBREAD",
            ),
            read_names=(
                r"^m\d+[eU]?_\d+_\d+(_s\d)?/\d+/\d+_\d+$",
                r"^m\d+_\d+_\d+_c\d+_s\d_p\d/\d+/\d+_\d+",
                r"^[0-9a-f]{8}-[0-9a-f]{4}-",
            ),
            tags=("ch", "mx"),
        ),
        # ngmlr was made for structural variants: HiFi reads that it mapped lost a fifth of the small ones.
        doubted_by=Signs(header=(r"^@PG CL:.*map-pb\b", r"^@PG (ID|PN):ngmlr\b", r"^@PG CL:(\S*/)?ngmlr\b")),
        tag_ranges=(TagRange(tag="rq", low=0.99, high=1),),
        read_length=(500, 60_000),
        base_quality=(15, 93),
        max_difference=0.05,
        paired=False,
    ),
    depth=(8, 50),
    read_tags=("SA:letters",),  # where reads go on that were split, as at long indels
    # Reads that reach into a region may begin far before it.
    read_filter=ReadFilter(keep_supplementary=True, max_read_span=25_000),
    phase_reads=True,
    partition_size=100_000,  # reads of 20 kb on either side are phased along, which costs less so
    candidate_thresholds=CandidateThresholds(min_fraction_indels=0.12),
    features=("relative-site", "length-summary", "length-shares", "length-likelihoods", "read-odds"),
    # As `dvplug profile` measures Sequel and Sequel II reads.
    usual_errors=UsualErrors(length_error=1.5e-3, length_growth=1.6, insertion=1e-4, deletion=1.5e-5),
    image=ImageLayout(
        height=64,
        width=55,
        reference_rows=2,
        channels=(
            "read_base",
            "base_error",
            "relative_mapping_quality",
            "strand",
            "read_supports_variant",
            "base_differs_from_ref",
            "homopolymer_length",
            "haplotype",
        ),
    ),
)
