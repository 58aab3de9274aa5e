"""How reads of Ultima Genomics machines are called."""

from __future__ import annotations

from dvplug.hookspecs import (
    Assembly,
    CandidateThresholds,
    ImageLayout,
    Recognition,
    Signs,
    TechnologyProfile,
    UsualErrors,
)

ULTIMA = TechnologyProfile(
    name="ultima",
    aliases=("ug100", "ultima-genomics"),
    description="Ultima Genomics reads (UG 100), flow-based, single, about 300 bp",
    model="ultima@1",
    recognition=Recognition(
        platforms=("ULTIMA",),
        shown_by=Signs(
            header=(r"^@RG (PM|DS|LB):.*\b(UG.?100|ULTIMA)", r"^@PG (ID|PN|CL):.*\bULTIMA"),
            # How sure the length of each homopolymer is, and that none was passed over.
            tags=("tp", "t0"),
        ),
        denied_by=Signs(tags=("ZM", "FZ", "ch", "np", "zm")),
        read_length=(50, 1000),
        max_difference=0.1,
        paired=False,
    ),
    depth=(8, 100),
    # Lengths of homopolymers are what flow sequencing misreads: at 12 bp, one read in four. A base's quality is that of
    # its homopolymer's length: were low ones left out, no insertion into a long one would be proposed, nor counted.
    candidate_thresholds=CandidateThresholds(min_base_quality=0, min_fraction_indels=0.12),
    realign_reads=True,
    assembly=Assembly(min_base_quality=5),
    features=("relative-site", "length-summary", "length-shares", "length-likelihoods", "read-odds"),
    # As stated in reads.json, beside this package.
    usual_errors=UsualErrors(length_error=3e-4, length_growth=1.9, insertion=1e-4, deletion=1e-4),
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
        ),
    ),
)
