"""What a run writes: its files, and the results of its partitions added to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dvplug.calling.events import log_result
from dvplug.calling.options import CallOptions
from dvplug.engine.job import CallJob
from dvplug.errors import InputError
from dvplug.executors.node import Facts
from dvplug.line.region import Partition
from dvplug.line.result import Counts, RegionResult
from dvplug.plugins.sources import RunCode
from dvplug.records.phase import PhasedRegion, PhaseJoiner
from dvplug.records.vcf import VcfWriter
from dvplug.system.outputs import BAM_SUFFIXES, VCF_SUFFIXES, Output, Together

if TYPE_CHECKING:
    from dvplug.calling.haplotagged import HaplotaggedReads
    from dvplug.records.gvcf import GvcfWriter
    from dvplug.report.statistics import CallStatistics


@dataclass(frozen=True)
class PreparedCall:
    """A run whose inputs were all checked."""

    options: CallOptions
    job: CallJob
    partitions: list[Partition]
    workers: int
    code: RunCode
    header: Callable[..., str]
    """Makes the VCF header; takes ``gvcf_symbol``."""
    met: Mapping[str, str]
    """What the reads are like, beside what the model was trained on."""
    facts: Facts
    """What workers on other machines must have in common with this process."""


def outputs_of(options: CallOptions) -> list[Output]:
    """All files that a run writes; raises InputError where options contradict each other."""
    if options.report is not None:
        from dvplug.report.calls import require_report_place

        require_report_place(options.report, options.out)
    if options.non_ref and not options.gvcf:
        raise InputError("--non-ref is of a gVCF, and none is written", repair="Give --gvcf, too.")
    found = [] if options.out == "-" else [Output("--out", Path(options.out), VCF_SUFFIXES)]
    if options.gvcf:
        found.append(Output("--gvcf", Path(options.gvcf), VCF_SUFFIXES))
    if options.haplotagged:
        if options.use_hp:
            raise InputError(
                "--haplotagged and --use-hp contradict each other",
                cause="with --use-hp the reads have the tags already",
                repair="Give one of the two.",
            )
        found.append(Output("--haplotagged", Path(options.haplotagged), BAM_SUFFIXES))
    if options.report is not None:
        found.append(Output("--report", options.report, (".html",)))
    if options.log_json is not None:
        found.append(Output("--log-json", options.log_json, appended=True))
    return found


@dataclass
class WrittenCalls:
    """What a run writes, to which results are added in the order of its partitions.

    Attributes
    ----------
    statistics
        What the report counts, once all is written and where there is a report.
    """

    vcf: VcfWriter
    gvcf: GvcfWriter | None
    total: Counts = field(default_factory=Counts)
    statistics: CallStatistics | None = None
    haplotagged: HaplotaggedReads | None = None
    phase: PhaseJoiner = field(default_factory=PhaseJoiner)

    def add(self, part: Partition, result: RegionResult) -> None:
        """Write what a partition gave, or, where its phase depends on what follows, keep it till then."""
        log_result(part, result)
        for settled in self.phase.add(part, result):
            self._write(settled)

    def finish(self) -> None:
        """Write what was kept."""
        for settled in self.phase.finish():
            self._write(settled)

    def _write(self, phased: PhasedRegion) -> None:
        part, result, calls = phased
        if self.haplotagged and calls:
            self.haplotagged.add(part.region.contig, calls)
        self.vcf.write_text("".join(result.lines))
        if self.gvcf and result.gvcf:
            self.gvcf.add(result.gvcf)
        self.total.add(result.counts)


@contextmanager
def written_calls(prepared: PreparedCall, started: float) -> Iterator[WrittenCalls]:
    """Write VCF, gVCF and report of a run, which appear together when the block ends, or not at all.

    Parameters
    ----------
    started
        When the run was, by `time.monotonic`.
    """
    options, job = prepared.options, prepared.job
    with Together() as group:
        with ExitStack() as outputs:
            vcf = outputs.enter_context(VcfWriter(options.out, prepared.header(), group))
            gvcf: GvcfWriter | None = None
            if options.gvcf:
                from dvplug.records.gvcf import GvcfWriter

                text = prepared.header(gvcf_symbol=job.gvcf_symbol)
                gvcf = GvcfWriter(options.gvcf, text, options.ref, job.gvcf_symbol, group)
                outputs.enter_context(gvcf)
            calls = WrittenCalls(vcf, gvcf, haplotagged=_haplotagged(prepared, group, outputs))
            with job.inputs.watched():
                yield calls
                calls.finish()
            job.inputs.require_same_sizes()
        if options.report is not None and vcf.unfinished is not None:
            from dvplug.report.calls import RunFacts, call_report

            run = RunFacts.of(calls.total, time.monotonic() - started, prepared.workers, prepared.met)
            page, calls.statistics = call_report(
                vcf.unfinished, run=run, model=job.model, name=Path(options.out).name
            )
            group.write(options.report, page)


def _haplotagged(prepared: PreparedCall, group: Together, outputs: ExitStack) -> HaplotaggedReads | None:
    options = prepared.options
    if options.haplotagged is None:
        return None
    from dvplug.calling.haplotagged import HaplotaggedReads

    (source,) = prepared.job.reads
    place, command = Path(options.haplotagged), options.command()
    return outputs.enter_context(
        HaplotaggedReads(place, source, options.ref, command, group, prepared.workers)
    )
