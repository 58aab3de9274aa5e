"""Element AVITI: pairs as Illumina's, whose model they are called with."""

from __future__ import annotations

from dvplug.hookspecs import Recognition, Signs, TechnologyProfile, hookimpl
from dvplug_illumina.profile import ILLUMINA_WGS

DVPLUG_API = 3
ELEMENT = ILLUMINA_WGS.model_copy(
    update={
        "name": "element",
        "aliases": ("aviti",),
        "description": "Element AVITI reads, whole genome, paired or single; called with illumina-wgs's model",
        "model_technology": ILLUMINA_WGS.name,
        "recognition": Recognition(
            platforms=("ELEMENT",),
            shown_by=Signs(header=(r"^@RG PM:.*AVITI", r"^@PG (ID|PN|CL):.*bases2fastq")),
            read_length=(30, 400),
            max_difference=0.1,
        ),
    }
)


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the technology."""
    return [ELEMENT]
