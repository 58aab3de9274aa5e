"""How Ion Torrent reads are called."""

from __future__ import annotations

from dvplug.hookspecs import (
    CandidateThresholds,
    ImageLayout,
    Recognition,
    Signs,
    TechnologyProfile,
    UsualErrors,
)

ION = TechnologyProfile(
    name="ion",
    aliases=("ion-torrent", "iontorrent"),
    description="Ion Torrent PGM, Proton and S5 reads, single, up to 400 bp",
    model="ion@1",
    recognition=Recognition(
        platforms=("IONTORRENT", "ION"),
        shown_by=Signs(
            header=(r"^@PG (ID|PN):tmap", r"^@PG (PN|CL):BaseCaller", r"^@RG PM:(PGM|PROTON|S5|Ion)"),
            read_names=(r"^[A-Z0-9]{5}:\d{5}:\d{5}$",),
            tags=("ZM", "FZ"),  # flow signals
        ),
        denied_by=Signs(header=(r"^@RG PL:(ULTIMA|LS454)",), tags=("t0", "CS")),
        read_length=(20, 600),
        max_difference=0.1,
        paired=False,
    ),
    depth=(10, 200),
    # Lengths of homopolymers are what flow sequencing misreads: nearly every one is an indel candidate at 6 %.
    candidate_thresholds=CandidateThresholds(min_fraction_indels=0.15, further_indels=0.6),
    base_error_rate=0.005,
    realign_reads=True,
    features=("site", "length-summary", "length-shares"),
    # Of PGM reads, counted by their MD tags.
    usual_errors=UsualErrors(length_error=6e-4, length_growth=2.3, insertion=3e-4, deletion=2.5e-5),
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
        ),
    ),
)
