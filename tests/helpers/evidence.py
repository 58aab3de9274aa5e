"""What is seen of reads that are written as text, to be recognised by."""

from __future__ import annotations

import random
from pathlib import Path

import pysam

from dvplug.inputs.read_evidence import Evidence, gather


def evidence_of(
    tmp_path: Path,
    header: str = "",
    *,
    length: int = 150,
    paired: bool = False,
    names: str = "r{}",
    quality: int | None = 35,
    mismatches: float = 0.0,
    tags: str = "",
    spliced: int = 0,
    reads: int = 30,
) -> Evidence:
    """Measure reads that are written as text, all of one kind, 50 bp from start to start; the first skip an intron."""
    rng = random.Random(1)
    lines = ["@HD\tVN:1.6\tSO:coordinate", "@SQ\tSN:c\tLN:10000000", *header.splitlines()]
    for i in range(reads):
        qual = "*" if quality is None else chr(33 + quality) * length
        cigar = f"10M500N{length - 10}M" if i < spliced else f"{length}M"
        fields = [names.format(i), 99 if paired else 0, "c", 50 * i + 1, 60, cigar]
        fields += ["=" if paired else "*", 50 * i + 200 if paired else 0, 0]
        fields += ["".join(rng.choices("ACGT", k=length)), qual, f"NM:i:{round(mismatches * length)}"]
        lines.append("\t".join(map(str, fields + tags.split())))
    path = tmp_path / "reads.sam"
    path.write_text("\n".join(lines) + "\n")
    with pysam.AlignmentFile(str(path)) as alignments:
        return gather(alignments)
