"""`--haplotagged`: the reads, each with the haplotype and the block that phased calls tell, as a BAM."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

import numpy as np
import pysam

from dvplug._version import __version__
from dvplug.reads.alignments import open_alignments
from dvplug.reads.decode import name_hash
from dvplug.reads.groups import ReadSource
from dvplug.records.phase import UNPHASED, PhasedCalls
from dvplug.sequence.arrays import Int8s, Int64s, UInt64s, numbered
from dvplug.system.htslib import isolated_htslib
from dvplug.system.locations import Location
from dvplug.system.outputs import BAM_INDEXES, BAM_SUFFIXES, TBI_MAX, Together, told

_MOST_WAITING = 1 << 21
"""Entries that may gather before they are added up by read."""


class _Votes(NamedTuple):
    """What calls say of reads, by read and block."""

    unit: UInt64s
    block: Int64s
    score: Int64s  # calls that say haplotype 1, less those that say 2

    def added_up(self) -> _Votes:
        """Return one entry for each read and block, by these."""
        order = np.lexsort((self.block, self.unit))
        unit, block, score = self.unit[order], self.block[order], self.score[order]
        first = np.ones(len(unit), np.bool_)
        first[1:] = (unit[1:] != unit[:-1]) | (block[1:] != block[:-1])
        begins = np.flatnonzero(first)
        return _Votes(unit[begins], block[begins], np.add.reduceat(score, begins) if len(begins) else score)


class _TaggedReads(NamedTuple):
    """Reads of a contig whose haplotype is known, by their hashes, ascending."""

    unit: UInt64s
    block: Int64s
    haplotype: Int8s


class HaplotaggedReads:
    """Gathers what calls tell of reads, and writes the reads when all are called.

    What it gathers of a contig that is done lies in a file without a name: memory does not grow with the genome.

    Parameters
    ----------
    path
        The BAM, which appears with the other files of ``group``.
    source, reference
        The reads.
    command
        For the header.
    threads
        That compress and decompress.
    """

    def __init__(
        self, path: Path, source: ReadSource, reference: Location, command: str, group: Together, threads: int
    ) -> None:
        self.path, self.source, self.reference, self.command = path, source, reference, command
        self.group, self.threads = group, threads
        self._votes: list[_Votes] = []
        self._waiting = 0
        self._contig = ""
        with told(f"Output {path}"):
            self.unfinished = group.begin(path, BAM_SUFFIXES[0])
            self._kept: IO[bytes] = tempfile.TemporaryFile(  # noqa: SIM115 - closed by __exit__
                dir=self.unfinished.parent
            )
        self._places: dict[str, int] = {}
        self._longest = 0

    def add(self, contig: str, calls: PhasedCalls) -> None:
        """Take phased calls of a region; regions come in order."""
        if contig != self._contig:
            self._end_contig()
            self._contig = contig
        table = calls.table
        lengths = np.diff(table.offset)
        block, turn = np.repeat(calls.block, lengths), np.repeat(calls.turn, lengths)
        known = block != UNPHASED
        score = (table.side.astype(np.int64) * turn)[known]
        self._votes.append(_Votes(table.unit[known], block[known], score))
        self._waiting += len(score)
        if self._waiting > _MOST_WAITING:
            self._votes = [self._gathered()]
            self._waiting = 0

    def _gathered(self) -> _Votes:
        return _Votes._make(map(np.concatenate, zip(*self._votes, strict=True))).added_up()

    def _end_contig(self) -> None:
        """Settle the haplotypes of the last contig's reads, and put them aside."""
        if not self._votes:
            return
        votes = self._gathered()
        self._votes, self._waiting = [], 0
        order = np.lexsort(
            (votes.block, -np.abs(votes.score), votes.unit)
        )  # of each read the surest block first
        unit, block, score = votes.unit[order], votes.block[order], votes.score[order]
        first = np.searchsorted(unit, numbered(unit)[0])
        first = first[score[first] != 0]
        with told(f"Output {self.path}"):
            self._places[self._contig] = self._kept.seek(0, 2)
            for column in (unit[first], block[first], np.where(score[first] > 0, 1, 2).astype(np.int8)):
                np.save(self._kept, column)

    def _tagged(self, contig: str) -> _TaggedReads | None:
        if contig not in self._places:
            return None
        self._kept.seek(self._places[contig])
        return _TaggedReads._make(np.load(self._kept) for _ in range(3))

    def close(self) -> None:
        """Write all reads with their tags, and the index; raises InputError where the reads or the BAM break off."""
        self._end_contig()
        with told(f"Output {self.path}"):
            self._write()
            suffix = ".csi" if self._longest > TBI_MAX else ".bai"
            pysam.index(*(["-c"] if suffix == ".csi" else []), str(self.unfinished))
            self.group.take_index(Path(f"{self.unfinished}{suffix}"), self.path, suffix, BAM_INDEXES)

    @isolated_htslib()
    def _write(self) -> None:
        with closing(open_alignments(self.source.path, self.reference)) as reads:
            header = reads.header.to_dict()
            self._longest = max(reads.lengths, default=0)
            header.setdefault("PG", []).append(_program(header, self.command))
            with pysam.AlignmentFile(str(self.unfinished), "wb", header=header, threads=self.threads) as out:
                for record in self._with_tags(reads.fetch(until_eof=True)):
                    out.write(record)

    def _with_tags(self, records: Iterator[pysam.AlignedSegment]) -> Iterator[pysam.AlignedSegment]:
        contig, tagged = -1, None
        for record in records:
            record.set_tag("HP", None)
            record.set_tag("PS", None)
            if record.reference_id != contig:
                contig = record.reference_id
                tagged = self._tagged(record.reference_name) if contig >= 0 else None
            if tagged is not None:
                unit = np.uint64(name_hash(record.query_name, record.reference_start, record.flag))
                at = int(np.searchsorted(tagged.unit, unit))
                if at < len(tagged.unit) and tagged.unit[at] == unit:
                    record.set_tag("HP", int(tagged.haplotype[at]), "i")
                    record.set_tag("PS", int(tagged.block[at]), "i")
            yield record

    def __enter__(self) -> HaplotaggedReads:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with closing(self._kept):
            if kind is None:
                self.close()


def _program(header: dict[str, list[dict[str, str]]], command: str) -> dict[str, str]:
    """The line @PG of this run, behind those that are there."""
    taken = [line["ID"] for line in header["PG"]]
    own, number = "dvplug", 1
    while own in taken:
        own, number = f"dvplug.{number}", number + 1
    before = {"PP": taken[-1]} if taken else {}
    return {"ID": own, "PN": "dvplug", "VN": __version__, "CL": command, **before}
