"""How SBX-D reads are called."""

from __future__ import annotations

from dvplug.hookspecs import ImageLayout, Recognition, Signs, TechnologyProfile, UsualErrors

SBX = TechnologyProfile(
    name="sbx",
    aliases=("sbx-d",),
    description="Sequencing by Expansion, duplex reads (SBX-D), single, 100 to 500 bp",
    model="sbx@1",
    recognition=Recognition(
        platforms=("SBX",),
        shown_by=Signs(header=(r"^@RG (PL|PM|DS|LB):.*\bSBX", r"^@PG (ID|PN|CL):.*\bSBX")),
        denied_by=Signs(header=(r"^@RG (FO|KS):",), tags=("ZM", "FZ", "t0", "ch")),
        read_length=(80, 1000),
        max_difference=0.1,
        paired=False,
    ),
    depth=(8, 100),
    realign_reads=True,
    features=("relative-site", "length-summary", "length-shares", "length-likelihoods", "read-odds"),
    # As stated in reads.json, beside this package.
    usual_errors=UsualErrors(length_error=3e-3, length_growth=1.5, insertion=5e-3, deletion=2e-4),
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
