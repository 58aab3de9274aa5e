"""One sample of a cohort: begun when its first region is handed out, written as by `dvplug call`, noted when whole."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from itertools import islice
from types import TracebackType

from dvplug.calling.candidate_density import CandidateDensity
from dvplug.calling.events import log_counts, warn_of_reads, warn_of_tags
from dvplug.calling.familiarity import warn_of_images
from dvplug.calling.journal import Journal, identity, journal_path, open_journal
from dvplug.calling.written import WrittenCalls, outputs_of, written_calls
from dvplug.cohort.finished import FinishedSamples
from dvplug.cohort.measures import SampleMeasures, measures_of
from dvplug.cohort.plan import PlannedSample
from dvplug.cohort.tally import GenomeKinds, SampleTally
from dvplug.engine.samples import SampleAnswer, SampleRun, sample_runs
from dvplug.errors import DvplugError, RefusedRun
from dvplug.line.region import Partition
from dvplug.line.result import RegionResult
from dvplug.system.console import complain, info
from dvplug.system.locations import shown
from dvplug.system.outputs import reserved
from dvplug.system.run_log import about, log_event


class SampleCalling:
    """A sample that is called among others.

    What goes wrong with it is told, and ends it alone.

    Attributes
    ----------
    error
        Why it could not be called to its end.
    found
        Its numbers, once its outputs are whole.
    partitions_done
        How many of its partitions are written, those of an earlier run among them.
    """

    def __init__(
        self, number: int, planned: PlannedSample, kinds: GenomeKinds, notes: FinishedSamples
    ) -> None:
        self.number, self.planned, self.notes = number, planned, notes
        self.name, self.prepared = planned.row.name, planned.prepared
        self.tally = SampleTally(kinds)
        self.error: DvplugError | None = None
        self.found: SampleMeasures | None = None
        self.partitions_done = 0
        self._stack = ExitStack()
        self._calls: WrittenCalls | None = None
        self._journal: Journal
        self._left: Iterator[Partition] = iter(())
        self._density = CandidateDensity(shown(planned.options.ref), force=planned.options.force)

    def is_whole(self) -> bool:
        """Look whether the sample was called to its end before; say so where it has to be called again."""
        with about(self.name):
            self.found, why = self.notes.look(self.name, self._run())
            if self.found:
                self.partitions_done = len(self.prepared.partitions)
                with self._reserved():  # what a kill just before its end left goes
                    journal_path(self.planned.options.out).unlink(missing_ok=True)
            elif why:
                info(f"It is called anew: {why}.")
        return self.found is not None

    def regions(self, workers: int) -> Iterator[SampleRun]:
        """Begin the sample, and yield what is left to be called, as long as nothing is wrong with it."""
        with about(self.name):
            try:
                self._begin()
            except DvplugError as error:
                self._fail(error)
        parts = self.prepared.partitions[self.partitions_done :]
        for run in sample_runs(self.number, self.name, self.prepared.job, parts, workers):
            if self.error:
                return
            yield run

    def add(self, answer: SampleAnswer) -> None:
        """Take the answer to the next of its regions."""
        if self.error:
            return
        with about(self.name):
            try:
                if isinstance(answer, DvplugError):
                    raise answer
                for part, result in zip(list(islice(self._left, len(answer))), answer, strict=True):
                    self._journal.add(result)
                    self._add(part, result)
                self._end_if_done()
            except DvplugError as error:
                self._fail(error)

    def leave(self) -> None:
        """Leave it as it is, because of what is being raised: its journal stays, and its outputs do not appear."""
        kind, error, trace = sys.exc_info()
        if isinstance(error, RefusedRun):  # by whatever is no fault of this sample
            kind, error = DvplugError, DvplugError(error.problem)
        with about(self.name):
            try:
                self._stack.__exit__(kind, error, trace)
            except DvplugError as other:  # such as that its files changed
                if other is not error:
                    complain(f"{self.name}: {other}")

    def _begin(self) -> None:
        prepared = self.prepared
        began = time.monotonic()
        with ExitStack() as stack:
            stack.enter_context(self._reserved())
            one = prepared.options, prepared.job, prepared.partitions, prepared.code
            journal = stack.enter_context(open_journal(*one, by_itself=True))
            assert journal is not None  # as it is of stdout alone
            self._journal = journal
            log_event(
                "calling", technology=prepared.job.pipeline.profile.name, model=prepared.job.model.manifest.label,
                model_sha256=prepared.job.model.manifest_sha256, device=prepared.job.device,
                workers=prepared.workers, partitions=len(prepared.partitions), resumed=journal.finished,
            )  # fmt: skip
            log_event("profile", **prepared.job.run.summary())
            stack.push(self._note)
            self._calls = stack.enter_context(written_calls(prepared, began))
            self._left = iter(prepared.partitions)
            for result in journal.results():
                self._add(next(self._left), result)
            self._stack = stack.pop_all()
        self._end_if_done()

    def _add(self, part: Partition, result: RegionResult) -> None:
        assert self._calls is not None
        self._density.add(part.region.contig, result.counts)
        self._calls.add(part, result)
        self.tally.add(part, result)
        self.partitions_done += 1

    def _end_if_done(self) -> None:
        if self.partitions_done < len(self.prepared.partitions):
            return
        calls = self._calls
        assert calls is not None
        self._density.finish()
        self._stack.close()
        options = self.planned.options
        warn_of_reads(calls.total, chosen=bool(options.sample or options.read_group))
        warn_of_images(calls.total)
        warn_of_tags(calls.total, wanted=options.use_hp)
        log_counts(calls.total)
        self._calls, self.tally = None, SampleTally(self.tally.kinds)  # there may be very many samples
        info(f"{calls.total.filters['PASS']:,} records pass of {calls.total.candidates:,} candidates.")

    def _note(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Note that the outputs are whole, once they are, and before the journal goes."""
        if kind is not None or self._calls is None or self._calls.statistics is None:
            return
        found = measures_of(self._calls.statistics, self.tally)
        self.notes.note_snps(self.name, self.tally.sites())
        made = [path for one in outputs_of(self.planned.options) for path in (one.path, *one.also)]
        self.notes.note(self.name, self._run(), [path for path in made if path.exists()], found)
        self.found = found

    def _fail(self, error: DvplugError) -> None:
        """End the sample because of what is wrong with it."""
        try:
            self._stack.__exit__(type(error), error, error.__traceback__)
        except DvplugError as other:  # such as that its files changed meanwhile
            error = other
        self._calls = None
        self.error = error
        log_event("failed", problem=error.problem, cause=error.cause, repair=error.repair)
        complain(f"{self.name}: {error}")

    def _run(self) -> dict[str, object]:
        one = self.prepared
        return identity(one.options, one.job, one.partitions, one.code)

    def _reserved(self) -> AbstractContextManager[None]:
        options = self.planned.options
        return reserved(outputs_of(options), options.inputs())
