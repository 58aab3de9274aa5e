"""How high-accuracy nanopore basecalls are called.

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

_HAC = r"(?<![a-z0-9])hac(?![a-z0-9])"
ONT_HAC = TechnologyProfile(
    name="ont-hac",
    aliases=("ont-r10-hac",),
    description="Oxford Nanopore R10.4.1 reads, high-accuracy basecalls (hac)",
    model="ont-hac@1",
    recognition=Recognition(
        platforms=("ONT", "NANOPORE", "OXFORD"),
        only_with=Signs(header=(_HAC,)),
        shown_by=Signs(
            header=(
                _HAC,
                r"r10[._]?4[._]?1",
                r"^@PG (ID|PN|CL):.*(dorado|guppy)",
                r"^@PG CL:.*(map-ont|lr:hq)",
            ),
            read_names=(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",),
            tags=("ch", "mx"),
        ),
        denied_by=Signs(
            header=(
                r"(?<![a-z0-9])r9[._]?[45](?![a-z])",
                r"(?<![a-z0-9])r10[._]?3(?!\d)",
                r"[_;](fast|sup)@",
                r"^@PG CL:.*(dorado (basecaller|duplex) (fast|sup)|bps_(fast|sup))",
                r"^@RG DS:.*basecall_model=rna",
            ),
            read_names=(r"^m\d+[eU]?_\d+_\d+(_s\d)?/\d+/",),  # PacBio's
            tags=("zm",),
        ),
        read_length=(200, 10_000_000),
        base_quality=(8, 93),
        max_difference=0.07,
        paired=False,
    ),
    depth=(8, 80),
    # Reads that reach into a region may begin far before it.
    read_filter=ReadFilter(keep_supplementary=True, max_read_span=80_000),
    read_tags=("SA:letters",),  # where reads go on that were split, as at long indels
    phase_reads=True,
    partition_size=100_000,  # reads of 20 kb on either side are phased along, which costs less so
    candidate_thresholds=CandidateThresholds(
        min_base_quality=5, min_fraction_snps=0.12, min_fraction_indels=0.12
    ),
    base_error_rate=0.02,
    features=("relative-site", "length-summary", "length-shares", "length-likelihoods", "read-odds"),
    # As stated in reads.json, beside this package.
    usual_errors=UsualErrors(length_error=6e-3, length_growth=1.6, insertion=3e-3, deletion=4e-3),
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
