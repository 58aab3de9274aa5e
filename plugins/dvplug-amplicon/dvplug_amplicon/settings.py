"""What users can set: the BED of primers, read once."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, computed_field, field_validator

from dvplug.hookspecs import Frozen


class Primers(NamedTuple):
    """The primers of a contig, on each strand sorted by start."""

    forward: NDArray[np.int64]  # [n, 2], start and end, 0-based
    reverse: NDArray[np.int64]  # [n, 2]


class AmpliconSettings(Frozen):
    """Settings of the plugin."""

    primers: Path | None = Field(
        default=None,
        description="BED of primers, strand in column 6, or names that end in _LEFT and _RIGHT; none: nothing is cut",
    )

    @field_validator("primers")
    @classmethod
    def _can_be_read(cls, path: Path | None) -> Path | None:
        if path is not None:
            path = path.absolute()  # workers may run elsewhere
            read_primers(path)
        return path

    @computed_field  # type: ignore[prop-decorator]
    @property
    def primers_sha256(self) -> str:
        """Of the file's content: a run that goes on with other primers would be another one."""
        return hashlib.sha256(self.primers.read_bytes()).hexdigest() if self.primers else ""


@cache
def read_primers(path: Path) -> dict[str, Primers]:
    """Read a BED of primers, by contig; raises ValueError that names the line."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    found: dict[str, tuple[list[list[int]], list[list[int]]]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(("#", "track", "browser")):
            continue
        try:
            contig, start, end, strand = _fields(line.rstrip("\r").split("\t"))
        except ValueError as error:
            raise ValueError(f"{path.name}, line {number}: {error}") from error
        found.setdefault(contig, ([], []))[strand == "-"].append([start, end])
    if not found:
        raise ValueError(f"{path.name} holds no primer")
    return {contig: Primers(*map(_sorted, strands)) for contig, strands in found.items()}


def _fields(fields: list[str]) -> tuple[str, int, int, str]:
    if len(fields) < 4:
        raise ValueError("a primer has at least contig, start, end and a name, with tabs between them")
    start, end = int(fields[1]), int(fields[2])
    if not 0 <= start < end:
        raise ValueError(f"a primer cannot reach from {start} to {end}")
    strand = fields[5] if len(fields) > 5 else ""
    if strand not in ("+", "-"):
        name = fields[3].upper()
        strand = "+" if "_LEFT" in name else "-" if "_RIGHT" in name else ""
    if not strand:
        raise ValueError("neither column 6 nor the name tells its strand: + or -, _LEFT or _RIGHT")
    return fields[0], start, end, strand


def _sorted(primers: list[list[int]]) -> NDArray[np.int64]:
    return np.array(sorted(primers), np.int64).reshape(-1, 2)
