"""Reads of a few places of the genome, the same wherever one calls, and for lanes as for their merge.

Places follow from the lengths of the contigs that have reads, and from where reads lie; not from what an index says of
its file, which differs between BAM and CRAM, and between a file and its lanes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from heapq import heappop, heappush, merge
from itertools import count, islice
from types import TracebackType

import pysam

from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.line.run_profile import NO_QUALITY
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.groups import ReadSource
from dvplug.reads.opened import OpenedReads
from dvplug.system.htslib import isolated_htslib
from dvplug.system.locations import Location
from dvplug.technology import ReadFilter

WINDOW = 10_000  # bp, on a grid of the contig
PLACES = 40
"""Where windows are taken in turn."""
_MOST_CONTIGS = 100  # that hold places
_ROUNDS = 50  # windows at a place, at most
_SHORTEST = 50  # contigs shorter than one in so many of the longest hold no place
_DEEP = 10  # reads over one base, from which on a window tells of errors
_LOOKED_OVER = 500_000  # bases of reads among which a deep place is looked for,
_MOST_LOOKED_OVER = 20_000_000  # and in all
_GOLDEN = 0.6180339887498949  # its multiples lie evenly, however many there are


class SampledReads:
    """Open files of one sample, whose windows are decoded once each.

    Parameters
    ----------
    sources
        Checked already.
    reference
        FASTA that CRAM is decoded with.
    read_filter
        Which reads count. Those without QUAL have the quality `NO_QUALITY` here, whatever it says.
    keep_fraction
        Fraction of the fragments that count, as of `fetch_reads`.
    """

    def __init__(
        self,
        sources: Sequence[ReadSource],
        reference: Location,
        read_filter: ReadFilter,
        keep_fraction: float = 1.0,
    ) -> None:
        self.keep_fraction = keep_fraction
        self.files = [OpenedReads.open(source, reference) for source in sources]
        # Reads that began farther away are found by the index; no window of the sample is cut.
        self.read_filter = read_filter.model_copy(
            update={
                "missing_base_quality": NO_QUALITY,
                "max_read_span": min(read_filter.max_read_span, read_filter.sampling_window),
            }
        )
        self._windows: dict[Region, ReadBatch] = {}
        self._next: dict[tuple[str, int], int | None] = {}
        self._left = _MOST_LOOKED_OVER

    def __enter__(self) -> SampledReads:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self.files:
            file.close()

    @cached_property
    def alignments(self) -> list[pysam.AlignmentFile]:
        """The files as pysam has them."""
        return [file.alignments for file in self.files]

    def window(self, region: Region) -> ReadBatch:
        """Return the reads that reach into a window; raises InputError where a file breaks off."""
        if region not in self._windows:
            self._windows[region] = fetch_reads(
                self.files, region, self.read_filter, keep_fraction=self.keep_fraction
            )
        return self._windows[region]

    def next_read(self, contig: str, start: int) -> int | None:
        """Where the next alignment of any file starts, from a position on."""
        if (contig, start) not in self._next:
            self._next[contig, start] = _next_read(self.files, contig, start)
        return self._next[contig, start]

    def windows(self, most_reads: int, most_bases: int) -> Iterator[tuple[Region, ReadBatch]]:
        """Yield windows, each once, until so many reads or bases were decoded for them, or no place has more."""
        positions = self._positions()
        places = [_Place(*at) for at in islice(positions, PLACES)]
        seen: set[Region] = set()
        whole: set[str] = set()  # contigs of which all windows were seen
        reads = bases = 0
        for _ in range(_ROUNDS):
            for k, place in enumerate(places):
                window = self._unseen(place, seen)
                while window is None:
                    whole.add(place.contig)
                    if len(whole) == len(self.contigs):
                        return
                    place = places[k] = _Place(*next(at for at in positions if at[0] not in whole))
                    window = self._unseen(place, seen)
                seen.add(window)
                batch = self.window(window)
                reads, bases = reads + len(batch), bases + len(batch.qual)
                if (batch.end > window.end).sum() >= _DEEP:  # it goes on, and need not be looked for
                    self._next[_deep_key(window.contig, window.end)] = window.end
                yield window, batch
                if reads >= most_reads or bases >= most_bases:
                    return

    def _positions(self) -> Iterator[tuple[str, int]]:
        """Positions that lie evenly over the contigs that have reads; as many as one takes."""
        total = sum(length for _, length in self.contigs)
        for k in count(1) if self.contigs else ():
            at = int(k * _GOLDEN % 1 * total)
            for contig, length in self.contigs:
                if at < length:
                    yield contig, at
                    break
                at -= length

    @cached_property
    def contigs(self) -> list[tuple[str, int]]:
        """The long contigs that have reads, with their lengths, the longest first."""
        first = self.alignments[0]
        found: list[tuple[str, int]] = []
        ordered = sorted(zip(first.references, first.lengths, strict=True), key=lambda one: (-one[1], one[0]))
        counted = _counted(self.alignments)
        for contig, length in ordered:
            if len(found) >= _MOST_CONTIGS or (found and length * _SHORTEST < found[0][1]):
                break
            if contig in counted if counted is not None else self.next_read(contig, 0) is not None:
                found.append((contig, length))
        return found

    def _unseen(self, place: _Place, seen: set[Region]) -> Region | None:
        """The next window at a place that was not seen before; None where its contig has no more."""
        while not place.done:
            found = self._next_deep(place.contig, place.position)
            if found is None:
                place.done, place.position, place.turned = place.turned, 0, True
                continue
            begin = found // WINDOW * WINDOW
            window = Region(place.contig, begin, begin + WINDOW)
            place.position = window.end
            if window not in seen:
                return window
        return None

    def _next_deep(self, contig: str, start: int) -> int | None:
        """Where reads lie deep enough next; after some looking, any place where one starts."""
        key = _deep_key(contig, start)
        if key not in self._next:
            position = self.next_read(contig, start)
            if position is not None and self._left > 0:
                position, looked_over = _deep_place(self.files, contig, position)
                self._left -= looked_over
            self._next[key] = position
        return self._next[key]


def _deep_key(contig: str, start: int) -> tuple[str, int]:
    """Where `_next_deep` keeps what it found: no position, as those of `next_read` are not negative."""
    return contig, ~start


class _Place:
    """Where windows are taken, one after another."""

    def __init__(self, contig: str, position: int) -> None:
        self.contig, self.position = contig, position
        self.turned = self.done = False  # the contig's end was met, and met again


@isolated_htslib()
def _counted(files: Sequence[pysam.AlignmentFile]) -> set[str] | None:
    """Contigs on which there are alignments, by the indexes; None where one does not say, as that of CRAM."""
    if not all(file.is_bam for file in files):
        return None
    return {one.contig for file in files for one in file.get_index_statistics() if one.total}


@isolated_htslib()
def _next_read(files: Sequence[OpenedReads], contig: str, start: int) -> int | None:
    """Where the next read of any file starts, from a position on; raises InputError where one breaks off."""
    found = []
    for file in files:
        reads = file.alignments
        if reads.get_tid(contig) >= 0 and start < reads.get_reference_length(contig):
            with file.told_of_damage(f"{contig}:{start + 1}"):
                every = (read.reference_start for read in reads.fetch(contig, start))
                found.append(next((place for place in every if place >= start), None))
    return min((place for place in found if place is not None), default=None)


@isolated_htslib()
def _deep_place(files: Sequence[OpenedReads], contig: str, start: int) -> tuple[int, int]:
    """Where, from a position at which a read starts, reads first lie deep, or where it gave up; and bases looked over.

    It does not depend on the order of reads that start alike.
    """
    streams = [_spans(file, contig, start) for file in files if file.alignments.get_tid(contig) >= 0]
    ends: list[int] = []
    bases, at = 0, start
    for begin, end in merge(*streams):
        if begin != at and bases > _LOOKED_OVER:
            break
        at = begin
        while ends and ends[0] <= begin:
            heappop(ends)
        heappush(ends, end)
        bases += end - begin
        if len(ends) >= _DEEP:
            break
    return at, bases


def _spans(file: OpenedReads, contig: str, start: int) -> Iterator[tuple[int, int]]:
    with file.told_of_damage(f"{contig}:{start + 1}"):
        for read in file.alignments.fetch(contig, start):
            if read.reference_start >= start:
                yield read.reference_start, read.reference_end or read.reference_start + 1
