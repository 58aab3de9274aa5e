"""How continuous long reads of PacBio are called.

Base qualities tell nothing (a Sequel writes 0 for all bases), so that what an image shows, and what a network is given,
goes by how each run errs (`base_error`, `length-likelihoods`). The rule of recognition asks for a sign of its own
(``only_with``): dvplug's `pacbio` is taken where a file does not tell.
"""

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

_PRESET = r"^@PG CL:.*--preset[ =]SUBREAD"
_SUBREAD = r"^@RG DS:.*READTYPE=(SUBREAD|ZMW|POLYMERASE|HQREGION)"
_NAMES = (
    r"^m\d+[eU]?_\d+_\d+(_s\d)?/\d+/\d+_\d+$",  # Sequel
    r"^m\d+_\d+_\d+_c\d+_s\d_[pX]\d/\d+/\d+_\d+",  # RS II
)
PACBIO_CLR = TechnologyProfile(
    name="pacbio-clr",
    aliases=("clr", "pacbio-subreads"),
    description="PacBio continuous long reads (RS II, Sequel): each a single pass",
    model="pacbio-clr@1",
    recognition=Recognition(
        platforms=("PACBIO",),
        only_with=Signs(header=(_SUBREAD, _PRESET), read_names=_NAMES),
        shown_by=Signs(
            header=(_SUBREAD, r"^@PG CL:.*(map-pb|--preset[ =]SUBREAD)", r"^@PG (ID|PN|CL):.*(ngmlr|blasr)"),
            read_names=_NAMES,
            tags=("zm",),
        ),
        denied_by=Signs(
            header=(
                r"^@RG DS:.*READTYPE=CCS",
                r"^@PG (ID|PN):ccs",
                r"^@PG CL:.*(map-hifi|--preset[ =](CCS|HIFI))",
            ),
            read_names=(
                r"^m\d+[eU]?_\d+_\d+(_s\d)?/\d+/ccs",
                r"^[0-9a-f]{8}-[0-9a-f]{4}-",
            ),  # HiFi, nanopores
            tags=("ch", "mx"),
        ),
        tag_ranges=(TagRange(tag="rq", low=0, high=0.95),),
        read_length=(500, 100_000),
        base_quality=(0, 20),
        one_quality=True,
        max_difference=0.25,
        min_difference=0.06,
        paired=False,
    ),
    depth=(15, 100),
    # Reads that reach into a region may begin far before it.
    read_filter=ReadFilter(keep_supplementary=True, max_read_span=40_000, missing_base_quality=10),
    read_tags=("SA:letters",),  # where reads go on that were split, as at long indels
    phase_reads=True,
    partition_size=100_000,  # reads of 20 kb on either side are phased along, which costs less so
    # No quality tells errors apart, and one base in twenty is preceded by an inserted one.
    candidate_thresholds=CandidateThresholds(
        min_base_quality=0, min_count_indels=4, min_fraction_snps=0.15, min_fraction_indels=0.18
    ),
    base_error_rate=0.04,
    features=("relative-site", "length-summary", "length-shares", "length-likelihoods", "read-odds"),
    # As stated in reads.json, beside this package.
    usual_errors=UsualErrors(length_error=0.04, length_growth=1.45, insertion=0.055, deletion=0.025),
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
