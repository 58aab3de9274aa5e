"""What barcodes tell of the reads of a candidate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.hookspecs import AnnotateContext, Notes, Pileup, ReadBatch, Scene


def molecule_of(reads: ReadBatch) -> NDArray[np.uint64]:
    """The molecule of each read, uint64[reads]; a read without a barcode is alone, by its own name."""
    barcode = reads.tags["BX"]
    return np.where(barcode.present, barcode.values, reads.name_hash)


def draw_molecules(pileup: Pileup, out: NDArray[np.uint8]) -> None:
    """Draw a shade of the molecule wherever a read lies, and 1 where it has none."""
    barcode, row = pileup.reads.tags["BX"], pileup.row_read
    shade = np.where(barcode.present, 20 + barcode.values % np.uint64(235), 1).astype(np.uint8)
    drawn = np.where(row >= 0, np.append(shade, 0)[row], 0)
    out[:] = np.where(pileup.cell >= 0, drawn[:, :, None], 0)


def rank(scene: Scene) -> NDArray[np.uint16]:
    """Rank the reads of each site by molecule: in the order in which molecules begin, uint16[entries]."""
    over, molecule = scene.candidates.support(), molecule_of(scene.reads)
    ranks = np.zeros(len(over.read), np.uint16)
    for first, last in zip(over.offset[:-1], over.offset[1:], strict=True):
        _, begin, own = np.unique(molecule[over.read[first:last]], return_index=True, return_inverse=True)
        ranks[first:last] = np.argsort(np.argsort(begin))[own.ravel()]
    return ranks


def by_allele(scene: Scene, site: int, alleles: int) -> list[set[int]]:
    """Molecules that have each allele of a site."""
    over, molecule = scene.candidates.support(), molecule_of(scene.reads)
    entries = slice(over.offset[site], over.offset[site + 1])
    of_reads = molecule[over.read[entries]]
    return [set(of_reads[over.allele[entries] == allele].tolist()) for allele in range(alleles)]


def molecule_share(scene: Scene) -> NDArray[np.float32]:
    """Measure the share of the molecules that have an image's alts, of those that tell an allele, float32[n, 1]."""
    shares = np.zeros((len(scene.images.site), 1), np.float32)
    for image, (site, alts) in enumerate(zip(scene.images.site, scene.images.alt_set, strict=True)):
        molecules = by_allele(scene, site, 1 + len(scene.candidates.alts[site]))
        of_alts = set().union(*(molecules[1 + alt] for alt in alts if alt >= 0))
        shares[image] = len(of_alts) / max(1, len(set().union(*molecules)))
    return shares


def note_molecules(context: AnnotateContext) -> list[Notes]:
    """Count molecules by allele of each record."""
    notes = []
    for site, alts in zip(context.site, context.alts, strict=True):
        molecules = by_allele(context.scene, site, 1 + len(context.scene.candidates.alts[site]))
        counts = [len(molecules[0]), *(len(molecules[1 + alt]) for alt in alts)]
        filters = ("OneMolecule",) if max(counts[1:]) <= 1 else ()
        notes.append(Notes(info={"MOL": counts}, filters=filters))
    return notes
