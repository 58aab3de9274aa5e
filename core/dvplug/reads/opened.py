"""`OpenedReads`: an open alignment file, and which of its reads count."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

import pysam

from dvplug.errors import InputError
from dvplug.line.read_batch import ReadOrigin
from dvplug.reads.alignments import header_of, open_alignments
from dvplug.reads.bam_stream import BamStream
from dvplug.reads.blocks import Blocks
from dvplug.reads.groups import EVERYTHING, ReadGroups, ReadSource
from dvplug.reads.long_reads import LongReads
from dvplug.reads.read_builder import ReadBuilder
from dvplug.reads.tail import Tail
from dvplug.system.locations import Location, shown


class OpenedReads:
    """An open alignment file, and which of its reads count.

    Attributes
    ----------
    alignments
        The file as pysam has it, with its index.
    groups
        The read groups that count.
    long_reads
        Those that were decoded and may be asked for again.
    builder
        Where records of BAM are unpacked.
    tail
        Reads of the last region that may be asked for again.
    """

    def __init__(self, alignments: pysam.AlignmentFile, groups: ReadGroups = EVERYTHING) -> None:
        self.alignments, self.groups = alignments, groups
        self.long_reads, self.builder = LongReads(), ReadBuilder()
        self.tail: Tail | None = None
        self._blocks: Blocks | None = None
        self._stream: BamStream | None = None

    @classmethod
    def open(cls, source: ReadSource, reference: Location) -> OpenedReads:
        """Open a file for reading; raises as `open_alignments`."""
        return cls(open_alignments(source.path, reference), source.groups)

    @property
    def name(self) -> str:
        """Path or URL."""
        name = self.alignments.filename
        return os.fsdecode(name)

    @cached_property
    def origins(self) -> tuple[ReadOrigin, ...]:
        """Where its reads may come from: without a read group, or from one of its header."""
        lines = header_of(self.name, self.alignments).get("RG", [])
        named = [ReadOrigin(shown(self.name), str(line["ID"]), line) for line in lines if line.get("ID")]
        return (ReadOrigin(shown(self.name)), *named)

    def stream(self) -> BamStream:
        """Return the file as records of BAM; opened once, since another may have its name later."""
        if self._stream is None:
            self._blocks = Blocks(self.name)
            self._stream = BamStream(self._blocks)
        return self._stream

    @contextmanager
    def told_of_damage(self, where: object) -> Iterator[None]:
        """Raise InputError for what comes up while a place of the file is read, and close it."""
        try:
            yield
        except (OSError, ValueError) as error:
            name = self.name
            self.close()  # now, since later nothing could catch what a damaged file says to that
            raise InputError(
                f"cannot read {name} at {where}",
                cause=str(error),
                repair="The file or its index is damaged: check it with `samtools quickcheck` and make the index "
                "anew.",
            ) from error

    def close(self) -> None:
        """Close the file."""
        self.tail = None
        with suppress(OSError):  # of a damaged file even this fails
            if self._blocks is not None:
                self._blocks.close()
            self.alignments.close()
