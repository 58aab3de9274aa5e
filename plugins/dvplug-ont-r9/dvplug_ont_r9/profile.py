"""How R9.4.1 nanopore reads are called.

What an image shows, and what a network is given, goes by how each run errs (`base_error`, `length-likelihoods`), so
that qualities that tell little are taken as such. The rule of recognition asks for a sign of its own (``only_with``):
dvplug's `ont` is taken where a file does not tell.
"""

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

_R9 = r"(?<![a-z0-9])r9[._]?[45](?![a-z])"
ONT_R9 = TechnologyProfile(
    name="ont-r9",
    aliases=("nanopore-r9",),
    description="Oxford Nanopore R9.4.1 reads, high-accuracy or super-accuracy basecalls",
    model="ont-r9@1",
    recognition=Recognition(
        platforms=("ONT", "NANOPORE", "OXFORD"),
        only_with=Signs(header=(_R9,)),
        shown_by=Signs(
            header=(_R9, r"^@PG (ID|PN|CL):.*(dorado|guppy|albacore)", r"^@PG CL:.*map-ont"),
            read_names=(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",),
            tags=("ch", "mx"),
        ),
        denied_by=Signs(
            header=(
                r"(?<![a-z0-9])r10[._]?[34](?![a-z])",
                r"^@RG DS:.*basecall_model=rna",
            ),
            read_names=(r"^m\d+[eU]?_\d+_\d+(_s\d)?/\d+/",),  # PacBio's
            tags=("zm",),
        ),
        read_length=(200, 10_000_000),
        max_difference=0.15,
        min_difference=0.015,
        paired=False,
    ),
    depth=(12, 80),
    # Reads that reach into a region may begin far before it.
    read_filter=ReadFilter(keep_supplementary=True, max_read_span=80_000),
    read_tags=("SA:letters",),  # where reads go on that were split, as at long indels
    phase_reads=True,
    partition_size=100_000,  # reads of 20 kb on either side are phased along, which costs less so
    candidate_thresholds=CandidateThresholds(
        min_base_quality=3, min_fraction_snps=0.15, min_fraction_indels=0.12
    ),
    base_error_rate=0.05,
    features=("relative-site", "length-summary", "length-shares", "length-likelihoods", "read-odds"),
    # As stated in reads.json, beside this package.
    usual_errors=UsualErrors(length_error=0.018, length_growth=1.55, insertion=0.01, deletion=0.012),
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
