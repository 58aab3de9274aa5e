"""Run one caller on one sample; other callers' results are kept, as no model bears on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dvplug.line.region import Region
from dvplug_lab import commands
from dvplug_lab.comparison import peers
from dvplug_lab.comparison.callers import is_newer
from dvplug_lab.comparison.compared import OURS


class Sample(NamedTuple):
    """Reads of one person, called in some regions; the reference is not compressed."""

    tech: str
    reference: Path
    reads: Path
    where: Sequence[Region]


def call(caller: str, sample: Sample, folder: Path, model: str | None) -> Path:
    """Return a caller's VCF of a sample; ``folder`` keeps those of bcftools and freebayes.

    Raises
    ------
    DvplugError
        It failed or refused the reads.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / f"{caller}.vcf.gz"
    tech, reference, reads, where = sample
    if caller == OURS:
        commands.run(peers.dvplug(tech, reference, reads, out, where, model=model))
        return out
    if is_newer(out, reads):
        return out
    part = folder / f"{caller}.part.vcf.gz"
    if caller == "bcftools":
        commands.run(peers.bcftools(reference, reads, part, where, tech))
    else:
        commands.run(peers.freebayes(reference, reads, part, where, folder / "called.bed", tech))
    part.rename(out)
    return out
