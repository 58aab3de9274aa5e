"""Run one caller on one sample; other callers' results are kept, as no model bears on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dvplug.line.region import Region
from dvplug.models import resolve_model
from dvplug.plugins.loading import installed_plugins
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


class MeasuredModel(NamedTuple):
    """The model that is measured: as `dvplug call` takes it, how it is called, and a name that no other one has."""

    option: str | None
    label: str
    key: str

    @classmethod
    def of(cls, tech: str, folder: Path | None) -> MeasuredModel:
        """Find the model in a folder, or the technology's own; raises ModelError when it is damaged."""
        plugins = installed_plugins()
        option = str(folder.resolve()) if folder else None
        found = resolve_model(plugins, plugins.technology(tech), option, offline=True)
        return cls(option, found.manifest.label, f"{found.manifest.label}.{found.manifest_sha256[:8]}")


def call(caller: str, sample: Sample, folder: Path, model: MeasuredModel) -> Path:
    """Return a caller's VCF of a sample; ``folder`` keeps those of bcftools and freebayes, and of models by name.

    Raises
    ------
    DvplugError
        It failed or refused the reads.
    """
    tech, reference, reads, where = sample
    if caller == OURS:
        folder /= model.key
    folder.mkdir(parents=True, exist_ok=True)
    out = folder / f"{caller}.vcf.gz"
    if caller == OURS:
        commands.run(peers.dvplug(tech, reference, reads, out, where, model=model.option))
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
