"""regions -> reads -> candidates -> images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

from dvplug.candidates.phasing import MARGIN as PHASING_MARGIN
from dvplug.candidates.phasing import phase_reads
from dvplug.candidates.proposals import ProposedVariants, with_proposed
from dvplug.candidates.support import FLANK
from dvplug.engine.pipeline import Pipeline
from dvplug.genome.reference import Reference
from dvplug.images.features.site import NEARBY
from dvplug.line.candidate_batch import CandidateBatch
from dvplug.line.image_batch import ImageBatch
from dvplug.line.region import Region
from dvplug.line.result import RegionResult, Stopwatch
from dvplug.reads.alignments import open_alignments
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.realign import MARGIN as REALIGN_MARGIN
from dvplug.reads.realign import realign_reads
from dvplug.records.gvcf import ReferenceDepths, reference_depths
from dvplug.system.locations import Location
from dvplug.technology import CandidateThresholds

# Sites whose images are in memory at once: about 40 MB. Noise, or a wrong reference, makes every base a candidate.
MAX_SITES = 1000


@dataclass(frozen=True)
class Drawn:
    """Candidates of a region, or of a part of it, with their images, ready for the network."""

    result: RegionResult
    candidates: CandidateBatch
    images: ImageBatch
    proposed: list[tuple[int, ...]]  # over candidates: indexes of the alts that the user proposed
    depths: ReferenceDepths | None = None
    """Of the whole region, with its last part, where a gVCF is written."""


class RegionImages:
    """regions -> reads -> candidates -> images, with files open: one per process."""

    def __init__(
        self,
        pipeline: Pipeline,
        reference: Location,
        reads: Sequence[Location],
        *,
        keep_fraction: float = 1.0,
        with_depths: bool = False,
        proposed: Path | None = None,
    ) -> None:
        self.pipeline, self.keep_fraction, self.with_depths = pipeline, keep_fraction, with_depths
        self.proposed = ProposedVariants(proposed) if proposed else None
        self.reference = Reference.open(reference)
        pysam.set_verbosity(0)  # our own message replaces what htslib prints of a damaged file
        self.alignments = [open_alignments(path, reference) for path in reads]

    def draw(self, region: Region, thresholds: CandidateThresholds | None = None) -> Iterator[Drawn]:
        """Draw the candidates of one region, in order, in parts of at most `MAX_SITES`.

        Parameters
        ----------
        thresholds
            In place of the profile's, when examples are made.
        """
        profile, result = self.pipeline.profile, RegionResult(regions=1)
        clock = Stopwatch(result.seconds)
        read_filter, layout = profile.read_filter, profile.image
        seen = max(layout.width // 2, NEARBY)  # on either side of a candidate
        margin = seen + 10 * FLANK + (REALIGN_MARGIN if profile.realign_reads else 0)
        wide = self._phased_along(region) if profile.phase_reads else region
        reads = fetch_reads(
            self.alignments,
            wide,
            read_filter,
            margin=margin,
            haplotypes="haplotype" in layout.channels and not profile.phase_reads,
            keep_fraction=self.keep_fraction,
        )
        clock.stop("decode")
        # Wide enough for every read to lie in it whole: what is counted per read must not depend on the region.
        start = max(0, wide.start - margin - read_filter.max_read_span)
        end = wide.end + margin + read_filter.max_read_span
        codes = self.reference.codes(region.contig, start, end)
        if profile.realign_reads:
            reads = realign_reads(reads, codes, start)
            clock.stop("realign")
        candidates = self.pipeline.find(reads, codes, start, wide, thresholds or profile.candidate_thresholds)
        if profile.phase_reads:
            reads = phase_reads(reads, candidates)
            candidates = candidates.part(*np.searchsorted(candidates.start, (region.start, region.end)))
        proposed: list[tuple[int, ...]] = [()] * len(candidates)
        if self.proposed:
            alleles = self.proposed.at(region, codes, start)
            candidates, proposed = with_proposed(
                candidates, alleles, reads, codes, start, profile.candidate_thresholds
            )
        clock.stop("count")
        result.reads = int(((reads.start < region.end) & (reads.end > region.start)).sum())
        result.skipped_no_sequence = reads.skipped_no_sequence
        depths = None
        for first in range(0, max(1, len(candidates)), MAX_SITES):
            part = candidates.part(first, min(first + MAX_SITES, len(candidates)))
            clock = Stopwatch(result.seconds)
            if self.with_depths and first + MAX_SITES >= len(candidates):
                least = profile.candidate_thresholds.min_base_quality
                depths = reference_depths(reads, codes, start, region, least)
                clock.stop("count")
            images = self.pipeline.encode(reads, part, codes, start, layout, self.pipeline.channels)
            clock.stop("encode")
            result.candidates, result.images = len(part), len(images)
            yield Drawn(result, part, images, proposed[first : first + MAX_SITES], depths)
            result = RegionResult()

    def _phased_along(self, region: Region) -> Region:
        """Return the region with what is phased along on either side, within its contig."""
        end = min(region.end + PHASING_MARGIN, self.reference.lengths[region.contig])
        return Region(region.contig, max(0, region.start - PHASING_MARGIN), end)
