"""`dvplug call`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

Several = Parameter(consume_multiple=True, negative=())


def call(
    *,
    tech: str,
    ref: Path,
    reads: Annotated[list[Path], Several],
    out: Annotated[str, Parameter(allow_leading_hyphen=True)],
    regions: Annotated[list[str] | None, Several] = None,
    exclude_regions: Annotated[list[Path] | None, Several] = None,
    model: str | None = None,
    workers: int | None = None,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    sample: str | None = None,
    min_qual: float = 1.0,
    keep_ref_calls: bool = False,
    offline: bool = False,
    resume: bool = False,
    max_memory: str | None = None,
    log_json: Path | None = None,
) -> None:
    """Call germline SNPs and indels of one sample.

    Parameters
    ----------
    tech
        Sequencing technology, as `dvplug plugins list` names it.
    ref
        Reference genome: FASTA, indexed, the one that the reads were aligned to.
    reads
        Aligned reads: sorted, indexed BAM or CRAM, several files for one sample.
    out
        VCF to write: .vcf.gz (with its .tbi), .vcf, or - for stdout.
    regions
        Where to call: contig, contig:start-end (1-based), or a BED file. The default is everywhere.
    exclude_regions
        BED files of where not to call.
    model
        Model to use in place of the technology's own: name, name@1, name@1.0.0, or a model's folder. One that is not
        installed is downloaded from the registries that were added.
    workers
        Worker processes; the default is one per core. The output does not depend on it.
    device
        Where the network runs.
    sample
        Sample name in the VCF; the default is that of @RG SM.
    min_qual
        Calls of lower QUAL get the filter LowQual.
    keep_ref_calls
        Also write candidates that turned out to be reference (filter RefCall).
    offline
        Download nothing.
    resume
        Go on where a run of this command stopped; begin anew where none did.
    max_memory
        What all processes together may take, such as 4G: fewer workers are started if need be, and a run that takes
        more ends with an error.
    log_json
        File to which the events of the run are added, one JSON object a line.
    """
    from dvplug.calling import CallOptions, call_variants
    from dvplug.console import info
    from dvplug.memory import parse_size
    from dvplug.run_log import log_counts, run_log

    with run_log(log_json):
        total = call_variants(
            CallOptions(
                tech, ref, tuple(reads), out, tuple(regions or ()), tuple(exclude_regions or ()), model,
                workers if workers is not None else available_cores(), device, sample, min_qual, keep_ref_calls,
                offline, resume, parse_size(max_memory) if max_memory is not None else None,
            )
        )  # fmt: skip
        log_counts(total)
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(total.filters.items())) or "no records"
    info(f"{out}: {counts} from {total.candidates:,} candidates.")


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
