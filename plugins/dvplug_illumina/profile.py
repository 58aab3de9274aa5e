"""How Illumina whole-genome reads are called."""

from __future__ import annotations

from dvplug.technology import ImageLayout, TechnologyProfile

ILLUMINA_WGS = TechnologyProfile(
    name="illumina-wgs",
    aliases=("illumina", "wgs"),
    description="Illumina short reads, whole genome, paired or single, 75 to 250 bp",
    model="illumina-wgs@1",
    realign_reads=True,
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
