"""regions -> reads -> candidates -> images -> genotypes -> VCF, over worker processes, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from dvplug.engine.draw import Drawn
from dvplug.engine.job import CallJob
from dvplug.hookspecs import Predictor
from dvplug.line.record import REF_CALL, VcfRecord
from dvplug.line.region import Region
from dvplug.line.result import RegionResult, Stopwatch
from dvplug.records.gvcf import gvcf_lines
from dvplug.records.postprocess import call_sites
from dvplug.records.vcf import format_record
from dvplug.system.workers import map_in_order


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
