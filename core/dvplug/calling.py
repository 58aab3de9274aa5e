"""`dvplug call` as a function: check everything first, then run the engine and write the VCF."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from dvplug.console import info, progress, warn
from dvplug.engine import CallJob, Pipeline, RegionResult, call_regions
from dvplug.errors import InputError
from dvplug.genotyper import gpu_is_usable
from dvplug.locations import Location, file_name, shown
from dvplug.models import LoadedModel, check_fit, resolve_model
from dvplug.plugins import Plugins, installed_plugins
from dvplug.postprocess import PostprocessSettings
from dvplug.preflight import check_call
from dvplug.recognition import AUTO
from dvplug.reference import Reference
from dvplug.regions import Region, partitions, skip_n_runs
from dvplug.technology import TechnologyProfile
from dvplug.vcf import VcfWriter, header


@dataclass(frozen=True)
class CallOptions:
    """What the user asked for; see `dvplug.cli.call.call` for each."""

    tech: str
    reference: Location
    reads: tuple[Location, ...]
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
    force: bool = False


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
    plugins = installed_plugins()
    profile, sample, regions = check_call(
        plugins, tech=options.tech, reference=options.reference, reads=options.reads, regions=options.regions,
        exclude=options.exclude, sample=options.sample, force=options.force,
    )  # fmt: skip
    if options.tech == AUTO:
        options = replace(options, tech=profile.name)
    model = resolve_model(plugins, profile, options.model, offline=options.offline)
    check_fit(model.manifest, profile, plugins.image_encoder(profile.image_encoder))
    with Reference.open(options.reference) as reference:
        text = header(
            reference.lengths, sample, reference=file_name(options.reference), command=_command(options),
            model=model.manifest.label, model_sha256=model.manifest_sha256, plugins=_distributions(plugins),
        )  # fmt: skip
        with VcfWriter(options.out, text) as writer:
            return _call(options, plugins, profile, model, reference, regions, writer)


def _call(
    options: CallOptions,
    plugins: Plugins,
    profile: TechnologyProfile,
    model: LoadedModel,
    reference: Reference,
    regions: list[Region],
    writer: VcfWriter,
) -> RegionResult:
    job = CallJob(
        Pipeline.of(plugins, profile),
        plugins.genotyper(profile.genotyper).load(),
        model,
        options.reference,
        options.reads,
        PostprocessSettings(min_qual=options.min_qual),
        options.keep_ref_calls,
        _device(options.device),
    )
    parts = list(skip_n_runs(partitions(regions, profile.partition_size), reference))
    info(f"Calling {profile.name} with {model.manifest.label} on {job.device}, {options.workers} worker(s).")
    total = RegionResult()
    with progress("Calling", len(parts)) as advance:
        for result in call_regions(job, parts, options.workers):
            writer.write_text("".join(result.lines))
            result.lines.clear()
            total.add(result)
            advance(result.regions)
    if not total.reads:
        warn("no usable reads in these regions: the VCF has no records. Check --regions and the read filter.")
    if total.skipped_no_sequence:
        warn("alignments without sequence or CIGAR were left out.")
    return total


def _device(wanted: str) -> str:
    return ("gpu" if gpu_is_usable() else "cpu") if wanted == "auto" else wanted


def _command(options: CallOptions) -> str:
    """The command as it bears on the records: not where they go, nor how many processes made them."""
    words = ["dvplug", "call", "--tech", options.tech, "--ref", shown(options.reference), "--reads"]
    words += [shown(path) for path in options.reads]
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
    if options.force:
        words.append("--force")
    return shlex.join(words)


def _distributions(plugins: Plugins) -> dict[str, str]:
    return {p.distribution: p.version for p in plugins.plugins if p.status == "ok"}
