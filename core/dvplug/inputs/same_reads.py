"""Reads that are given twice, as one file or in several: they would count twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pysam

from dvplug.errors import InputError
from dvplug.reads.groups import ReadGroups
from dvplug.system.console import warn
from dvplug.system.htslib import isolated_htslib
from dvplug.system.input_states import FileState
from dvplug.system.locations import Location, is_remote, shown

_COMPARED, _FURTHER = 10, 1000
"""Reads of a file that another one must have, its first ones and the last of so many: one name may come up twice."""
_MOST_SEEN = 100_000
"""Reads that are looked at for that, where few are of the read groups or many lie at one place."""
_MARKS = pysam.FQCFAIL | pysam.FDUP
"""Flags that one of two files may have been given later."""

_Read = tuple[int, str | None, int]
"""0-based start, name and flags."""


class OpenedFile(NamedTuple):
    """A file with its index.

    Attributes
    ----------
    read_groups
        Those that its header names.
    counting
        Of which reads count.
    """

    path: Location
    alignments: pysam.AlignmentFile
    read_groups: frozenset[str]
    counting: ReadGroups


class _Stretch(NamedTuple):
    """Reads that follow each other."""

    contig: str
    found: tuple[_Read, ...]

    @property
    def start(self) -> int:
        """Where the first begins, 0-based."""
        return self.found[0][0]

    @property
    def end(self) -> int:
        """One past where the last begins."""
        return self.found[-1][0] + 1


def same_files(paths: Sequence[Location]) -> Iterator[InputError]:
    """Yield an error for each file that is another one of these."""
    states: list[tuple[Location, object]] = []
    for path in paths:
        state = None if is_remote(path) else FileState.of(Path(path))
        what = path if state is None else state.content
        same = next((other for other, known in states if known == what), None)
        if same is not None and (state is None or _has_reads(Path(path))):
            yield InputError(
                f"{shown(path)} is given twice"
                if shown(path) == shown(same)
                else f"{shown(path)} is the same file as {shown(same)}",
                cause="its reads would count twice",
                repair="Name each file once with --reads.",
            )
        states.append((path, what))


@isolated_htslib()
def _has_reads(path: Path) -> bool:
    """Whether a file has a read: those without may well be alike."""
    try:
        with pysam.AlignmentFile(str(path), check_sq=False) as alignments:
            return next(alignments.fetch(until_eof=True), None) is not None
    except (OSError, ValueError):  # which is told by other checks
        return False


@isolated_htslib()
def require_other_reads(files: Sequence[OpenedFile]) -> None:
    """Refuse files of which one has the reads of another, as a BAM, its CRAM, or a part of it.

    The first reads of each, and some further on, are looked for in all others that name the same read groups, or some
    of them; where only the former are there, as at the ends of parts of one file, a warning says so. Files at URLs,
    where each look would be a request, are left out.

    Raises
    ------
    InputError
        Both are in another one.
    """
    local = [file for file in files if not is_remote(file.path)]
    for one in local:
        others = [file for file in local if _may_share(one, file)]
        told = _told_reads(one) if others else ()
        for other in others:
            shared = [reads for reads in told if set(reads.found) <= set(_reads(other, reads))]
            if not shared:
                continue
            problem = f"reads of {shown(one.path)} are in {shown(other.path)}, too"
            example = f"both have '{shared[0].found[0][1]}' at {shared[0].contig}:{shared[0].start + 1}"
            if len(shared) < len(told):
                warn(f"some {problem}, and count twice: {example}.")
                continue
            raise InputError(
                f"The {problem}",
                cause=f"{example}; they would count twice",
                repair="Name one of the two with --reads.",
            )


def _may_share(one: OpenedFile, other: OpenedFile) -> bool:
    """Whether two files could have reads in common, by their read groups; not where they are known to be one."""
    if one is other or not (
        one.read_groups & other.read_groups or not (one.read_groups and other.read_groups)
    ):
        return False
    contents = [state.content if (state := FileState.of(Path(file.path))) else None for file in (one, other)]
    return contents[0] is None or contents[0] != contents[1]


def _told_reads(file: OpenedFile) -> Sequence[_Stretch]:
    """The first reads that count, and some further on: parts of one file, cut apart, share those at the cut."""
    try:
        first = list(islice(_counting(file, file.alignments.fetch()), _FURTHER))
    except (OSError, ValueError):  # which is told by other checks
        return ()
    found = []
    for reads in (first[:_COMPARED], first[-_COMPARED:]) if first else ():
        contig = reads[0].reference_name
        found.append(
            _Stretch(str(contig), tuple(_told(read) for read in reads if read.reference_name == contig))
        )
    return found


def _reads(file: OpenedFile, where: _Stretch) -> Iterator[_Read]:
    """Yield those that count and begin in a stretch."""
    try:
        for read in _counting(file, file.alignments.fetch(where.contig, where.start, where.end)):
            if read.reference_start >= where.start:
                yield _told(read)
    except (OSError, ValueError):  # as a contig that it has not
        return


def _counting(file: OpenedFile, reads: Iterable[pysam.AlignedSegment]) -> Iterator[pysam.AlignedSegment]:
    """Yield those that count, and have a name."""
    for read in islice(reads, _MOST_SEEN):
        group = read.get_tag("RG") if read.has_tag("RG") else None
        if read.query_name not in (None, "*") and file.counting.has(None if group is None else str(group)):
            yield read


def _told(read: pysam.AlignedSegment) -> _Read:
    return read.reference_start, read.query_name, read.flag & ~_MARKS
