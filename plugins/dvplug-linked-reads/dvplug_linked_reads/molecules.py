"""What reads of one molecule have in common: their haplotype, and their place in an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.candidates.phasing import assign_haplotypes, heterozygous_sites
from dvplug.hookspecs import PhaseContext, Phased, ReadBatch, Scene

GAP = 50_000
"""bp from one read of a barcode to the next beyond which they are of two molecules of its droplet."""


def units_of(reads: ReadBatch) -> NDArray[np.uint64]:
    """What each read is a part of, uint64[reads], equal in all regions: its barcode's hash; its own without one."""
    barcode = reads.tags["BX"]
    return np.where(barcode.present, barcode.values, reads.name_hash).astype(np.uint64)


def molecules_of(reads: ReadBatch) -> NDArray[np.int64]:
    """Number the molecules of a region's reads, int64[reads]: reads of a barcode with no gap between them."""
    unit, start = units_of(reads), reads.start.astype(np.int64)
    order = np.lexsort((start, unit))
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (np.diff(unit[order]) != 0) | (np.diff(start[order]) > GAP)
    molecule = np.empty(len(order), np.int64)
    molecule[order] = np.cumsum(begins) - 1
    return molecule


def phase_by_barcode(context: PhaseContext) -> Phased:
    """Tell the haplotype of each read by the alleles that its molecule has of heterozygous SNPs."""
    reads, candidates = context.reads, context.candidates
    molecule = molecules_of(reads)
    over = candidates.support()
    of_molecules = over._replace(read=molecule[over.read].astype(np.int32))
    count = int(molecule.max(initial=-1)) + 1
    haplotype = assign_haplotypes(count, heterozygous_sites(candidates), of_molecules)
    return Phased(haplotype[molecule], units_of(reads))


def rank(scene: Scene) -> NDArray[np.uint16]:
    """Rank the reads of each site by molecule, in the order in which molecules begin, uint16[entries]."""
    over = scene.candidates.support()
    if not len(over.read):
        return np.zeros(0, np.uint16)
    site = np.repeat(np.arange(len(over.offset) - 1), np.diff(over.offset))
    unit = units_of(scene.reads)[over.read]
    order = np.lexsort((unit, site))  # stable: of each molecule the first read comes first
    begins = np.ones(len(order), np.bool_)
    begins[1:] = (np.diff(site[order]) != 0) | (np.diff(unit[order]) != 0)
    first = np.empty(len(order), np.int64)
    first[order] = order[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    return (first - over.offset[site]).astype(np.uint16)
