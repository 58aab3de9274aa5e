"""`dvplug call` as a function: check everything first, then run the engine and write the VCF."""

from __future__ import annotations

import shlex
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dvplug.alignments import preflight
from dvplug.console import info, progress, warn
from dvplug.engine import CallJob, Pipeline, RegionResult, call_regions
from dvplug.errors import InputError
from dvplug.genotyper import gpu_is_usable
from dvplug.journal import Journal, finish, open_journal
from dvplug.memory import in_units, workers_that_fit
from dvplug.models import LoadedModel, check_fit, resolve_model
from dvplug.plugins import Plugins, installed_plugins
from dvplug.postprocess import PostprocessSettings
from dvplug.reference import Reference
from dvplug.regions import Region, partitions, resolve_regions, skip_n_runs
from dvplug.run_log import log_event, log_result
from dvplug.technology import TechnologyProfile
from dvplug.vcf import VcfWriter, header, require_place


@dataclass(frozen=True)
class CallOptions:
    """What the user asked for; see `dvplug.cli.call.call` for each."""

    tech: str
    reference: Path
    reads: tuple[Path, ...]
    out: str
    regions: tuple[str, ...] = ()
    exclude: tuple[Path, ...] = ()
    model: str | None = None
    workers: int = 1
    device: str = "auto"
    sample: str | None = None
    min_qual: float = 1.0
    keep_ref_calls: bool = False
    offline: bool = False
    resume: bool = False
    max_memory: int | None = None  # bytes


def call_variants(options: CallOptions) -> RegionResult:
    """Call variants and write them; returns the counts of the whole run.

    Raises
    ------
    DvplugError
        Anything that the user can mend; no output is left behind.
    """
    if options.workers < 1:
        raise InputError(
            f"--workers {options.workers} is not a number of processes", repair="Give 1 or more."
        )
    if options.out != "-":
        require_place(Path(options.out))
    workers = _workers(options)
    plugins = installed_plugins()
    profile = plugins.technology(options.tech)
    model = resolve_model(plugins, profile, options.model, offline=options.offline)
    check_fit(model.manifest, profile, plugins.image_encoder(profile.image_encoder))
    with Reference.open(options.reference) as reference:
        regions = resolve_regions(options.regions, options.exclude, reference.lengths)
        sample = preflight(options.reads, reference, regions, options.sample).sample
        text = header(
            reference.lengths, sample, reference=options.reference.name, command=_command(options),
            model=model.manifest.label, model_sha256=model.manifest_sha256, plugins=_distributions(plugins),
        )  # fmt: skip
        job = _job(options, plugins, profile, model)
        parts = list(skip_n_runs(partitions(regions, profile.partition_size), reference))
        with (
            open_journal(vars(options), job, parts, _distributions(plugins)) as journal,
            VcfWriter(options.out, text) as writer,
        ):
            return _call(options, job, parts, workers, journal, writer)


def _job(options: CallOptions, plugins: Plugins, profile: TechnologyProfile, model: LoadedModel) -> CallJob:
    return CallJob(
        Pipeline.of(plugins, profile),
        plugins.genotyper(profile.genotyper).load(),
        model,
        options.reference,
        options.reads,
        PostprocessSettings(min_qual=options.min_qual),
        options.keep_ref_calls,
        _device(options.device),
    )


def _call(
    options: CallOptions,
    job: CallJob,
    parts: list[Region],
    workers: int,
    journal: Journal | None,
    writer: VcfWriter,
) -> RegionResult:
    name, model = job.pipeline.profile.name, job.model.manifest.label
    info(f"Calling {name} with {model} on {job.device}, {workers} worker(s).")
    total = RegionResult()
    log_event(
        "calling", technology=name, model=model, model_sha256=job.model.manifest_sha256, device=job.device,
        workers=workers, partitions=len(parts), resumed=journal.finished if journal else 0,
    )  # fmt: skip
    call = partial(call_regions, job, workers=workers, max_memory=options.max_memory)
    # Closed here: where writing fails, a traceback would keep the workers alive.
    with progress("Calling", len(parts)) as advance, closing(finish(journal, parts, call)) as results:
        for part, result in zip(parts, results, strict=True):
            log_result(part, result)
            writer.write_text("".join(result.lines))
            result.lines.clear()
            total.add(result)
            advance(result.regions)
    if not total.reads:
        warn("no usable reads in these regions: the VCF has no records. Check --regions and the read filter.")
    if total.skipped_no_sequence:
        warn("alignments without sequence or CIGAR were left out.")
    return total


def _workers(options: CallOptions) -> int:
    if options.max_memory is None:
        return options.workers
    fit = workers_that_fit(options.workers, options.max_memory)
    if fit < options.workers:
        allowed = in_units(options.max_memory)
        warn(f"{fit} worker(s) in place of {options.workers}, so that they fit into --max-memory {allowed}.")
    return fit


def _device(wanted: str) -> str:
    return ("gpu" if gpu_is_usable() else "cpu") if wanted == "auto" else wanted


def _command(options: CallOptions) -> str:
    """The command as it bears on the records: not where they go, nor how many processes made them."""
    words = ["dvplug", "call", "--tech", options.tech, "--ref", str(options.reference), "--reads"]
    words += [str(path) for path in options.reads]
    for name, values in (("--regions", options.regions), ("--exclude-regions", options.exclude)):
        if values:
            words += [name, *map(str, values)]
    if options.model:
        words += ["--model", options.model]
    if options.sample:
        words += ["--sample", options.sample]
    if options.min_qual != CallOptions.min_qual:
        words += ["--min-qual", f"{options.min_qual:g}"]
    if options.keep_ref_calls:
        words.append("--keep-ref-calls")
    return shlex.join(words)


def _distributions(plugins: Plugins) -> dict[str, str]:
    return {p.distribution: p.version for p in plugins.plugins if p.status == "ok"}
