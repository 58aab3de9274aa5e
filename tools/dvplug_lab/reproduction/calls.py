"""Call a sample with dvplug and with bcftools, and judge both."""

from __future__ import annotations

from pathlib import Path

from dvplug.evaluate import Evaluation, evaluate
from dvplug_lab import commands
from dvplug_lab.comparison import peers
from dvplug_lab.reproduction.samples import Genome

CALLERS = ("dvplug", "bcftools")


def call(
    caller: str, reference: Path, reads: Path, out: Path, workers: int, model: Path | None = None
) -> Path:
    """Call reads, by bcftools with GQ, by dvplug with the shipped model or another; return the VCF."""
    out.parent.mkdir(parents=True, exist_ok=True)
    if caller == "dvplug":
        given = str(model) if model else None
        commands.run(peers.dvplug("illumina-wgs", reference, reads, out, model=given, workers=workers))
    else:
        piled, called = peers.bcftools(reference, reads, out)
        commands.run([piled, [*called[:3], "-a", "GQ", *called[3:]]])
    return out


def judged(genome: Genome, calls: Path, folder: Path | None = None) -> Evaluation:
    """Compare calls with what is true of a genome; ``folder`` is where the annotated VCFs go."""
    return evaluate(genome.truth, calls, genome.confident, genome.reference, out_dir=folder)


def counted(found: Evaluation) -> dict[str, object]:
    """F1, FP and FN of SNPs and indels."""
    return {
        f"{kind} {name}": value
        for kind, c in (("SNP", found.snp), ("indel", found.indel))
        for name, value in (("F1", None if c.f1 is None else round(c.f1, 5)), ("FP", c.fp), ("FN", c.fn))
    }
