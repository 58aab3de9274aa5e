"""regions -> reads -> candidates -> images -> genotypes -> VCF, over worker processes, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from dvplug.engine.draw import Drawn
from dvplug.engine.job import CallJob
from dvplug.engine.predictors import Prediction, PredictorPool
from dvplug.genome.regions import runs
from dvplug.genotypes.read_counts import told_by_counts
from dvplug.hookspecs import Predictor
from dvplug.line.contexts import AnnotateContext
from dvplug.line.phase_table import PhaseTable
from dvplug.line.record import REF_CALL, VcfRecord
from dvplug.line.reference_blocks import RegionGvcf
from dvplug.line.region import Partition, PartitionRun
from dvplug.line.result import Counts, RegionResult, Stopwatch
from dvplug.line.scene import ImageAlts
from dvplug.plugins.boundary import located, place_of
from dvplug.records.phase import HetCall, of_written, phase_table, phased_by_tags
from dvplug.records.postprocess import CalledSites, called_sites
from dvplug.records.reference_depths import ReferenceDepths
from dvplug.records.used_alts import with_used_alts
from dvplug.records.vcf import format_in_both, format_record
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.system.workers import map_in_order

RUNS_PER_WORKER = 10  # at least, where there are so many partitions
LONGER_ELSEWHERE = 8
"""How many times as many bp as a partition has go together to other machines: handing out costs milliseconds there."""


Spread: TypeAlias = Callable[
    [type["RunCaller"], CallJob, Iterable[PartitionRun]], Iterator[list[RegionResult]]
]
"""What calls runs of partitions somewhere else, with the promise of `map_in_order`."""


Finished = TypeVar("Finished")


class Genotyped(NamedTuple):
    """What the network says of images, and the records that follow."""

    probabilities: npt.NDArray[
        np.float32
    ]  # [images, 3]: of no, one and two copies of an image's alts, also settled
    records: list[VcfRecord]  # over candidates
    phase: PhaseTable | None = None  # of the heterozygous ones, whose numbers are of these records


def genotype(drawn: Drawn, genotyper: Predictor, job: CallJob, clock: Stopwatch | None = None) -> Genotyped:
    """images -> genotypes -> records."""
    clock = clock or Stopwatch(drawn.counts.seconds)
    candidates, images = drawn.candidates, drawn.images
    with located(place_of(candidates)):
        probabilities = genotyper.predict(images.images, images.features)
    alts = ImageAlts(images.site, images.alt_set)
    if drawn.settled is not None:
        probabilities, alts = drawn.settled.joined(probabilities), drawn.settled.images
    probabilities = told_by_counts(probabilities, candidates, alts)
    clock.stop("infer")
    haploid = job.ploidy.haploid(candidates.contig, candidates.start)
    called = called_sites(candidates, alts, probabilities, job.settings, haploid, drawn.proposed)
    records = called.records
    if drawn.scene is not None:
        context = AnnotateContext(
            records=records, site=np.array(called.site, np.int64), alts=called.alts, scene=drawn.scene,
            images=images, probabilities=probabilities,
        )  # fmt: skip
        records = _annotated(context, job)
    phase = None
    if drawn.units is not None:
        phase = phase_table(drawn.candidates, drawn.units, _heterozygous(drawn, called))
    if drawn.tagged is not None:
        records = phased_by_tags(records, drawn.candidates, drawn.tagged, _heterozygous(drawn, called))
    clock.stop("write")
    return Genotyped(probabilities, records, phase)


def _heterozygous(drawn: Drawn, called: CalledSites) -> list[HetCall]:
    """The heterozygous calls that begin in a target."""
    return [
        HetCall(number, record, site, tuple([alts[allele - 1] + 1 if allele else 0 for allele in record.gt]))
        for number, (record, site, alts) in enumerate(
            zip(called.records, called.site, called.alts, strict=True)
        )
        if len(set(record.gt)) == 2 and record.start not in drawn.beyond
    ]


def _annotated(context: AnnotateContext, job: CallJob) -> list[VcfRecord]:
    """Add what the technology's annotations know of the records."""
    with located(place_of(context.scene.candidates)):
        for annotate in job.pipeline.annotations:
            context = replace(context, records=annotate(context))
    return list(context.records)


def call_region(parts: Iterable[Drawn], genotyper: Predictor, job: CallJob) -> RegionResult:
    """images -> genotypes -> VCF of one region, whose candidates come in parts."""
    counts, depths = Counts(), None
    records: list[VcfRecord] = []
    phases: list[PhaseTable] = []
    for drawn in parts:
        called = genotype(drawn, genotyper, job)
        own = [i for i, record in enumerate(called.records) if record.start not in drawn.beyond]
        if called.phase is not None:
            number = len(records) + np.searchsorted(own, called.phase.record).astype(np.int32)
            phases.append(called.phase._replace(gvcf_line=number))
        records += [called.records[i] for i in own]
        depths = drawn.depths
        counts.add(drawn.counts)
    clock = Stopwatch(counts.seconds)
    kept = [
        (with_used_alts(record), i)
        for i, record in enumerate(records)
        if job.keep_ref_calls or record.proposed or record.filter != REF_CALL
    ]
    kept.sort()
    written, numbers = [record for record, _ in kept], [i for _, i in kept]
    counts.filters.update(record.filter for record in written)
    lines: list[str] = []
    gvcf: RegionGvcf | None = None
    if depths is not None:
        counts.known += int(np.count_nonzero(depths.reference != UNKNOWN_BASE))
        counts.depths += int(depths.agree.sum()) + int(depths.differ.sum())
        lines, gvcf = _lines_and_gvcf(records, kept, depths, job)
    elif not job.as_records:
        lines = [format_record(record) for record in written]
    result = RegionResult(
        [] if job.as_records else lines,
        gvcf,
        written if job.as_records else [],
        counts,
        of_written(PhaseTable.concatenate(phases), written, numbers) if phases else None,
    )
    clock.stop("write")
    return result


def _lines_and_gvcf(
    records: Sequence[VcfRecord], kept: Sequence[tuple[VcfRecord, int]], depths: ReferenceDepths, job: CallJob
) -> tuple[list[str], RegionGvcf]:
    """The lines of records that are kept, with the numbers of what they are of, and what all give to a gVCF."""
    from dvplug.records.gvcf import region_gvcf

    symbol = job.gvcf_symbol
    both = {i: format_in_both(record, symbol) for record, i in kept if record is records[i]}
    lines = [both[i][0] if i in both else format_record(record) for record, i in kept]
    in_gvcf = [both[i][1] if i in both else format_record(one, symbol) for i, one in enumerate(records)]
    return lines, region_gvcf(
        records,
        in_gvcf,
        depths,
        job.ploidy.haploid(depths.region.contig, np.arange(depths.region.start, depths.region.end)),
        job.pipeline.profile.base_error_rate,
    )


class RegionCaller:
    """The whole line for one region, in a worker process."""

    def __init__(self, job: CallJob) -> None:
        with job.inputs.watched():
            self.images = job.open_drawer()
            self.genotyper = job.open_model(job.model, job.device)
        self.job = job

    def __call__(self, partition: Partition) -> RegionResult:
        """Call one partition."""
        drawn = self.images.draw(partition.region, targets=partition.targets, linked=True)
        return call_region(drawn, self.genotyper, self.job)


class RunCaller:
    """The whole line for small regions that follow each other, in a worker process."""

    def __init__(self, job: CallJob) -> None:
        self.call = RegionCaller(job)

    def __call__(self, run: PartitionRun) -> list[RegionResult]:
        """Call the partitions of a run."""
        return [self.call(partition) for partition in run.partitions]


class RegionDrawer:
    """The line up to the images, in a worker process, where the network runs on a GPU."""

    def __init__(self, job: CallJob) -> None:
        self.images = job.open_drawer()

    def __call__(self, partition: Partition) -> list[Drawn]:
        """Draw one partition."""
        return list(self.images.draw(partition.region, targets=partition.targets, linked=True))


class GpuNetwork:
    """The network of a model, on one GPU in this process, or on several in others: see `PredictorPool`."""

    def __init__(self, job: CallJob) -> None:
        self.pool = PredictorPool(job.open_model, job.model, job.gpus) if job.gpus else None
        self.predictor = None if job.gpus else job.open_network()

    def begin(self, job: CallJob, parts: Sequence[Drawn]) -> Callable[[], RegionResult]:
        """Hand out the images of a region; what is returned waits for their probabilities, and calls it."""
        if self.predictor is not None:
            return partial(call_region, parts, self.predictor, job)
        assert self.pool is not None
        answers = [self.pool.submit(drawn.images.images, drawn.images.features) for drawn in parts]
        return partial(call_region, parts, _Answers(answers), job)

    def __enter__(self) -> GpuNetwork:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.pool is not None:
            self.pool.__exit__(kind, error, trace)


class _Answers:
    """The probabilities of a region's parts, which were asked for already, in the place of a predictor."""

    def __init__(self, answers: Iterable[Prediction]) -> None:
        self._answers = iter(answers)

    def predict(
        self, images: npt.NDArray[np.uint8], features: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        """Return those of the next part, float32[n, 3]."""
        return next(self._answers).wait()


def ahead(job: CallJob) -> int:
    """How many regions are handed out before the first of them is waited for."""
    return 2 * len(job.gpus)


def finished(begun: Iterable[Callable[[], Finished]], most: int) -> Iterator[Finished]:
    """Yield what each gives, in order; up to so many more than the one that is waited for are begun."""
    waiting: deque[Callable[[], Finished]] = deque()
    for one in begun:
        waiting.append(one)
        if len(waiting) > most:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()


def call_regions(
    job: CallJob,
    partitions: Sequence[Partition],
    workers: int,
    max_memory: int | None = None,
    spread: Spread | None = None,
) -> Iterator[RegionResult]:
    """Call partitions: one result for each, in order.

    On a CPU each worker goes the whole line; on a GPU the workers draw and this process runs the network, or deals the
    images out to the processes of several GPUs.

    Parameters
    ----------
    spread
        Calls runs of partitions on other machines, in place of worker processes of this one.

    Raises
    ------
    DvplugError
        Whatever a worker met.
    """
    here = min(workers, max(2, len(partitions)))  # more would find nothing to do
    if job.device == "gpu":
        with GpuNetwork(job) as network:
            drawn = map_in_order(RegionDrawer, job, partitions, here, max_memory)
            yield from finished((network.begin(job, parts) for parts in drawn), ahead(job))
    else:
        most = max(1, len(partitions) // (RUNS_PER_WORKER * workers))
        size = job.pipeline.profile.partition_size * (LONGER_ELSEWHERE if spread else 1)
        together = runs(partitions, size, most)
        spread = spread or partial(map_in_order, workers=here, max_memory=max_memory)
        for results in spread(RunCaller, job, together):
            yield from results
