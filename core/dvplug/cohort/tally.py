"""What is gathered of a sample while its results come: depth by contig, and SNPs by which relatives are known."""

from __future__ import annotations

import hashlib
import heapq
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from dvplug.errors import InputError
from dvplug.genome.ploidy import left_out_by_default, sex_chromosomes
from dvplug.line.region import Partition, Region
from dvplug.line.result import RegionResult

MOST_SITES = 20_000
"""SNPs of a sample that are kept: those with the lowest hashes, so that samples keep the same ones of those they
share."""
AUTOSOMES, X, Y = "autosomes", "X", "Y"
_NUMBERED = re.compile(r"(?:chr)?\d+[A-Za-z]?")
_BASES = frozenset("ACGT")


class SnpSite(NamedTuple):
    """A SNP: 1-based position, as in the VCF."""

    contig: str
    position: int
    ref: str
    alt: str


@dataclass(frozen=True)
class GenomeKinds:
    """Which contigs are autosomes, X and Y, by their names; and what of X and Y is pseudoautosomal.

    Where no contig is named by a number, all that are neither X, Y nor left out by default count as autosomes.
    """

    kind: Mapping[str, str]
    pseudoautosomal: Sequence[Region] = ()

    @classmethod
    def of(cls, lengths: Mapping[str, int]) -> GenomeKinds:
        """Of the contigs of a reference."""
        plain = {contig: contig.removeprefix("chr").upper() for contig in lengths}
        sexes = {contig: name for contig, name in plain.items() if name in (X, Y)}
        numbered = [contig for contig in lengths if _NUMBERED.fullmatch(contig)]
        others = [contig for contig in lengths if contig not in left_out_by_default(lengths)]
        autosomes = [contig for contig in numbered or others if contig not in sexes]
        try:
            parts = [
                Region(contig, start, end)
                for contig, _, intervals in sex_chromosomes(lengths)
                for start, end in intervals
            ]
        except InputError:
            parts = []
        return cls(dict.fromkeys(autosomes, AUTOSOMES) | sexes, parts)

    def kind_of(self, region: Region) -> str:
        """Return the kind of a region's contig; empty for others, and where it touches what is pseudoautosomal."""
        for contig, start, end in self.pseudoautosomal:
            if contig == region.contig and start < region.end and region.start < end:
                return ""
        return self.kind.get(region.contig, "")


@dataclass
class SampleTally:
    """Of one sample.

    Attributes
    ----------
    depths
        By kind of contig: bases of the reference, and reads over each of them added up.
    """

    kinds: GenomeKinds
    depths: dict[str, tuple[int, int]] = field(default_factory=dict)
    _lowest: list[tuple[int, SnpSite]] = field(default_factory=list)  # a heap of negative hashes

    def add(self, part: Partition, result: RegionResult) -> None:
        """Gather what a partition gave."""
        kind = self.kinds.kind_of(part.region)
        if not kind:
            return
        bases, reads = self.depths.get(kind, (0, 0))
        self.depths[kind] = bases + result.counts.known, reads + result.counts.depths
        if kind == AUTOSOMES:
            self._add_sites(result.lines)

    def _add_sites(self, lines: Iterable[str]) -> None:
        for line in lines:
            contig, position, _, ref, alt, _, filter_, _ = line.split("\t", 7)
            if filter_ != "PASS" or ref not in _BASES or alt not in _BASES:
                continue
            site = SnpSite(contig, int(position), ref, alt)
            item = -site_hash(site), site
            if len(self._lowest) < MOST_SITES:
                heapq.heappush(self._lowest, item)
            elif item > self._lowest[0]:
                heapq.heapreplace(self._lowest, item)

    def mean_depth(self, kind: str) -> float | None:
        """Mean depth of the contigs of a kind; None where nothing of them was called."""
        bases, reads = self.depths.get(kind, (0, 0))
        return reads / bases if bases else None

    def sites(self) -> list[SnpSite]:
        """The SNPs that were kept, by their hashes."""
        return [site for _, site in sorted(self._lowest, reverse=True)]


def site_hash(site: SnpSite) -> int:
    """A number that is the same for a SNP in all samples, and for each SNP another."""
    text = f"{site.contig}:{site.position}:{site.ref}:{site.alt}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
