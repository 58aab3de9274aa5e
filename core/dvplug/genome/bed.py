"""The one reader of BED files (GA4GH BED v1): where to call, where not, and where a truth is complete."""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from dvplug.errors import InputError
from dvplug.genome.contigs import require_contig, require_inside
from dvplug.line.region import Region
from dvplug.system.locations import StrPath, require_file

STDIN = Path("-")
MOST_OF_A_LINE = 1 << 20
_GZIP = b"\x1f\x8b"
_HEADER = re.compile(r"#|(browser|track)(\s|$)")
_INTEGER = re.compile(r"\s*-?[0-9]{1,40}\s*")


def read_bed(given: StrPath, lengths: Mapping[str, int]) -> list[Region]:
    """Read the intervals of the BED file that is given, in file order; the path ``-`` is stdin.

    Gzip and bgzip are told by the content, whatever the file's name. Empty lines, comments (``#``) and the lines
    ``browser`` and ``track`` are passed over; the latter are data where the reference has a contig of that name. Fields
    are separated by tabs, or else by spaces; what stands behind the third is not looked at, and may be in any encoding.
    Lines may end as on Windows, and a byte order mark may stand first.

    Parameters
    ----------
    lengths
        Length of each contig of the reference.

    Raises
    ------
    InputError
        The file cannot be read, has no interval, or has a line that is no interval of these contigs.
    """
    path = Path(given)
    regions, shown = [], "stdin" if path == STDIN else path
    if path != STDIN and not path.exists():  # a pipe is no file, and may be read
        require_file(path, "BED file")
    try:
        with _opened(path) as lines:
            for number, line in enumerate(iter(lambda: lines.readline(MOST_OF_A_LINE), ""), 1):
                if len(line) == MOST_OF_A_LINE:
                    raise _no_bed(
                        f"{shown}, line {number}", line, f"it is longer than {MOST_OF_A_LINE:,} bytes"
                    )
                if line.strip() and not _is_header(line, lengths):
                    regions.append(_region(line, f"{shown}, line {number}", lengths))
    except (OSError, EOFError, zlib.error) as error:
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
        content = cast(BinaryIO, gzip.open(file, "rb")) if packed else file  # noqa: SIM115 - the text closes it
        # utf-8-sig: without the mark that Windows puts first. Names of intervals are often in Latin-1.
        with io.TextIOWrapper(content, "utf-8-sig", errors="surrogateescape") as lines:
            yield lines


def _is_header(line: str, lengths: Mapping[str, int]) -> bool:
    """Whether a line is a comment, or ``browser`` or ``track`` and not of a contig that is called so."""
    return bool(_HEADER.match(line)) and line.split()[0] not in lengths


def _no_bed(source: str, line: str, cause: str) -> InputError:
    if "\0" in line:
        cause = "it is UTF-16, or no text"
    return InputError(
        f"{source} is not BED: '{line.strip()[:80]}'", cause=cause, repair="Mend or remove the line."
    )


def _region(line: str, source: str, lengths: Mapping[str, int]) -> Region:
    fields = line.split("\t") if "\t" in line else line.split()
    if len(fields) < 3 or not all(map(_INTEGER.fullmatch, fields[1:3])):
        raise _no_bed(source, line, "a line is contig, start and end, separated by tabs or spaces")
    # Without what is blank to a pattern and not to int(), such as the separators of ASCII.
    start, end = (int(field.strip()) for field in fields[1:3])
    region = Region(fields[0].strip(), start, end)
    require_contig(region.contig, source, lengths)
    require_inside(region, f"{source} ('{line.strip()[:80]}')", lengths)
    return region
