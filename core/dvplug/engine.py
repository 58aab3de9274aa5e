"""regions -> reads -> candidates -> images -> genotypes -> VCF, over worker processes, in order."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pysam

from dvplug.alignments import open_alignments
from dvplug.alleles import FLANK
from dvplug.candidates import CandidateBatch
from dvplug.features import NEARBY
from dvplug.gvcf import ReferenceDepths, gvcf_lines, reference_depths
from dvplug.hookspecs import Draw, Encode, Find, OpenModel, Predictor
from dvplug.images import ImageBatch
from dvplug.locations import Location
from dvplug.models import LoadedModel
from dvplug.phasing import MARGIN as PHASING_MARGIN
from dvplug.phasing import phase_reads
from dvplug.ploidy import DIPLOID, Ploidy
from dvplug.plugins import Plugins
from dvplug.postprocess import REF_CALL, PostprocessSettings, VcfRecord, call_sites
from dvplug.proposals import ProposedVariants, with_proposed
from dvplug.reads import fetch_reads
from dvplug.realign import MARGIN as REALIGN_MARGIN
from dvplug.realign import realign_reads
from dvplug.reference import Reference
from dvplug.regions import Region
from dvplug.technology import CandidateThresholds, TechnologyProfile
from dvplug.vcf import format_record
from dvplug.workers import map_in_order

# Sites whose images are in memory at once: about 40 MB. Noise, or a wrong reference, makes every base a candidate.
MAX_SITES = 1000
STAGES = ("decode", "realign", "count", "encode", "infer", "write")


@dataclass(frozen=True)
class Pipeline:
    """The steps that a technology chose, as plain functions: all that a worker needs besides the files."""

    profile: TechnologyProfile
    find: Find
    encode: Encode
    channels: list[Draw]

    @classmethod
    def of(cls, plugins: Plugins, profile: TechnologyProfile) -> Pipeline:
        """Look up what the profile names; raises PluginError where a name is unknown."""
        return cls(
            profile,
            plugins.candidate_finder(profile.candidate_finder).load(),
            plugins.image_encoder(profile.image_encoder).load(),
            [plugins.channel(name).load() for name in profile.image.channels],
        )


@dataclass
class RegionResult:
    """What one region gave: VCF lines or records, and counts for the summary; CPU seconds by stage."""

    lines: list[str] = field(default_factory=list)
    gvcf_lines: list[str] = field(default_factory=list)
    records: list[VcfRecord] = field(default_factory=list)
    filters: Counter[str] = field(default_factory=Counter)
    regions: int = 0
    reads: int = 0
    skipped_no_sequence: int = 0
    candidates: int = 0
    images: int = 0
    seconds: Counter[str] = field(default_factory=Counter)

    def add(self, other: RegionResult) -> None:
        """Add what follows: its lines and counts."""
        self.lines += other.lines
        self.gvcf_lines += other.gvcf_lines
        self.records += other.records
        self.filters.update(other.filters)
        self.regions += other.regions
        self.reads += other.reads
        self.skipped_no_sequence += other.skipped_no_sequence
        self.candidates += other.candidates
        self.images += other.images
        self.seconds.update(other.seconds)


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


def call_region(parts: Iterable[Drawn], genotyper: Predictor, job: CallJob) -> RegionResult:
    """images -> genotypes -> VCF of one region, whose candidates come in parts."""
    total, records, depths = RegionResult(), [], None
    for drawn in parts:
        clock = Stopwatch(drawn.result.seconds)
        records += genotype(drawn, genotyper, job, clock)
        depths = drawn.depths
        total.add(drawn.result)
    clock = Stopwatch(total.seconds)
    kept = [r for r in records if job.keep_ref_calls or r.proposed or r.filter != REF_CALL]
    total.filters.update(record.filter for record in kept)
    if job.as_records:
        total.records = kept
    else:
        total.lines = [format_record(record) for record in kept]
    if depths is not None:
        total.gvcf_lines = gvcf_lines(
            records,
            depths,
            job.ploidy.haploid(depths.region.contig, np.arange(depths.region.start, depths.region.end)),
            job.pipeline.profile.base_error_rate,
            job.gvcf_symbol,
        )
    clock.stop("write")
    return total


def genotype(drawn: Drawn, genotyper: Predictor, job: CallJob, clock: Stopwatch) -> list[VcfRecord]:
    """images -> genotypes -> records."""
    candidates, images = drawn.candidates, drawn.images
    probabilities = genotyper.predict(images.images, images.features)
    clock.stop("infer")
    records = call_sites(
        candidates.contig, candidates.start, candidates.refs, candidates.alts, candidates.depth,
        candidates.allele_depths, images.site, images.alt_set, probabilities, job.settings,
        job.ploidy.haploid(candidates.contig, candidates.start), drawn.proposed,
    )  # fmt: skip
    clock.stop("write")
    return records


class Stopwatch:
    """Adds the CPU seconds since the last stop to a stage."""

    def __init__(self, seconds: Counter[str]) -> None:
        self.seconds = seconds
        self.last = time.process_time()

    def stop(self, stage: str) -> None:
        """End a stage."""
        now = time.process_time()
        self.seconds[stage] += now - self.last  # type: ignore[assignment]
        self.last = now


@dataclass(frozen=True)
class CallJob:
    """One run: a pipeline over files, with a model."""

    pipeline: Pipeline
    open_model: OpenModel
    model: LoadedModel
    reference: Location
    reads: tuple[Location, ...]
    settings: PostprocessSettings
    keep_ref_calls: bool
    device: str  # "cpu" or "gpu"
    ploidy: Ploidy = DIPLOID
    gvcf_symbol: str = ""  # <*> or <NON_REF>; empty where no gVCF is written
    as_records: bool = False  # in place of lines
    proposed: Path | None = None  # variants to genotype whatever the reads show

    def open_images(self) -> RegionImages:
        """Open the files, in the process that reads them."""
        return RegionImages(
            self.pipeline,
            self.reference,
            self.reads,
            with_depths=bool(self.gvcf_symbol),
            proposed=self.proposed,
        )


class RegionCaller:
    """The whole line for one region, in a worker process."""

    def __init__(self, job: CallJob) -> None:
        self.images = job.open_images()
        self.genotyper = job.open_model(job.model, job.device)
        self.job = job

    def __call__(self, region: Region) -> RegionResult:
        """Call one region."""
        return call_region(self.images.draw(region), self.genotyper, self.job)


class RegionDrawer:
    """The line up to the images, in a worker process, where the network runs on a GPU."""

    def __init__(self, job: CallJob) -> None:
        self.images = job.open_images()

    def __call__(self, region: Region) -> list[Drawn]:
        """Draw one region."""
        return list(self.images.draw(region))


def call_regions(
    job: CallJob, regions: Sequence[Region], workers: int, max_memory: int | None = None
) -> Iterator[RegionResult]:
    """Call regions: one result for each, in order.

    On a CPU each worker goes the whole line; on a GPU the workers draw and this process runs the network.

    Raises
    ------
    DvplugError
        Whatever a worker met.
    """
    if job.device == "gpu":
        genotyper = job.open_model(job.model, "gpu")
        for parts in map_in_order(RegionDrawer, job, regions, workers, max_memory):
            yield call_region(parts, genotyper, job)
    else:
        yield from map_in_order(RegionCaller, job, regions, workers, max_memory)
