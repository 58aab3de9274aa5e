"""`dvplug call` as a function: check everything first, then run the engine and write the VCF."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

from dvplug.calling.candidate_density import CandidateDensity
from dvplug.calling.device import chosen_device, libraries_on_gpu
from dvplug.calling.events import log_counts, warn_of_copies, warn_of_reads, warn_of_tags
from dvplug.calling.familiarity import (
    Departure,
    compare_with_training,
    reads_met,
    say_departures,
    warn_of_images,
)
from dvplug.calling.journal import Journal, finish, journal_path, open_journal
from dvplug.calling.model_choice import choose_model, type_lines
from dvplug.calling.options import CallOptions
from dvplug.calling.phase_options import require_own_phase
from dvplug.calling.where import regions_and_ploidy
from dvplug.calling.written import PreparedCall, outputs_of, written_calls
from dvplug.engine.call import call_regions
from dvplug.engine.job import CallJob
from dvplug.engine.pipeline import Pipeline
from dvplug.errors import Problems
from dvplug.executors.choice import LOCAL, check_executor, open_pool, starts_here
from dvplug.executors.node import facts_of
from dvplug.executors.spread import spread
from dvplug.genome.reference import Reference
from dvplug.genome.regions import grouped, partitions, skip_n_runs
from dvplug.hookspecs.executors import Pool, WorkersWanted
from dvplug.inputs.preflight import Checked, Where, check_call
from dvplug.inputs.read_evidence import Evidence
from dvplug.inputs.recognition import AUTO
from dvplug.inputs.run_profile import measure_run
from dvplug.inputs.samples import SampleChoice
from dvplug.kernel.cache import cache_folder, is_warm
from dvplug.line.record import VcfRecord
from dvplug.line.region import Partition, Region
from dvplug.line.result import Counts, RegionResult
from dvplug.models import check_fit, check_request, genotyper_name, opener_of
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.plugins.run_settings import given_settings
from dvplug.plugins.sources import RunCode
from dvplug.reads.presence import without_reads
from dvplug.records.phase import PhaseJoiner
from dvplug.records.postprocess import PostprocessSettings
from dvplug.records.profile_lines import profile_lines
from dvplug.records.vcf import PHASE_LINE, header, with_header_lines
from dvplug.system.console import info, progress, warn
from dvplug.system.devices import parse_device
from dvplug.system.input_states import InputStates
from dvplug.system.locations import file_name, shown
from dvplug.system.memory import give_back_freed, in_units, workers_that_fit
from dvplug.system.outputs import Output, require_apart, reserved
from dvplug.system.run_log import log_event, run_log
from dvplug.system.workers import require_processes
from dvplug_registry.manifest import MANIFEST_NAME

MOST_CONTIGS = 200
"""Contigs, those with the most partitions, that the log names with how many they have."""


def call_variants(options: CallOptions) -> Counts:
    """Call variants and write them; returns the counts of the whole run.

    Raises
    ------
    DvplugError
        Anything that the user can mend; no output is left behind.
    """
    started = time.monotonic()
    outputs = outputs_of(options)
    own = [] if options.out == "-" else [Output("the journal", journal_path(options.out))]
    require_apart([*outputs, *own], options.inputs())  # first of all: to the log is written at once
    with run_log(options.log_json), reserved(outputs, options.inputs(), partial(check_options, options)):
        prepared = prepare_call(options)
        total = _write(prepared, started)
        warn_of_reads(total, chosen=bool(options.sample or options.read_group))
        warn_of_images(total)
        warn_of_tags(total, wanted=options.use_hp)
        log_counts(total)
    return total


def _write(prepared: PreparedCall, started: float) -> Counts:
    """Call all partitions, and write VCF, gVCF and report, which appear together."""
    with (
        open_journal(prepared.options, prepared.job, prepared.partitions, prepared.code) as journal,
        written_calls(prepared, started) as calls,
        closing(_results(prepared, journal)) as results,  # else a traceback would keep the workers alive
    ):
        for part, result in zip(prepared.partitions, results, strict=True):
            calls.add(part, result)
    return calls.total


def iterate_records(options: CallOptions) -> Iterator[VcfRecord]:
    """Check everything at once, then yield records in order as regions are done; raises as `call_variants`."""
    prepared = prepare_call(options)
    return _records(replace(prepared, job=replace(prepared.job, as_records=True)))


def _records(prepared: PreparedCall) -> Iterator[VcfRecord]:
    phase = PhaseJoiner()
    with closing(_results(prepared, None)) as results:
        for part, result in zip(prepared.partitions, results, strict=True):
            for settled in phase.add(part, result):
                yield from settled.result.records
    for settled in phase.finish():
        yield from settled.result.records
    prepared.job.inputs.require_unchanged()
    prepared.job.inputs.require_same_sizes()


Cuts: TypeAlias = "dict[tuple[int, tuple[Region, ...]], list[Partition]]"
"""Partitions by their size and the regions that were cut: of one reference."""


def prepare_call(options: CallOptions, cuts: Cuts | None = None) -> PreparedCall:
    """Check options, files and model before the first region is called; raises DvplugError.

    Parameters
    ----------
    cuts
        What was cut for other samples with the same reference, which is used again; what is cut is added.
    """
    inputs = InputStates.of(options.inputs())  # before anything of them is read
    workers, plugins, checked = check_options(options)
    if checked.proposed:
        _say_proposed(checked.proposed)
    options = replace(options, tech=checked.profile.name) if options.tech == AUTO else options
    job, departures, met = call_job(options, plugins, checked, inputs)
    of_model = _of_model(plugins, job)
    code = RunCode.of(plugins, checked.profile, of_model, libraries_on_gpu(job))
    with Reference.open(options.ref) as reference:
        text = partial(
            _header, (departures, job, checked.evidence), reference.lengths, checked.sample,
            reference=file_name(options.ref),
            command=options.command(), model=job.model.manifest.label, model_sha256=job.model.manifest_sha256,
            plugins=code.plugins,
        )  # fmt: skip
        size, regions = checked.profile.partition_size, _to_call(options, checked)
        parts = _cut(regions, size, reference, {} if cuts is None else cuts)
    facts = facts_of(code, checked.profile.name, of_model)
    return PreparedCall(options, job, parts, workers, code, text, met, facts)


def _cut(regions: list[Region], size: int, reference: Reference, cuts: Cuts) -> list[Partition]:
    key = size, tuple(regions)
    if key not in cuts:
        cuts[key] = list(grouped(skip_n_runs(partitions(regions, size), reference), size))
    return cuts[key]


def _to_call(options: CallOptions, checked: Checked) -> list[Region]:
    """Leave out contigs without reads, where only a gVCF and proposed variants have anything to say."""
    if options.gvcf or options.proposed_variants:
        return checked.regions
    empty = without_reads(checked.reads, options.ref, dict.fromkeys(one.contig for one in checked.regions))
    return [one for one in checked.regions if one.contig not in empty]


def _of_model(plugins: Plugins, job: CallJob) -> list[tuple[str, str]]:
    """Kind and name of what the model is opened with."""
    manifest = job.model.manifest
    parts = [("genotyper", genotyper_name(manifest, job.pipeline.profile))]
    if job.device == "gpu" and manifest.architecture in plugins.names("network"):
        parts.append(("network", manifest.architecture))
    return parts


def _header(
    run: tuple[Sequence[Departure], CallJob, Mapping[str, Evidence]], *given: Any, **named: Any
) -> str:
    """The VCF's header, with what the run is like, and the model was not trained on; the others are of `header`."""
    departures, job, evidence = run
    lines = [field.header_line() for one in job.pipeline.annotations for field in one.fields]
    lines += [PHASE_LINE] if job.pipeline.phases else []
    lines += [
        *type_lines(job.model, evidence),
        *profile_lines(job.run),
        *(one.header_line() for one in departures),
    ]
    return with_header_lines(header(*given, **named), lines)


def check_options(options: CallOptions, where: Where | None = None) -> tuple[int, Plugins, Checked]:
    """Look at all that the user gave; returns the number of workers too. Raises all that is wrong at once.

    ``where`` says which regions are wanted, in place of the options.
    """
    problems, plugins = Problems(), installed_plugins()
    workers, checked = 0, None
    with problems.collect():
        workers = check_run(options)
    with problems.collect():
        given_settings(plugins, options.set)
    if options.model:
        with problems.collect():
            check_request(plugins, options.model)
    with problems.collect():
        checked = check_call(
            plugins,
            tech=options.tech,
            reference=options.ref,
            reads=options.reads,
            where=where or partial(regions_and_ploidy, options),
            choice=SampleChoice(options.sample, options.read_group, options.sample_name),
            proposed=options.proposed_variants,
            force=options.force,
        )
    if checked and options.haplotagged:
        with problems.collect():
            require_own_phase(checked.profile, options.reads)
    problems.raise_all()
    assert checked is not None
    return workers, plugins, checked


def check_run(options: CallOptions) -> int:
    """Look at where and by how many processes regions are to be called; returns how many. Raises all that is wrong."""
    problems, workers = Problems(), 0
    with problems.collect():
        workers = _workers(options)
    with problems.collect():
        check_executor(options.executor, options.device)
    problems.raise_all()
    return workers


def call_job(
    options: CallOptions, plugins: Plugins, checked: Checked, inputs: InputStates
) -> tuple[CallJob, tuple[Departure, ...], Mapping[str, str]]:
    """Find the model and check that it fits; look up what the technology chose; raises DvplugError.

    ``inputs`` are the files as they were before they were checked; those of the model are added. Also returns what of
    the run the model was not trained on, which was warned of, and what its reads are like.
    """
    profile = checked.profile
    model = choose_model(plugins, profile, checked.evidence, options.model, offline=options.offline)
    check_fit(plugins, model.manifest, profile)
    opener = opener_of(plugins, model, profile)
    device = chosen_device(options, opener.devices, model.manifest)
    opener.require_device(device)
    with inputs.watched():
        sample, run = measure_run(checked.reads, options.ref, profile)
    give_back_freed()  # the reads of all windows were held at once
    warn_of_copies(run)
    departures, usual = compare_with_training(model.manifest, sample)
    say_departures(model.manifest.label, departures, checked.flat, force=options.force)
    pipeline = Pipeline.of(plugins, profile, given_settings(plugins, options.set))
    job = CallJob(
        pipeline.with_tags() if options.use_hp else pipeline,
        opener,
        model,
        options.ref,
        checked.reads,
        PostprocessSettings.of(model.manifest, options.min_qual, options.min_gq),
        options.keep_ref_calls,
        device,
        checked.ploidy,
        ("<NON_REF>" if options.non_ref else "<*>") if options.gvcf else "",
        proposed=options.proposed_variants,
        inputs=inputs.also(model.folder / name for name in (MANIFEST_NAME, *model.manifest.files)),
        usual=usual,
        run=run,
        gpus=parse_device(options.device).gpus,
    )
    return job, departures, reads_met(model.manifest, sample, checked.mismatches)


def _results(prepared: PreparedCall, journal: Journal | None) -> Generator[RegionResult, None, None]:
    """Yield one result of each partition, in order, with a progress bar where the caller gets files."""
    job, parts, workers = prepared.job, prepared.partitions, prepared.workers
    name, model = job.pipeline.profile.name, job.model.manifest
    local = prepared.options.executor == LOCAL
    by = f"{workers} worker(s)" if local else prepared.options.executor
    info(f"Calling {name} with {model.label} on {job.device}, {by}.")
    if local:
        _tell_of_compiling()
    log_event(
        "calling", technology=name, model=model.label, model_sha256=job.model.manifest_sha256, device=job.device,
        workers=workers, partitions=len(parts), resumed=journal.finished if journal else 0,
        contigs=dict(Counter(part.region.contig for part in parts).most_common(MOST_CONTIGS)),
    )  # fmt: skip
    log_event("profile", **job.run.summary())
    bar = not job.as_records
    with (
        _regions_called(prepared) as (call, workers_at_work),
        progress("Calling", len(parts), bar=bar) as advance,
        closing(finish(journal, parts, call)) as results,
    ):
        density = CandidateDensity(shown(prepared.options.ref), force=prepared.options.force)
        for part, result in zip(parts, results, strict=True):
            density.add(part.region.contig, result.counts)
            yield result
            advance(result.counts.regions, workers_at_work())
        density.finish()


@contextmanager
def _regions_called(
    prepared: PreparedCall,
) -> Iterator[tuple[Callable[[Sequence[Partition]], Iterator[RegionResult]], Callable[[], str]]]:
    """Give what calls partitions where the executor says, and what tells, for the progress, how many work on it."""
    options = prepared.options
    call = partial(call_regions, prepared.job, workers=prepared.workers, max_memory=options.max_memory)
    if options.executor == LOCAL:
        yield call, str
        return
    with open_pool(options.executor, WorkersWanted(prepared.workers, options.max_memory)) as pool:
        info(f"Regions are called by {pool.described()}.")
        workers = max(prepared.workers, pool.workers())
        yield (
            partial(call, workers=workers, spread=partial(spread, pool, prepared.facts)),
            partial(_at_work, pool),
        )


def _at_work(pool: Pool) -> str:
    return f"{pool.workers()} worker(s)"


def _tell_of_compiling() -> None:
    if cache_folder() is None:
        warn(
            "Compiled kernels can be kept nowhere, so that every run compiles them, about 15 s. "
            "Set DVPLUG_HOME to a folder that can be written and has room."
        )
    elif not is_warm():
        info("The first run compiles the kernels, about 15 s; `dvplug warm` does it ahead of time.")


def _workers(options: CallOptions) -> int:
    require_processes(options.workers)
    if options.max_memory is None or not starts_here(options.executor):
        return options.workers
    fit = workers_that_fit(options.workers, options.max_memory)
    if fit < options.workers:
        allowed = in_units(options.max_memory)
        warn(f"{fit} worker(s) in place of {options.workers}, so that they fit into --max-memory {allowed}.")
    return fit


def _say_proposed(counts: Counter[str]) -> None:
    info(f"{counts.pop(''):,} proposed alleles are genotyped whatever the reads show.")
    if counts:
        left = ", ".join(f"{count:,} {why}" for why, count in sorted(counts.items()))
        warn(f"proposed alleles that cannot be genotyped: {left}.")
