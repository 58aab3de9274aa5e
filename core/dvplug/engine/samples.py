"""The regions of many samples over one set of workers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from dvplug.engine.call import RUNS_PER_WORKER, GpuNetwork, RegionDrawer, RunCaller, ahead, finished
from dvplug.engine.draw import Drawn
from dvplug.engine.job import CallJob
from dvplug.errors import DvplugError
from dvplug.genome.regions import runs
from dvplug.line.region import Partition, PartitionRun
from dvplug.line.result import RegionResult
from dvplug.system.workers import map_queues

OPEN_SAMPLES = 2
"""Whose files and model a worker keeps open: it works on the end of one sample and on the beginning of the next."""
SampleAnswer: TypeAlias = "list[RegionResult] | DvplugError"
"""What a sample's partitions gave, or what was met there: that is of this sample alone."""


class DrawnRun(NamedTuple):
    """Images of partitions, one by one, for a network that another process runs."""

    partitions: list[list[Drawn]]


class SampleRun(NamedTuple):
    """Partitions of one sample, which one worker gets together."""

    sample: int
    name: str
    run: PartitionRun

    def __str__(self) -> str:
        """Return whose they are, and where."""
        return f"{self.run} of {self.name}"


def sample_runs(
    number: int, name: str, job: CallJob, partitions: Sequence[Partition], workers: int
) -> Iterator[SampleRun]:
    """Put partitions of a sample together as they are handed out; one by one where the network runs on a GPU."""
    most = 1 if job.device == "gpu" else max(1, len(partitions) // (RUNS_PER_WORKER * workers))
    for run in runs(partitions, job.pipeline.profile.partition_size, most):
        yield SampleRun(number, name, run)


class OneSampleCaller:
    """The whole line for one sample, in a worker process; what is wrong with it is an answer, also on opening it."""

    def __init__(self, job: CallJob) -> None:
        self.job = job
        self.call: RunCaller | None = None

    def __call__(self, wanted: SampleRun) -> SampleAnswer:
        """Call partitions."""
        try:
            self.call = self.call or RunCaller(self.job)
            return self.call(wanted.run)
        except DvplugError as error:
            return error


class OneSampleDrawer:
    """The line up to the images for one sample, in a worker process; errors as of `OneSampleCaller`."""

    def __init__(self, job: CallJob) -> None:
        self.job = job
        self.draw: RegionDrawer | None = None

    def __call__(self, wanted: SampleRun) -> DrawnRun | DvplugError:
        """Draw partitions."""
        try:
            self.draw = self.draw or RegionDrawer(self.job)
            return DrawnRun([self.draw(partition) for partition in wanted.run.partitions])
        except DvplugError as error:
            return error


class SamplesCaller:
    """The line for whatever sample is asked for, in a worker process: up to the images where those go to a GPU."""

    def __init__(self, jobs: Sequence[CallJob]) -> None:
        self.jobs = jobs
        self.open: dict[int, OneSampleCaller | OneSampleDrawer] = {}

    def __call__(self, wanted: SampleRun) -> SampleAnswer | DrawnRun:
        """Call partitions, or draw them."""
        call = self.open.pop(wanted.sample, None) or self._open(self.jobs[wanted.sample])
        self.open[wanted.sample] = call  # the last one, as the one used last
        while len(self.open) > OPEN_SAMPLES:
            del self.open[next(iter(self.open))]
        return call(wanted)

    def _open(self, job: CallJob) -> OneSampleCaller | OneSampleDrawer:
        return OneSampleDrawer(job) if job.device == "gpu" else OneSampleCaller(job)


@dataclass
class _Networks:
    """The networks that this process runs, each opened once."""

    stack: ExitStack
    open: dict[str, GpuNetwork] = field(default_factory=dict)

    def begin(
        self, jobs: Sequence[CallJob], number: int, answer: SampleAnswer | DrawnRun
    ) -> Callable[[], tuple[int, SampleAnswer]]:
        """Hand out the images of a sample's partitions, where there are some; what is returned gives the answer."""
        if not isinstance(answer, DrawnRun):
            return lambda: (number, answer)
        job = jobs[number]
        model = job.model.manifest_sha256
        if model not in self.open:
            self.open[model] = self.stack.enter_context(GpuNetwork(job))
        begun = [self.open[model].begin(job, parts) for parts in answer.partitions]
        return lambda: (number, [one() for one in begun])


def call_samples(
    jobs: Sequence[CallJob],
    queues: Iterable[Iterable[SampleRun]],
    workers: int,
    max_memory: int | None = None,
) -> Iterator[tuple[int, SampleAnswer]]:
    """Call regions of many samples by worker processes of this machine, as `map_queues` does.

    Parameters
    ----------
    jobs
        By sample.
    queues
        The regions of each sample, in the order of the jobs, as `sample_runs` gives them.

    Yields
    ------
    number of the sample, answer
        In the order of each sample's regions.
    """
    with ExitStack() as stack:
        networks = _Networks(stack)
        answers = stack.enter_context(closing(map_queues(SamplesCaller, jobs, queues, workers, max_memory)))
        begun = (networks.begin(jobs, *answer) for answer in answers)
        yield from finished(begun, max(map(ahead, jobs), default=0))
