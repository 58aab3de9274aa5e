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
    ref: str,
    reads: Annotated[list[str], Several],
    out: Annotated[str, Parameter(allow_leading_hyphen=True)],
    regions: Annotated[list[str] | None, Several] = None,
    exclude_regions: Annotated[list[Path] | None, Several] = None,
    model: str | None = None,
    workers: int | None = None,
    device: Literal["auto", "cpu", "gpu"] = "auto",
    sample: str | None = None,
    min_qual: float = 1.0,
    min_gq: int = 3,
    keep_ref_calls: bool = False,
    offline: bool = False,
    gvcf: str | None = None,
    non_ref: bool = False,
    haploid_contigs: Annotated[list[str] | None, Several] = None,
    par_bed: Path | None = None,
    sex: Literal["male", "female"] | None = None,
    proposed_variants: Path | None = None,
    report: Path | None = None,
    force: bool = False,
    resume: bool = False,
    max_memory: str | None = None,
    log_json: Path | None = None,
) -> None:
    """Call germline SNPs and indels of one sample.

    Parameters
    ----------
    tech
        Sequencing technology, as `dvplug plugins list` names it; or auto: what the reads are recognised as.
    ref
        Reference genome: FASTA, indexed, the one that the reads were aligned to. A file or a URL.
    reads
        Aligned reads: sorted, indexed BAM or CRAM, several files for one sample. Files or URLs.
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
    min_gq
        Calls of lower GQ get the filter LowGQ; below 3 a genotype is more likely wrong than right.
    keep_ref_calls
        Also write candidates that turned out to be reference (filter RefCall).
    offline
        Download no model.
    gvcf
        gVCF to write too: .g.vcf.gz (with its .tbi) or .g.vcf, with blocks of reference between the records.
    non_ref
        In the gVCF, name the allele that stands for all others <NON_REF>, as GATK does, and not <*>.
    haploid_contigs
        Contigs of which the sample has one copy.
    par_bed
        BED file of where those contigs have two copies all the same: the pseudoautosomal regions.
    sex
        Of a human sample on GRCh37 or GRCh38: male makes X and Y haploid outside the pseudoautosomal regions, female
        leaves Y out.
    proposed_variants
        Indexed VCF of variants to genotype whatever the reads show; records at their sites have the flag PROPOSED.
    report
        Web page of the calls' statistics to write: .html. It needs no network.
    force
        Call although the reads contradict the technology, or the reference's sequence is not the one of the alignment
        (@SQ M5): both become warnings.
    resume
        Go on where a run of this command stopped; begin anew where none did.
    max_memory
        What all processes together may take, such as 4G: fewer workers are started if need be, and a run that takes
        more ends with an error.
    log_json
        File to which the events of the run are added, one JSON object a line.
    """
    import dvplug
    from dvplug.system.console import info

    summary = dvplug.call(
        tech, ref, reads, out, gvcf=gvcf, non_ref=non_ref, regions=regions or (),
        exclude_regions=exclude_regions or (), proposed_variants=proposed_variants, model=model,
        workers=available_cores() if workers is None else workers, device=device, sample=sample, min_qual=min_qual,
        min_gq=min_gq, keep_ref_calls=keep_ref_calls, haploid_contigs=haploid_contigs or (), par_bed=par_bed, sex=sex,
        offline=offline, force=force, report=report,
        resume=resume, max_memory=max_memory, log_json=log_json,
    )  # fmt: skip
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(summary.records.items())) or "no records"
    info(f"{out}: {counts} from {summary.candidates:,} candidates.")


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
