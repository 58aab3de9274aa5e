"""`dvplug call` as a function: check everything first, then run the engine and write the VCF."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from dvplug.alignments import preflight
from dvplug.console import info, progress, warn
from dvplug.engine import CallJob, Pipeline, RegionResult, call_regions
from dvplug.errors import InputError
from dvplug.genotyper import gpu_is_usable
from dvplug.gvcf import BlockJoiner
from dvplug.models import check_fit, resolve_model
from dvplug.ploidy import Sex, left_out_by_default, resolve_ploidy
from dvplug.plugins import Plugins, installed_plugins
from dvplug.postprocess import PostprocessSettings
from dvplug.reference import Reference
from dvplug.regions import Region, partitions, resolve_regions, skip_n_runs
from dvplug.vcf import VcfWriter, header


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
    gvcf: str | None = None
    non_ref: bool = False
    haploid_contigs: tuple[str, ...] = ()
    par_bed: Path | None = None
    sex: Sex | None = None


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
    profile = plugins.technology(options.tech)
    model = resolve_model(plugins, profile, options.model, offline=options.offline)
    check_fit(model.manifest, profile, plugins.image_encoder(profile.image_encoder))
    with Reference.open(options.reference) as reference:
        regions = _regions(options, reference)
        ploidy = resolve_ploidy(
            reference.lengths,
            haploid_contigs=options.haploid_contigs,
            par_bed=options.par_bed,
            sex=options.sex,
            regions=regions,
        )
        sample = preflight(options.reads, reference, regions, options.sample).sample
        job = CallJob(
            Pipeline.of(plugins, profile),
            plugins.genotyper(profile.genotyper).load(),
            model,
            options.reference,
            options.reads,
            PostprocessSettings(min_qual=options.min_qual),
            options.keep_ref_calls,
            _device(options.device),
            ploidy,
            ("<NON_REF>" if options.non_ref else "<*>") if options.gvcf else "",
        )
        text = partial(
            header, reference.lengths, sample, reference=options.reference.name, command=_command(options),
            model=model.manifest.label, model_sha256=model.manifest_sha256, plugins=_distributions(plugins),
        )  # fmt: skip
        with ExitStack() as outputs:
            writer = outputs.enter_context(VcfWriter(options.out, text()))
            gvcf = None
            if options.gvcf:
                gvcf_text = text(gvcf_symbol=job.gvcf_symbol)
                gvcf = outputs.enter_context(VcfWriter(options.gvcf, gvcf_text))
            return _call(job, options, reference, regions, writer, gvcf)


def _regions(options: CallOptions, reference: Reference) -> list[Region]:
    """Where to call: what the user named, else all contigs but those that are only called when named."""
    named = options.regions
    if not named:
        default_out = left_out_by_default(reference.lengths, options.sex)
        left_out = [contig for contig in default_out if contig not in options.haploid_contigs]
        named = tuple(contig for contig in reference.lengths if contig not in left_out)
        few = ", ".join(f"{contig} ({default_out[contig]})" for contig in left_out[:4])
        few += f" and {len(left_out) - 4} more" if len(left_out) > 4 else ""
        if not named:
            raise InputError(
                f"No bases are left to call but those of {few}",
                cause="such contigs are only called when they are named",
                repair=f"Name them: --regions {left_out[0]}",
            )
        if left_out:
            info(f"Not called, as only --regions would name them: {few}.")
    return resolve_regions(named, options.exclude, reference.lengths)


def _call(
    job: CallJob,
    options: CallOptions,
    reference: Reference,
    regions: list[Region],
    writer: VcfWriter,
    gvcf: VcfWriter | None,
) -> RegionResult:
    profile = job.pipeline.profile
    parts = list(skip_n_runs(partitions(regions, profile.partition_size), reference))
    info(
        f"Calling {profile.name} with {job.model.manifest.label} on {job.device}, {options.workers} worker(s)."
    )
    total, joiner = RegionResult(), BlockJoiner(reference, job.gvcf_symbol)
    with progress("Calling", len(parts)) as advance:
        for result in call_regions(job, parts, options.workers):
            writer.write_text("".join(result.lines))
            if gvcf:
                gvcf.write_text(joiner.add(result.gvcf_lines))
            result.lines, result.gvcf_lines = [], []
            total.add(result)
            advance(result.regions)
    if gvcf:
        gvcf.write_text("".join(joiner.end()))
    if not total.reads:
        warn("no usable reads in these regions: the VCF has no records. Check --regions and the read filter.")
    if total.skipped_no_sequence:
        warn("alignments without sequence or CIGAR were left out.")
    return total


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
    if options.haploid_contigs:
        words += ["--haploid-contigs", *options.haploid_contigs]
    if options.par_bed:
        words += ["--par-bed", str(options.par_bed)]
    if options.sex:
        words += ["--sex", options.sex]
    return shlex.join(words)


def _distributions(plugins: Plugins) -> dict[str, str]:
    return {p.distribution: p.version for p in plugins.plugins if p.status == "ok"}
