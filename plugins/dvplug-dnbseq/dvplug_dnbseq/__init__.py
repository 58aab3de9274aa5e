"""MGI's DNBSEQ machines: pairs as Illumina's, whose model they are called with."""

from __future__ import annotations

from dvplug.hookspecs import Recognition, Signs, TechnologyProfile, hookimpl
from dvplug_illumina.profile import ILLUMINA_WGS

DVPLUG_API = 3
DNBSEQ = ILLUMINA_WGS.model_copy(
    update={
        "name": "dnbseq",
        "aliases": ("mgi", "bgiseq"),
        "description": "DNBSEQ reads, whole genome, paired or single; called with illumina-wgs's model",
        "model_technology": ILLUMINA_WGS.name,
        "recognition": Recognition(
            platforms=("DNBSEQ", "MGI", "BGI"),
            shown_by=Signs(
                header=(r"^@RG PM:.*(DNBSEQ|MGISEQ|BGISEQ)",),
                # flow cell, lane, column and row of the field, number of the nanoball
                read_names=(r"^[A-Z]{1,3}\d{8,12}L\dC\d{3}R\d{3}",),
            ),
            read_length=(30, 400),
            max_difference=0.1,
        ),
    }
)


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the technology."""
    return [DNBSEQ]
