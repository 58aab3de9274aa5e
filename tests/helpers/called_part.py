"""One part of a genome, called from files as people have them."""

from __future__ import annotations

from pathlib import Path

import pysam

from helpers.command import run

PART = "10001-30000"


def contig_of(reference: Path) -> str:
    """The first contig of a FASTA."""
    with pysam.FastaFile(str(reference)) as fasta:
        return str(fasta.references[0])


def call(out: Path, reference: object, *reads: object, regions: str | None = None, workers: int = 1) -> int:
    """The exit code of `dvplug call` on these files."""
    words = ["call", "--tech", "illumina-wgs", "--ref", reference, "--out", out, "--device", "cpu"]
    words += ["--workers", workers, "--reads", *reads, *(["--regions", regions] if regions else [])]
    return run(*words)
