"""One region: the samples read, one after the other, their alleles united, and the lines of its sites."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.joint.families import Kinship
from dvplug.joint.genotype import Families, GenotypedSite, genotyped
from dvplug.joint.gvcfs import MISSING, GvcfFiles, SampleBlocks
from dvplug.joint.likelihoods import SiteEvidence, SitePhase, from_blocks, from_records, is_known, phase_of
from dvplug.joint.sites import (
    MOST_SHIFT,
    SPANNING,
    Normaliser,
    OwnRecord,
    UnitedAllele,
    UnitedSite,
    clusters_of,
    supported,
)
from dvplug.joint.text import SURE_NEW, line
from dvplug.line.region import Region
from dvplug.sequence.arrays import Int32s

BEHIND = 1000
"""bp behind a region that are read with it at first: its last cluster may go on there."""


class JointJob(NamedTuple):
    """What a worker needs: plain data.

    Attributes
    ----------
    files, samples
        Path and name of each sample, in the order of the columns.
    children
        Child to father and mother by index, -1 where unknown; empty without a pedigree.
    rate
        Of new mutations.
    """

    files: tuple[str, ...]
    samples: tuple[str, ...]
    reference: str
    children: dict[int, tuple[int, int]]
    rate: float


@dataclass
class RegionSites:
    """What a region gives: its lines, how many, and of each child how many new mutations are sure."""

    text: str = ""
    sites: int = 0
    new: dict[str, int] = field(default_factory=dict)


class _Sample(NamedTuple):
    """What is kept of a sample while a region is worked on."""

    records: list[OwnRecord]
    blocks: SampleBlocks


class RegionGenotyper:
    """Genotypes regions; made in the process that uses it, where it keeps files open."""

    def __init__(self, job: JointJob) -> None:
        self._job = job
        self._files = GvcfFiles(job.files)
        self._reference = Reference.open(job.reference)
        self._families: Families | None = None
        if job.children:
            n = len(job.samples)
            founders = np.array([sample not in job.children for sample in range(n)])
            self._families = Families(Kinship.of(job.children, n), job.rate, founders)

    def __call__(self, region: Region) -> RegionSites:
        """Return what belongs to the region; raises InputError where a file is damaged."""
        behind = BEHIND
        while True:
            wide = region._replace(end=region.end + behind)
            samples = self._read(wide)
            support: dict[UnitedAllele, int] = {}
            for sample in samples:
                for allele, less in supported(sample.records).items():
                    support[allele] = min(less, support.get(allele, less))
            clusters = clusters_of(support, region)
            if not clusters or clusters[-1][-1].end + MOST_SHIFT < wide.end:
                break
            if wide.end > self._reference.lengths[region.contig]:
                break
            behind *= 4
        sites = [site for cluster in clusters for site in cluster]
        found = RegionSites()
        if sites:
            evidence = _Evidence(samples, sites)
            for cluster in clusters:
                self._genotype(region.contig, cluster, evidence, found)
        return found

    def _read(self, wide: Region) -> list[_Sample]:
        first = max(0, wide.start - 4 * BEHIND)
        bases = self._reference.sequence(wide.contig, first, wide.end + BEHIND)
        normaliser = Normaliser(bases, first)
        samples = []
        for n, path in enumerate(self._job.files):
            records, blocks = self._files.read(n, wide)
            for record in records:
                if here := normaliser.reference_of(record):
                    raise InputError(
                        f"gVCF {path} is of another reference than {self._job.reference}",
                        cause=f"REF at {wide.contig}:{record.start + 1} is {record.ref[:20]} there, and "
                        f"{here[:20]} here",
                        repair="Give the reference that it was called with.",
                    )
            samples.append(_Sample([normaliser.own(record) for record in records], blocks))
        return samples

    def _genotype(
        self, contig: str, cluster: list[UnitedSite], evidence: _Evidence, found: RegionSites
    ) -> None:
        """Add the lines of a cluster, whose deletions reach from site to site."""
        deletions: list[UnitedAllele] = []  # that somebody was called with
        for site in cluster:
            alleles: list[UnitedAllele | str] = list(site.alleles)
            if any(deletion.first_deleted <= site.start < deletion.end for deletion in deletions):
                alleles.append(SPANNING)
            done = genotyped(alleles, evidence.of(site, alleles), self._families)
            if done is None:
                continue
            deletions += [each for each in done.alleles if isinstance(each, UnitedAllele)]
            bases = self._reference.sequence(contig, site.start, site.end)
            found.text += line(contig, site.start, bases, done, self._job.samples)
            found.sites += 1
            self._count(done, found)

    def _count(self, done: GenotypedSite, found: RegionSites) -> None:
        for child, p in done.new.items():
            if p >= SURE_NEW and done.genotypes[child] >= 0:
                name = self._job.samples[child]
                found.new[name] = found.new.get(name, 0) + 1


class _Evidence:
    """What the samples know of the sites of a region."""

    def __init__(self, samples: list[_Sample], sites: list[UnitedSite]) -> None:
        starts = np.array(sorted({site.start for site in sites}), np.int32)
        n = len(samples)
        self._number = {start: number for number, start in enumerate(starts.tolist())}
        self._pl = np.zeros((len(starts), n, 3), np.int32)
        self._dp = np.full((len(starts), n), MISSING, np.int32)
        self._known = np.zeros((len(starts), n), np.bool_)
        self._haploid = np.zeros((len(starts), n), np.bool_)
        self._records: dict[tuple[int, int], list[OwnRecord]] = {}
        for sample, (records, blocks) in enumerate(samples):
            self._take_blocks(sample, blocks, starts)
            for own in records:
                for start in _sites_of(own, starts.tolist()):
                    self._records.setdefault((start, sample), []).append(own)
        self._having: dict[int, list[int]] = {}
        for start, sample in self._records:
            self._having.setdefault(start, []).append(sample)

    def _take_blocks(self, sample: int, blocks: SampleBlocks, starts: Int32s) -> None:
        if not len(blocks.start):
            return
        at = np.searchsorted(blocks.start, starts, side="right") - 1
        covered = (at >= 0) & (blocks.end[at] > starts)
        at = at[covered]
        self._pl[covered, sample] = blocks.pl[at]
        self._dp[covered, sample] = blocks.dp[at]
        self._haploid[covered, sample] = blocks.haploid[at]
        self._known[covered, sample] = (blocks.dp[at] != 0) & blocks.pl[at].any(axis=1)

    def of(self, site: UnitedSite, alleles: list[UnitedAllele | str]) -> SiteEvidence:
        """All samples' likelihoods of these alleles."""
        number = self._number[site.start]
        n = len(alleles) + 1
        pl = from_blocks(self._pl[number], n)
        dp, known, haploid = (array[number].copy() for array in (self._dp, self._known, self._haploid))
        ad = {int(sample): (int(dp[sample]), *[0] * (n - 1)) for sample in np.flatnonzero(known & (dp >= 0))}
        phase: dict[int, SitePhase] = {}
        for sample in self._having.get(site.start, ()):
            own = self._records[site.start, sample]
            values, depth, reads = from_records(own, site.start, alleles)
            pl[sample], dp[sample] = values, depth
            known[sample] = is_known(values, depth)
            haploid[sample] = all(each.record.haploid for each in own if each.record.pl)
            ad.pop(sample, None)
            if reads:
                ad[sample] = reads
            if phased := phase_of(own, site.start, alleles):
                phase[sample] = phased
        pl -= pl.min(axis=1, keepdims=True)
        return SiteEvidence(pl, known, haploid, dp, ad, phase)


def _sites_of(own: OwnRecord, starts: list[int]) -> Iterator[int]:
    """Starts of the sites that a record bears on: over which it lies, or where an allele of it begins."""
    found = set(starts[bisect_left(starts, own.record.start) : bisect_left(starts, own.record.end)])
    for allele in own.alleles:
        if isinstance(allele, UnitedAllele):
            at = bisect_left(starts, allele.start)
            if at < len(starts) and starts[at] == allele.start:
                found.add(allele.start)
    yield from sorted(found)
