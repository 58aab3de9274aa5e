"""The one reader of BED files (GA4GH BED v1): where to call, where not, and where a truth is complete."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from dvplug.errors import InputError
from dvplug.genome.contigs import require_contig, require_inside
from dvplug.line.region import Region

STDIN = Path("-")
_GZIP = b"\x1f\x8b"
_HEADER = re.compile(r"#|(browser|track)(\s|$)")
_INTEGER = re.compile(r"\s*-?[0-9]{1,40}\s*")


def read_bed(path: Path, lengths: Mapping[str, int]) -> list[Region]:
    """Read the intervals of a BED file, in file order; the path ``-`` is stdin.

    Gzip and bgzip are told by the content, whatever the file's name. Empty lines, comments (``#``) and the lines
    ``browser`` and ``track`` are passed over. Fields are separated by tabs, or else by spaces; what stands behind the
    third is not looked at.

    Parameters
    ----------
    lengths
        Length of each contig of the reference.

    Raises
    ------
    InputError
        The file cannot be read, has no interval, or has a line that is no interval of these contigs.
    """
    regions, shown = [], "stdin" if path == STDIN else path
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and not _is_header(line, lengths):
                    regions.append(_region(line, f"{shown}, line {number}", lengths))
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise InputError(
            f"BED file {shown} cannot be read", cause=str(error), repair="Check the path and the file."
        ) from error
    if not regions:
        raise InputError(
            f"BED file {shown} has no intervals", repair="Each line needs contig, start and end (0-based)."
        )
    return regions


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    """Open the text; that it is packed is told by its first bytes, as pipes have no suffix."""
    with open(0, "rb", closefd=False) if path == STDIN else path.open("rb") as file:
        packed = file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP
        with gzip.open(file, "rt", encoding="utf-8") if packed else io.TextIOWrapper(file, "utf-8") as lines:
            yield lines


def _is_header(line: str, lengths: Mapping[str, int]) -> bool:
    """Whether a line is a comment, or ``browser`` or ``track`` and not of a contig that is called so."""
    return bool(_HEADER.match(line)) and line.split()[0] not in lengths


def _region(line: str, source: str, lengths: Mapping[str, int]) -> Region:
    fields = line.split("\t") if "\t" in line else line.split()
    if len(fields) < 3 or not all(map(_INTEGER.fullmatch, fields[1:3])):
        raise InputError(
            f"{source} is not BED: '{line.strip()[:80]}'",
            cause="a line is contig, start and end, separated by tabs or spaces",
            repair="Mend or remove the line.",
        )
    region = Region(fields[0].strip(), int(fields[1]), int(fields[2]))
    require_contig(region.contig, source, lengths)
    require_inside(region, f"{source} ('{line.strip()[:80]}')", lengths)
    return region
