"""How Illumina reads are called, of whole genomes and of exomes."""

from __future__ import annotations

from dvplug.technology import ImageLayout, TechnologyProfile

ILLUMINA_WGS = TechnologyProfile(
    name="illumina-wgs",
    aliases=("illumina", "wgs"),
    description="Illumina short reads, whole genome, paired or single, 75 to 250 bp",
    model="illumina-wgs@1",
    realign_reads=True,
    image_encoder="pileup-with-lengths",
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
            "insert_size",
        ),
    ),
)

# Drawn alike, so that either model can start from the other's weights; only depth differs, and what was learnt of it.
ILLUMINA_WES = ILLUMINA_WGS.model_copy(
    update={
        "name": "illumina-wes",
        "aliases": ("wes", "exome"),
        "description": "Illumina short reads, exome or other capture, paired, 75 to 250 bp",
        "model": "illumina-wes@1",
    }
)
