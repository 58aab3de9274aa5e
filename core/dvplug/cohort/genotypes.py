"""The genotypes of all samples at SNPs that some of them have: from their gVCFs, which know the reference, too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam

from dvplug.cohort.kinship import NO_CALL, Genotypes
from dvplug.cohort.tally import MOST_SITES, SnpSite, site_hash
from dvplug.errors import InputError
from dvplug.system.htslib import isolated_htslib
from dvplug.system.workers import map_in_order

MOST_COMPARED = 10_000
"""SNPs at which samples are compared: in unrelated ones the SD of a kinship is about 0.01 then."""
LEAST_GQ = 20
"""Of a genotype that counts."""
_BLOCKS = ("<*>", "<NON_REF>")


def compared_sites(names: Sequence[str], snps: Callable[[str], Sequence[SnpSite]]) -> list[SnpSite]:
    """Choose SNPs by which samples are compared, in the order of their places.

    Of those whose hash no sample had to leave out, which so are known of all, the ones that most samples have.

    Parameters
    ----------
    snps
        Gives those that were kept of a sample, by their hashes; it is asked twice, since not all need fit into memory.
    """
    limit = 2**64
    for name in names:
        if len(kept := snps(name)) >= MOST_SITES:
            limit = min(limit, site_hash(kept[-1]))
    carriers: Counter[SnpSite] = Counter()
    for name in names:
        carriers.update(site for site in snps(name) if site_hash(site) <= limit)
    chosen = sorted(carriers, key=lambda site: (-carriers[site], site_hash(site)))[:MOST_COMPARED]
    return sorted(chosen)


class GvcfAt(NamedTuple):
    """A gVCF that is to be looked at."""

    sample: str
    path: Path

    def __str__(self) -> str:
        """Return the file."""
        return str(self.path)


@dataclass(frozen=True)
class SitesReader:
    """Reads genotypes at SNPs, in a worker process."""

    sites: Sequence[SnpSite]

    def __call__(self, gvcf: GvcfAt) -> Genotypes:
        """Return int8[SNPs]; raises InputError where the file is damaged."""
        return _read(gvcf.path, self.sites)


def genotypes_at(gvcfs: Mapping[str, Path], sites: Sequence[SnpSite], workers: int) -> Genotypes:
    """Read the genotypes of samples at SNPs: int8[samples, SNPs].

    A block of the reference is no copy. A genotype, or block, of GQ below `LEAST_GQ` is not known, nor is one where a
    longer allele lies over the SNP.
    """
    files = [GvcfAt(name, path) for name, path in gvcfs.items()]
    if not sites:
        return np.zeros((len(files), 0), np.int8)
    found = list(map_in_order(SitesReader, sites, files, min(workers, max(len(files), 1))))
    return np.array(found, np.int8).reshape(len(files), len(sites))


@isolated_htslib()
def _read(path: Path, sites: Sequence[SnpSite]) -> Genotypes:
    found = np.full(len(sites), NO_CALL, np.int8)
    try:
        with pysam.TabixFile(str(path)) as file:
            contigs = set(file.contigs)
            for number, site in enumerate(sites):
                if site.contig in contigs:
                    lines = file.fetch(site.contig, site.position - 1, site.position)
                    found[number] = copies_at(lines, site)
    except (OSError, ValueError) as error:
        raise InputError(f"gVCF {path} cannot be read", cause=str(error)) from error
    return found


def copies_at(lines: Iterable[str], site: SnpSite) -> int:
    """Copies of a SNP's alternate allele, by the lines of a gVCF that lie over it; `NO_CALL` where they do not tell."""
    found = NO_CALL
    for line in lines:
        columns = line.split("\t")
        values = dict(zip(columns[8].split(":"), columns[9].split(":"), strict=False))
        if columns[4] in _BLOCKS:
            found = 0 if _is_sure(values) and "." not in values.get("GT", ".") else NO_CALL
        elif int(columns[1]) != site.position or columns[3] != site.ref or not _is_sure(values):
            return NO_CALL
        else:
            return _copies(columns[4].split(","), values.get("GT", "."), site.alt)
    return found


def _is_sure(values: Mapping[str, str]) -> bool:
    quality = values.get("GQ", ".")
    return quality != "." and float(quality) >= LEAST_GQ


def _copies(alts: Sequence[str], genotype: str, alt: str) -> int:
    """Copies of an alt in a diploid genotype that has no third allele."""
    numbers = genotype.replace("|", "/").split("/")
    own = str(alts.index(alt) + 1) if alt in alts else "none"
    if len(numbers) != 2 or not set(numbers) <= {"0", own}:
        return NO_CALL
    return numbers.count(own)
