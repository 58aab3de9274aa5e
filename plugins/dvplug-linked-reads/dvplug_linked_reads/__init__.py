"""Linked reads: barcodes tell which copy of a repeat reads are of, and which haplotype."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import (
    FeatureSet,
    ImageEncoder,
    Phaser,
    PluginSettings,
    ReadTransform,
    RowOrder,
    TechnologyProfile,
    hookimpl,
)
from dvplug_linked_reads.profile import LINKED_READS

DVPLUG_API = 3
BARCODE = ("BX:hash",)
PLACES = (*BARCODE, "XA:letters")
REACH = 20_000
"""bp on either side of a read that other reads of its molecule are looked for in: `placement.REACH`, which is imported
only when a run begins."""


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return the technology."""
    return [LINKED_READS]


@hookimpl
def dvplug_read_transforms() -> list[ReadTransform]:
    """Return what leaves reads out that nothing places here."""
    function = "dvplug_linked_reads.placement:leave_out_unplaced"
    return [
        ReadTransform(
            "linked-placed", "reads that align elsewhere as well stay where others of their molecule lie",
            function, version=2, needs=PLACES, reach=REACH,
        )
    ]  # fmt: skip


@hookimpl
def dvplug_phasers() -> list[Phaser]:
    """Return what tells the haplotype of molecules."""
    function = "dvplug_linked_reads.molecules:phase_by_barcode"
    return [Phaser("linked-molecules", "by the heterozygous SNPs of a molecule", function, needs=BARCODE)]


@hookimpl
def dvplug_row_orders() -> list[RowOrder]:
    """Return an order by which reads of a molecule lie together."""
    return [
        RowOrder(
            "by-molecule", "reads of a molecule together", "dvplug_linked_reads.molecules:rank", needs=BARCODE
        )
    ]


@hookimpl
def dvplug_image_encoders() -> list[ImageEncoder]:
    """Return pileups in which mapping qualities are what barcodes say."""
    function = "dvplug_linked_reads.placement:encode_as_placed"
    return [
        ImageEncoder(
            "linked-pileup", "pileups, with mapping qualities by barcodes", function, version=2, needs=PLACES,
            reach=REACH,
        )
    ]  # fmt: skip


@hookimpl
def dvplug_feature_sets() -> list[FeatureSet]:
    """Return what molecules say of alleles."""
    where = "dvplug_linked_reads.features"
    return [
        FeatureSet(
            "linked-molecules", "molecules by allele and haplotype", f"{where}:molecule_features",
            f"{where}:MOLECULE_FEATURES", needs=("haplotype", *BARCODE),
        )
    ]  # fmt: skip


@hookimpl
def dvplug_settings() -> list[PluginSettings]:
    """Return what users can set."""
    return [PluginSettings("dvplug_linked_reads.settings:LinkedSettings")]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the folder of the models shipped beside this file."""
    return [Path(__file__).parent / "models"]
