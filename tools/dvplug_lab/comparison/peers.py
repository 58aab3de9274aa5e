"""The callers that are compared: the command lines of dvplug, bcftools and freebayes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pysam

from dvplug.line.region import Region
from dvplug_lab.commands import Command, dvplug_call

_NOISY = ("ont", "ont-hac", "ont-r9", "pacbio-clr")
BCFTOOLS_PRESETS = {"pacbio": ["-X", "pacbio-ccs"], **{name: ["-X", "ont"] for name in _NOISY}}
"""Options of `bcftools mpileup` by technology; for continuous long reads it has none of their own."""
FREEBAYES_OPTIONS = {name: ["--min-alternate-fraction", "0.2"] for name in _NOISY}
"""By technology. With the default of 0.05 it weighs so many errors of ONT reads that 1 Mb takes an hour; on the real
set it makes fewer errors this way, not more."""


def bcftools(
    reference: Path, reads: Path, out: Path, where: Sequence[Region] = (), tech: str = ""
) -> list[Command]:
    """Return `bcftools mpileup | call -mv`, nothing filtered, in these regions or everywhere."""
    regions = ["-r", ",".join(map(str, where))] if where else []
    return [
        [
            "bcftools",
            "mpileup",
            "-Ou",
            *BCFTOOLS_PRESETS.get(tech, []),
            "-f",
            str(reference),
            *regions,
            str(reads),
        ],
        ["bcftools", "call", "-mv", "-Oz", "-o", str(out)],
    ]


def freebayes(
    reference: Path, reads: Path, out: Path, where: Sequence[Region], targets: Path, tech: str = ""
) -> list[Command]:
    """Return `freebayes`, filtered by QUAL > 20; writes the regions to ``targets``, as it wants a BED file.

    The reference must not be compressed.
    """
    targets.write_text("".join(f"{contig}\t{start}\t{end}\n" for contig, start, end in where))
    return [
        ["freebayes", *FREEBAYES_OPTIONS.get(tech, []), "-f", str(reference), "-t", str(targets), str(reads)],
        ["bcftools", "view", "-i", "QUAL>20", "-Oz", "-o", str(out)],
    ]


def dvplug(
    tech: str,
    reference: Path,
    reads: Path,
    out: Path,
    where: Sequence[Region] = (),
    *,
    model: str | None = None,
    workers: int = 1,
    keep_ref_calls: bool = False,
) -> list[Command]:
    """Return `dvplug call` on the CPU, of whatever technology: reads are called as another's on purpose, too."""
    more = ["--force"]
    more += ["--regions", *map(str, where)] if where else []
    more += ["--model", model] if model else []
    more += ["--keep-ref-calls"] if keep_ref_calls else []
    return [dvplug_call(reference, reads, out, *more, workers=workers, tech=tech)]


def plain_fasta(reference: Path, folder: Path) -> Path:
    """Return an uncompressed, indexed copy of a reference, or itself when it is not compressed."""
    if reference.suffix not in (".gz", ".bgz"):
        return reference
    plain = folder / reference.stem
    if not plain.exists():
        with pysam.FastaFile(str(reference)) as fasta, plain.open("w") as out:
            for contig in fasta.references:
                sequence = fasta.fetch(contig)
                out.write(f">{contig}\n")
                out.writelines(f"{sequence[i : i + 100]}\n" for i in range(0, len(sequence), 100))
        pysam.faidx(str(plain))
    return plain
