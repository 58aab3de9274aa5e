"""regions -> reads -> candidates -> images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from dvplug.candidates.exclusion import NEAR
from dvplug.candidates.phasing import PHASING_MARGIN
from dvplug.candidates.proposals import ProposedVariants, with_proposed
from dvplug.candidates.site_layout import HAPLOTYPE_FLANK
from dvplug.engine.pipeline import Pipeline
from dvplug.engine.usual import UNKNOWN_RUN, KnownRun
from dvplug.genome.reference import Reference
from dvplug.genotypes.first_stage import Settled
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.contexts import FindContext, PhaseContext, RegionContext
from dvplug.line.image_batch import ImageBatch
from dvplug.line.phase_table import HaplotypeTags
from dvplug.line.read_batch import LEFT_OUT, ReadBatch
from dvplug.line.region import Region
from dvplug.line.result import Counts, Stopwatch
from dvplug.line.scene import Scene
from dvplug.plugins.boundary import located, place_of
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.groups import ReadSource
from dvplug.reads.haplotypes import haplotype_tags, with_haplotypes
from dvplug.reads.molecules import LEAST_DISTINCT, with_molecules
from dvplug.reads.opened import OpenedReads
from dvplug.reads.realign import REALIGN_MARGIN, realign_reads
from dvplug.reads.same_bases import with_bases_of_reference
from dvplug.records.reference_depths import ReferenceDepths, reference_depths
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.system.input_states import NO_INPUTS, InputStates
from dvplug.system.locations import Location
from dvplug.technology import CandidateThresholds

# Sites whose images are in memory at once: about 40 MB. Noise, or a wrong reference, makes every base a candidate.
MAX_SITES = 1000
# bp beyond a target within which sites are found whose alleles may contradict those of its own.
LINKED_MARGIN = 100


@dataclass(frozen=True)
class Drawn:
    """Candidates of a region, or of a part of it, with their images, ready for the network."""

    candidates: CandidateBatch
    images: ImageBatch
    """Without those that the model's first stage settled, unless all were to be drawn."""
    proposed: list[tuple[int, ...]]  # over candidates: indexes of the alts that the user proposed
    counts: Counts
    """Of this part; reads are counted with a region's first."""
    depths: ReferenceDepths | None = None
    """Of the whole region, with its last part, where a gVCF is written."""
    beyond: frozenset[int] = frozenset()
    """Starts of candidates that begin in no target, and come along as they may contradict one that does."""
    scene: Scene | None = None
    """What was drawn, where annotations look at it."""
    units: npt.NDArray[np.uint64] | None = None
    """[reads]: of what each read is a part, where calls are phased by what reads share."""
    tagged: HaplotypeTags | None = None
    """Of the reads, where calls are phased by what their tags say."""
    settled: Settled | None = None
    """Where the model has a first stage: what that says, and of which images."""
    called: CandidateBatch | None = None
    """Where other thresholds were given: what is found of the whole region by the profile's own."""

    def site(self, index: int) -> Drawn:
        """Return one candidate with its images; nothing is counted."""
        return Drawn(
            self.candidates.part(index, index + 1),
            self.images.of_site(index),
            self.proposed[index : index + 1],
            Counts(),
            settled=self.settled.of_site(index) if self.settled else None,
        )


class _Found(NamedTuple):
    """Reads and candidates of a region."""

    reads: ReadBatch
    candidates: CandidateBatch
    proposed: list[tuple[int, ...]]  # as in `Drawn`
    codes: npt.NDArray[np.uint8]  # [l]: of the reference around it,
    start: int  # from here on
    units: npt.NDArray[np.uint64] | None  # as in `Drawn`
    called: CandidateBatch | None  # as in `Drawn`


class RegionImages:
    """regions -> reads -> candidates -> images, with files open: one per process."""

    def __init__(
        self,
        pipeline: Pipeline,
        reference: Location,
        reads: Sequence[ReadSource],
        *,
        keep_fraction: float = 1.0,
        with_depths: bool = False,
        proposed: Path | None = None,
        inputs: InputStates = NO_INPUTS,
        run: KnownRun = UNKNOWN_RUN,
    ) -> None:
        self.pipeline, self.profile, self.usual = pipeline, pipeline.profile, run.usual
        self.run = run.as_drawn(pipeline.profile)
        self.inputs = inputs
        self.keep_fraction, self.with_depths = keep_fraction, with_depths
        with inputs.watched():
            self.proposed = ProposedVariants(proposed) if proposed else None
            self.reference = Reference.open(reference)
            self.reads = [OpenedReads.open(source, reference) for source in reads]
        realigned = REALIGN_MARGIN if self.profile.realign_reads else 0
        self.margin = pipeline.reach + 10 * HAPLOTYPE_FLANK + realigned

    def draw(
        self,
        region: Region,
        thresholds: CandidateThresholds | None = None,
        targets: Sequence[Region] = (),
        linked: bool = False,
    ) -> Iterator[Drawn]:
        """Draw the candidates of one region, in order, in parts of at most `MAX_SITES`.

        Parameters
        ----------
        thresholds
            In place of the profile's, when examples are made.
        targets
            Where candidates must begin, disjoint and in order; anywhere in the region if there are none.
        linked
            Whether candidates beyond the targets come along whose REFs form a chain with one that begins there.
        """
        targets = targets or (region,)
        near = self._widened(targets) if linked else targets
        counts = Counts(regions=1)
        with self.inputs.watched():
            found = self._read(region, thresholds, counts, near)
        reads, candidates, proposed, codes, start, units, called = found
        clock = Stopwatch(counts.seconds)
        depths = self._depths(reads, codes, start, targets)
        chains, own = candidates.chains(), _begins_in(targets, candidates.start)
        wanted = np.flatnonzero(np.isin(chains, chains[own]))
        candidates, proposed = candidates.at(wanted), [proposed[i] for i in wanted.tolist()]
        clock.stop("count")
        for first, last in _parts(chains[wanted]):
            part = candidates.part(first, last)
            clock = Stopwatch(counts.seconds)
            scene = Scene(reads, part, codes, start, self.run)
            with located(place_of(part) if len(part) else region):
                images, settled, outside = self._drawn(scene, clock)
            counts.outside.update(outside)
            clock.stop("encode")
            is_own = _begins_in(targets, part.start)
            of_own = is_own[scene.images.site]
            counts.candidates, counts.images = int(is_own.sum()), int(of_own.sum())
            counts.settled = int((of_own & settled.taken).sum()) if settled else 0
            at_last = depths if last == len(candidates) else None
            beyond = frozenset(part.start[~is_own].tolist())
            kept = replace(scene) if self.pipeline.annotations else None  # without what it has computed
            tagged = haplotype_tags(reads) if self.pipeline.tagged else None
            yield Drawn(
                part, images, proposed[first:last], counts, at_last, beyond, kept, units, tagged, settled, called
            )  # fmt: skip
            counts = Counts()

    def _drawn(self, scene: Scene, clock: Stopwatch) -> tuple[ImageBatch, Settled | None, Counter[str]]:
        """Draw what the first stage does not settle; also what it says, and the counts of `UsualValues.of_images`."""
        rows, first_stage = self.profile.image.reference_rows, self.pipeline.first_stage
        if first_stage is None:
            images, outside = self.usual.images(self.pipeline.draw(scene), rows)
            return images, None, outside
        measured = self.pipeline.measure(scene)
        features, outside = self.usual.of_images(measured)
        clock.stop("encode")
        changes_length = (scene.alt_changes != 0).any(axis=1)
        settled = first_stage.settle(features, changes_length, scene.images)
        clock.stop("infer")
        every = first_stage.every_image or self.pipeline.annotations  # which may look at any
        left = np.arange(len(features)) if every else np.flatnonzero(~settled.taken)
        images = self.pipeline.draw_some(scene, measured, left)
        images = replace(images, images=self.usual.pixels(images.images, rows), features=features[left])
        return images, settled, outside

    def _read(
        self,
        region: Region,
        thresholds: CandidateThresholds | None,
        counts: Counts,
        targets: Sequence[Region],
    ) -> _Found:
        """regions -> reads -> candidates: all that is read from files."""
        clock = Stopwatch(counts.seconds)
        wide = self._around(region, targets)
        reads = self._fetch(wide, region)
        clock.stop("decode")
        counts.left_out.update(
            {why: n for why, n in zip(LEFT_OUT, reads.left_out.tolist(), strict=True) if n}
        )
        codes, start = self._reference_around(wide)
        reads = with_molecules(reads, self.run.distinct_fragments >= LEAST_DISTINCT)
        reads = with_bases_of_reference(self.usual.reads(reads), codes, start)
        if self.pipeline.tagged:
            reads = with_haplotypes(reads)
        around = RegionContext(reads=reads, reference=codes, reference_start=start, region=wide, run=self.run)
        reads = self._transformed(around, region, counts)
        if self.profile.realign_reads:
            alone = not self._are_kept(reads)
            reads = realign_reads(reads, codes, start, self.profile.assembly, in_place=alone)
            clock.stop("realign")
        around, own = replace(around, reads=reads), self.profile.candidate_thresholds
        with located(region):
            candidates = self.pipeline.find(FindContext(**vars(around), thresholds=thresholds or own))
            others = thresholds not in (None, own)
            called = self.pipeline.find(FindContext(**vars(around), thresholds=own)) if others else None
            units = None
            if self.pipeline.phase:  # by all candidates, those beside the targets too
                given = PhaseContext(**vars(around), candidates=candidates)
                phased, against = self.pipeline.phase(given), reads.against
                reads, units = replace(reads, haplotype=phased.haplotype), phased.unit
                reads.keep_against(against)  # their bases are the same
        candidates = candidates.at(np.flatnonzero(_begins_in(targets, candidates.start)))
        counts.found, counts.covered = len(candidates), _covered(reads, targets)
        candidates, proposed = self._with_proposed(candidates, reads, codes, start, targets)
        clock.stop("count")
        counts.reads = _over(reads, region)
        counts.tagged = int((reads.haplotype > 0).sum()) if self.pipeline.tagged else 0
        return _Found(reads, candidates, proposed, codes, start, units, called)

    def _transformed(self, around: RegionContext, region: Region, counts: Counts) -> ReadBatch:
        """Return what the technology's read transforms leave; those of the region that they drop are counted."""
        for transform in self.pipeline.transforms:
            before = _over(around.reads, region)
            with located(region):
                around = replace(around, reads=transform(around))
            if dropped := before - _over(around.reads, region):
                counts.left_out["transform"] += dropped
        return around.reads

    def _widened(self, targets: Sequence[Region]) -> list[Region]:
        """Widen the targets by `LINKED_MARGIN` within their contig, and join those that then touch."""
        near: list[Region] = []
        for contig, start, end in targets:
            first = max(0, start - LINKED_MARGIN)
            last = min(end + LINKED_MARGIN, self.reference.lengths[contig])
            if near and first <= near[-1].end:
                first = near.pop().start
            near.append(Region(contig, first, last))
        return near

    def _around(self, region: Region, targets: Sequence[Region]) -> Region:
        """Return the region with all targets, and as much beside as can change what supports a site, within its contig.

        Where reads are phased, the whole cells that it lies in come along, and `PHASING_MARGIN` beside them: which
        haplotype a read is of must not depend on what is called around it.
        """
        start, end = region.start, region.end
        if self.profile.phase_reads:
            cell = self.profile.partition_size
            start = start // cell * cell - PHASING_MARGIN
            end = -(-end // cell) * cell + PHASING_MARGIN
        start, end = min(start, targets[0].start - NEAR), max(end, targets[-1].end + NEAR)
        return Region(region.contig, max(0, start), min(end, self.reference.lengths[region.contig]))

    def _fetch(self, wide: Region, region: Region) -> ReadBatch:
        """Decode the reads that an image of a candidate in the wider region may show."""
        return fetch_reads(
            self.reads,
            wide,
            self.profile.read_filter,
            margin=self.margin,
            haplotypes=self.pipeline.haplotypes,
            keep_fraction=self.keep_fraction,
            counted=region,
            also=self.pipeline.also,
        )

    def _are_kept(self, reads: ReadBatch) -> bool:
        """Whether others hold the bases of the reads, too: a file for the next region, or maybe a plugin."""
        tails = (one.tail.batch for one in self.reads if one.tail is not None)
        return bool(self.pipeline.transforms) or any(
            np.may_share_memory(getattr(tail, name), getattr(reads, name))
            for tail in tails
            for name in ("seq", "qual")
        )

    def _reference_around(self, region: Region) -> tuple[npt.NDArray[np.uint8], int]:
        """Return base codes around the region, uint8[l], and where they begin.

        Wide enough for every read to lie in it whole: what is counted per read must not depend on the region.
        """
        reach = self.margin + self.profile.read_filter.max_read_span
        start = max(0, region.start - reach)
        return self.reference.codes(region.contig, start, region.end + reach), start

    def _with_proposed(
        self,
        candidates: CandidateBatch,
        reads: ReadBatch,
        codes: npt.NDArray[np.uint8],
        start: int,
        targets: Sequence[Region],
    ) -> tuple[CandidateBatch, list[tuple[int, ...]]]:
        """Add the alleles that the user proposed; also which alts of each candidate those are."""
        if not self.proposed:
            return candidates, [()] * len(candidates)
        alleles = {
            at: new for target in targets for at, new in self.proposed.at(target, codes, start).items()
        }
        return with_proposed(candidates, alleles, reads, codes, start, self.profile.candidate_thresholds)

    def _depths(
        self, reads: ReadBatch, codes: npt.NDArray[np.uint8], start: int, targets: Sequence[Region]
    ) -> ReferenceDepths | None:
        """Count what reads show of the reference, for the gVCF's blocks; beside the targets it is unknown."""
        if not self.with_depths:
            return None
        region = Region(targets[0].contig, targets[0].start, targets[-1].end)
        least = self.profile.candidate_thresholds.min_base_quality
        depths = reference_depths(reads, codes, start, region, least)
        if len(targets) == 1:
            return depths
        inside = _begins_in(targets, np.arange(region.start, region.end))
        return replace(depths, reference=np.where(inside, depths.reference, UNKNOWN_BASE).astype(np.uint8))


def _over(reads: ReadBatch, region: Region) -> int:
    """How many reads lie over a region."""
    return int(((reads.start < region.end) & (reads.end > region.start)).sum())


def _covered(reads: ReadBatch, targets: Sequence[Region]) -> int:
    """Bp of disjoint targets on which a read lies, from its first aligned base to its last."""
    if not len(reads):
        return 0
    end = np.maximum.accumulate(reads.end).astype(np.int64)
    start = np.maximum(reads.start, np.append(0, end[:-1]))  # of what no read before it reached
    before = np.cumsum(end - start) - (end - start)

    def covered_before(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        at = np.searchsorted(start, positions, side="right") - 1
        return np.where(at < 0, 0, before[at] + np.minimum(positions, end[at]) - start[at])

    first, last = np.array([(target.start, target.end) for target in targets]).T
    return int((covered_before(last) - covered_before(first)).sum())


def _begins_in(targets: Sequence[Region], starts: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Which positions, int[n], lie in a target, bool[n]."""
    first = np.array([target.start for target in targets])
    before = np.searchsorted(first, starts, side="right") - 1
    end = np.array([target.end for target in targets])
    return np.asarray((before >= 0) & (starts < end[before]))


def _parts(chains: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield first and last of parts of at most `MAX_SITES`, between chains, int64[sites], unless one is longer."""
    first = 0
    while True:
        last = min(first + MAX_SITES, len(chains))
        if last < len(chains):
            begin = int(np.searchsorted(chains, chains[last]))
            last = begin if begin > first else last
        yield first, last
        first = last
        if first >= len(chains):
            return
