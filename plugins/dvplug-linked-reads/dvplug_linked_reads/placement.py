"""Where reads belong that align in several places: where others of their molecule lie, if it reaches one alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import EncodeContext, ImageBatch, ReadBatch, RegionContext
from dvplug.images.encoders import encode_in_context
from dvplug_linked_reads.elsewhere import nearest_elsewhere
from dvplug_linked_reads.settings import LinkedSettings

REACH = 20_000
"""bp on either side of a read."""
SURE = 20
"""Mapping quality of reads by which the place of a molecule is known."""
ENOUGH = 3
"""Of such reads, beside those of its own fragment, for a read to be of the molecule that lies here."""
LEAST_ALONE = 5
"""Mapping quality of reads that are used whatever their barcode says, as those of Illumina are."""
DOUBTED = 10
"""The highest mapping quality of a read with a barcode that no other read has here: it is of a molecule elsewhere."""
_ROOM = 1 << 33
"""More than positions of a contig, and a read's reach beyond."""


def others_here(reads: ReadBatch) -> NDArray[np.int64]:
    """Count the surely placed reads near each read that have its barcode, int64[reads]; -1 of reads without one.

    Those that lie over its own fragment do not count: neither its mate, nor copies of both.
    """
    barcode = reads.tags["BX"]
    start = reads.start.astype(np.int64)
    length = reads.fragment_length.astype(np.int64)
    first = np.where(length < 0, np.minimum(reads.end + length, start), start)
    last = np.where(length > 0, np.maximum(start + length, reads.end), reads.end)
    _, number = np.unique(barcode.values, return_inverse=True)
    key = (number.astype(np.int64) + 1) * _ROOM
    sure = np.sort((key + start)[barcode.present & (reads.mapping_quality >= SURE)])

    def before(position: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(sure, key + position)

    near = before(start + REACH + 1) - before(start - REACH)
    own = before(np.minimum(last, start + REACH + 1)) - before(np.maximum(first, start - REACH))
    return np.where(barcode.present, near - own, -1)


def placed_here(reads: ReadBatch, contig: str, reach: int) -> NDArray[np.bool_]:
    """Tell the reads that barcodes place, bool[reads]: their molecule lies here, and at none of their other places.

    Where no other place is told (XA), or one lies within ``reach`` bp, the molecule may lie over both, and its barcode
    says nothing.
    """
    return (others_here(reads) >= ENOUGH) & (nearest_elsewhere(reads, contig) > reach)


def leave_out_unplaced(context: RegionContext) -> NDArray[np.bool_]:
    """Keep the reads that align here alone, and those that barcodes place, bool[reads]."""
    reads, settings = context.reads, context.settings or LinkedSettings()
    placed = placed_here(reads, context.region.contig, settings.molecule_reach)
    return (reads.mapping_quality >= LEAST_ALONE) | placed


def encode_as_placed(context: EncodeContext) -> ImageBatch:
    """Draw and measure as the engine does, with mapping qualities by `placed_qualities`."""
    scene, settings = context.scene, context.settings or LinkedSettings()
    placed = placed_here(scene.reads, scene.candidates.contig, settings.molecule_reach)
    quality = placed_qualities(scene.reads, placed, scene.run.usual_mapping_quality)
    reads = replace(scene.reads, mapping_quality=quality)
    return encode_in_context(replace(context, scene=replace(scene, reads=reads)))


def placed_qualities(reads: ReadBatch, placed: NDArray[np.bool_], usual: float) -> NDArray[np.uint8]:
    """Return mapping qualities as barcodes have them, uint8[reads].

    That of reads that are ``placed``, bool[reads], is the run's ``usual`` one, at the least; that of reads with a
    barcode that no other read has here is `DOUBTED`, at the most.
    """
    quality = reads.mapping_quality
    raised = np.where(placed, np.maximum(quality, np.uint8(min(round(usual), 254))), quality)
    return np.where(others_here(reads) == 0, np.minimum(raised, DOUBTED), raised).astype(np.uint8)
