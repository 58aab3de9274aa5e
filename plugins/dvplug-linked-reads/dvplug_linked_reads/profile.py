"""How linked reads are called: as pairs of Illumina, with what barcodes say besides."""

from __future__ import annotations

from dvplug.hookspecs import Recognition, Signs
from dvplug_illumina.profile import ILLUMINA_WGS

_PAIRS = ILLUMINA_WGS.recognition or Recognition()
LINKED_READS = ILLUMINA_WGS.model_copy(
    update={
        "name": "linked-reads",
        "aliases": ("10x-linked", "chromium", "gemcode"),
        "description": "linked reads: short pairs with barcodes of long molecules (10x Chromium), tag BX",
        "model": "linked-reads@1",
        "recognition": _PAIRS.model_copy(
            update={
                "shown_by": Signs(**(_PAIRS.shown_by.model_dump() | {"tags": ("BX",)})),
                "needed_tags": ("BX",),
                "paired": True,
                "captured": None,
            }
        ),
        # Those that align elsewhere as well come along: the read transform judges them.
        "read_filter": ILLUMINA_WGS.read_filter.model_copy(update={"min_mapping_quality": 0}),
        "read_transforms": ("linked-placed",),
        "phase_reads": True,
        "phaser": "linked-molecules",
        "partition_size": 100_000,  # molecules on either side are phased along, which costs less so
        "row_order": "by-molecule",
        "image_encoder": "linked-pileup",
        "features": (*ILLUMINA_WGS.features, "linked-molecules"),
        "image": ILLUMINA_WGS.image.model_copy(
            update={"channels": (*ILLUMINA_WGS.image.channels, "haplotype")}
        ),
    }
)
