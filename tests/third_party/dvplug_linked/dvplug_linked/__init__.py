"""Linked reads: the barcode BX says which molecule a read is of; rows, features and records go by molecules."""

from __future__ import annotations

from pathlib import Path

from dvplug.hookspecs import (
    Annotation,
    Channel,
    FeatureSet,
    Genotyper,
    ImageLayout,
    RecordField,
    RowOrder,
    TechnologyProfile,
    hookimpl,
)

DVPLUG_API = 3
NEEDS = ("BX:hash",)


@hookimpl
def dvplug_technologies() -> list[TechnologyProfile]:
    """Return linked reads."""
    return [
        TechnologyProfile(
            name="linked",
            description="short reads with barcodes of long molecules",
            model="linked@1",
            image=ImageLayout(height=40, width=21, channels=("read_base", "linked_molecule")),
            row_order="by-molecule",
            features=("linked-molecules",),
            annotations=("molecules",),
        )
    ]


@hookimpl
def dvplug_channels() -> list[Channel]:
    """Return a channel that gives each molecule a shade."""
    return [
        Channel(
            "linked_molecule", "the read's molecule", "dvplug_linked.molecules:draw_molecules", needs=NEEDS
        )
    ]


@hookimpl
def dvplug_row_orders() -> list[RowOrder]:
    """Return an order by which reads of a molecule lie together."""
    return [
        RowOrder("by-molecule", "reads of a molecule together", "dvplug_linked.molecules:rank", needs=NEEDS)
    ]


@hookimpl
def dvplug_feature_sets() -> list[FeatureSet]:
    """Return the share of the molecules that have an image's alts."""
    share = "dvplug_linked.molecules:molecule_share"
    return [FeatureSet("linked-molecules", "molecules of the alts, of all", share, ("of_alts",), needs=NEEDS)]


@hookimpl
def dvplug_annotations() -> list[Annotation]:
    """Return the number of molecules by allele, and a filter."""
    fields = (
        RecordField("INFO", "MOL", "Molecules by allele", number="R"),
        RecordField("FILTER", "OneMolecule", "Each alternate allele rests on one molecule"),
    )
    note = "dvplug_linked.molecules:note_molecules"
    return [Annotation("molecules", "molecules by allele", note, fields, needs=NEEDS)]


@hookimpl
def dvplug_genotypers() -> list[Genotyper]:
    """Return one that goes by the share of molecules."""
    return [
        Genotyper(
            "linked-share", "a binomial of molecules", "dvplug_linked.genotyper:open_share", devices=("cpu",)
        )
    ]


@hookimpl
def dvplug_model_sources() -> list[Path]:
    """Return the models beside this file."""
    return [Path(__file__).parent / "models"]
