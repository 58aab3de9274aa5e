"""What is known of samples that were called to their end: they need not be called again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvplug.calling.journal import differences
from dvplug.cohort.measures import SampleMeasures
from dvplug.cohort.sheet import RESERVED
from dvplug.cohort.tally import SnpSite
from dvplug.errors import InputError
from dvplug.system.input_states import FileState
from dvplug.system.outputs import told
from dvplug_registry.files import write_whole

FOLDER = ".dvplug-cohort"


@dataclass(frozen=True)
class FinishedSamples:
    """Notes in a hidden folder beside the outputs: of each sample what it was made of, and how its files are."""

    folder: Path

    def note(self, name: str, run: Mapping[str, Any], outputs: Iterable[Path], found: SampleMeasures) -> None:
        """Note that a sample's outputs are whole; raises InputError where that cannot be written.

        Parameters
        ----------
        run
            What the results depend on, as `dvplug.calling.journal.identity` returns it.
        """
        states = {path.name: _content(path) for path in outputs}
        self._write(self._path(name, "note"), {"run": run, "outputs": states, "measures": found})

    def note_snps(self, name: str, snps: Sequence[SnpSite]) -> None:
        """Note by which SNPs relatives of a sample are known; raises InputError where that cannot be written."""
        self._write(self._path(name, "snps"), snps)

    def snps(self, name: str) -> list[SnpSite]:
        """Return what was noted of a sample's SNPs; raises InputError where that cannot be read."""
        path = self._path(name, "snps")
        try:
            return [SnpSite(*site) for site in _read(path)]
        except _UNREADABLE as error:
            raise InputError(
                f"The note {path} cannot be read",
                cause=str(error),
                repair=f"Remove {self._path(name, 'note')}, and repeat the command: the sample is called anew.",
            ) from error

    def look(self, name: str, run: Mapping[str, Any]) -> tuple[SampleMeasures | None, str]:
        """Return the numbers of a sample whose outputs are whole and of this very run; else None, and why.

        Nothing is said of one that never was whole.
        """
        try:
            content = _read(self._path(name, "note"))
            made, states = content["run"], content["outputs"]
            measures = SampleMeasures(*content["measures"])
            _read(self._path(name, "snps"))
        except _UNREADABLE:
            return None, ""
        for output, state in states.items():
            if state != _content(self.folder / output):
                return None, f"{output} is not there, or not as it was written"
        if found := differences(made, json.loads(json.dumps(run))):
            return None, "; ".join(found)
        return measures, ""

    def names(self) -> list[str]:
        """Names of all samples that were whole once, sorted."""
        return sorted(path.name.removesuffix(".note") for path in (self.folder / FOLDER).glob("*.note"))

    def note_joint(self, joint: Path, made_of: Mapping[str, Any]) -> None:
        """Note what the joint VCF was made of; raises InputError where that cannot be written.

        Parameters
        ----------
        made_of
            Its ``samples``, of which the gVCFs are noted, too, and what else it depends on.
        """
        gvcfs = {name: self.gvcf(name) for name in made_of["samples"]}
        self._write(self._joint, {**made_of, "gvcfs": gvcfs, "output": _content(joint)})

    def look_joint(self, joint: Path) -> dict[str, Any] | None:
        """Return what the joint VCF was made of; None where it has no note, or is not as it was written."""
        try:
            made = _read(self._joint)
            return made if made["output"] == _content(joint) else None
        except _UNREADABLE:
            return None

    def gvcf(self, name: str) -> list[Any] | None:
        """Return what tells the gVCF of a sample from others, as `note_joint` notes it of ``gvcfs``."""
        return _content(self.folder / f"{name}.g.vcf.gz")

    @property
    def _joint(self) -> Path:
        return self._path(RESERVED, "joint")

    def _path(self, name: str, what: str) -> Path:
        return self.folder / FOLDER / f"{name}.{what}"

    def _write(self, path: Path, content: object) -> None:
        with told(f"The note {path}"):
            path.parent.mkdir(exist_ok=True)
            write_whole(path, zlib.compress(json.dumps(content).encode(), 1))


_UNREADABLE = (OSError, ValueError, KeyError, TypeError, zlib.error)


def _read(path: Path) -> Any:
    return json.loads(zlib.decompress(path.read_bytes()))


def _content(path: Path) -> list[Any] | None:
    state = FileState.of(path)
    return list(state.content) if state else None
