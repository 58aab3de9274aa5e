"""How SOLiD reads are called."""

from __future__ import annotations

from dvplug.hookspecs import Assembly, ImageLayout, Recognition, Signs, TechnologyProfile, UsualErrors

SOLID = TechnologyProfile(
    name="solid",
    aliases=("abi-solid", "colour-space"),
    description="SOLiD reads, single, about 50 bp, decoded from colours",
    model="solid@1",
    recognition=Recognition(
        platforms=("SOLID",),
        shown_by=Signs(
            header=(r"^@RG (PM|DS):.*\bSOLiD", r"^@PG (ID|PN|CL):.*\b(lifescope|bioscope|corona|shrimp)"),
            # slide_x_y of the bead, and which of its tags was read
            read_names=(r"^\d+_\d+_\d+(_[FR]3(-[A-Z0-9]+)?)?$",),
            # The colours and their qualities, as they were read.
            tags=("CS", "CQ"),
        ),
        denied_by=Signs(header=(r"^@RG (FO|KS):",), tags=("ZM", "FZ", "t0", "ch", "np", "zm")),
        read_length=(20, 100),
        max_difference=0.1,
        paired=False,
    ),
    depth=(8, 100),
    realign_reads=True,
    # Of reads of 50 bp, of which many bases are uncertain, hardly any k-mer of 25 good ones is left.
    assembly=Assembly(min_base_quality=5, shortest_k=15),
    features=("relative-site", "length-summary", "length-shares", "length-likelihoods", "read-odds"),
    # As stated in reads.json, beside this package.
    usual_errors=UsualErrors(length_error=1e-5, length_growth=1.8, insertion=5e-6, deletion=5e-6),
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
            "relative_insert_size",
        ),
    ),
)
