"""Reads of one region: decoded, filtered, merged from several files, and sampled where they are too many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from dvplug.line.read_batch import REVERSE, ReadBatch
from dvplug.line.region import Region
from dvplug.reads.decode import decode
from dvplug.reads.filters import SAMPLED
from dvplug.reads.opened import OpenedReads
from dvplug.reads.origins import with_sources
from dvplug.reads.tail import MOST_COPIED, kept
from dvplug.sequence.arrays import Int64s
from dvplug.system.htslib import isolated_htslib
from dvplug.technology import NOTHING_ELSE, AlsoRead, ReadFilter

_SLACK = 50_000  # reads over twice those kept that may gather before they are sampled


@isolated_htslib()
def fetch_reads(
    files: Sequence[OpenedReads],
    region: Region,
    read_filter: ReadFilter,
    *,
    margin: int = 0,
    haplotypes: bool = False,
    keep_fraction: float = 1.0,
    counted: Region | None = None,
    also: AlsoRead = NOTHING_ELSE,
) -> ReadBatch:
    """Decode the reads that overlap ``region`` widened by ``margin`` bp on both sides.

    Reads between the first and the last of these in the file may come along even if they end before the region.

    Parameters
    ----------
    files
        Open, indexed files; their reads are merged by position.
    region, margin
        What the reads must reach.
    read_filter
        Which alignments count. Where more than ``max_reads_per_window`` reads start in one window of
        ``sampling_window`` bp (a grid fixed on the contig), those with the lowest hash stay, so that the
        choice depends neither on the region asked for nor on the number of workers.
    haplotypes
        Read the HP tag.
    keep_fraction
        Fraction of the fragments to use, chosen by name: a shallower run of the same sample.
    counted
        Where reads that are left out are counted; ``region`` by default.
    also
        Tags to decode, and whether the batch tells the file and the read group of each read.

    Raises
    ------
    InputError
        A file breaks off or cannot be decoded, or a tag is of another type than it was asked for as.
    """
    need_start, need_end = max(0, region.start - margin), region.end + margin
    window = read_filter.sampling_window
    # Whole windows only: the sample of a window must not depend on where the region begins or ends.
    whole = Region(
        region.contig,
        max(0, need_start - read_filter.max_read_span) // window * window,
        -(-need_end // window) * window,
    )
    counted, tags = counted or region, also.decoded()
    batches = [
        _gather_sampled(parts, read_filter, counted)
        for parts in (
            decode(one, whole, read_filter, haplotypes, keep_fraction, counted, tags) for one in files
        )
    ]
    next_start = _next_start(region, counted, margin, read_filter)
    for file, batch in zip(files, batches, strict=True):
        file.tail = kept(file.tail, next_start, batch if len(files) == 1 else None, MOST_COPIED // len(files))
    batches = with_sources(files, batches, also) if also.source else batches
    return _reaching(_merged(batches, read_filter, counted), need_start, need_end)


def _merged(batches: Sequence[ReadBatch], read_filter: ReadFilter, counted: Region) -> ReadBatch:
    """Return the reads of several files in order, sampled together."""
    batch = ReadBatch.concatenate(batches)
    if len(batches) == 1:
        return batch
    batch = batch.take(np.argsort(np.concatenate([_merge_keys(one) for one in batches]), kind="stable"))
    return _sampled(batch, read_filter, counted)


def _next_start(region: Region, counted: Region, margin: int, read_filter: ReadFilter) -> int:
    """Return what the reads of the next region must reach over: one beside this, or in the same part of the contig."""
    beside = counted.start - region.start
    if region.end - counted.end != beside:
        return 0
    window = read_filter.sampling_window
    return (counted.end - beside - margin - read_filter.max_read_span) // window * window


def _reaching(batch: ReadBatch, start: int, end: int) -> ReadBatch:
    """Return the reads that overlap [start, end), and few others."""
    wanted = np.flatnonzero((batch.start < end) & (batch.end > start))
    if not len(wanted):
        return batch.part(0, 0)
    first, last = int(wanted[0]), int(wanted[-1]) + 1
    # Few lie between without need, unless the first read is very long; to copy the others takes time.
    return batch.part(first, last) if last - first < 2 * len(wanted) else batch.take(wanted)


def _merge_keys(batch: ReadBatch) -> Int64s:
    """What `samtools merge` orders by, int64[reads]: start, then strand, then the order of the files.

    Reads that start alike get other rows in images in another order, so lanes must come as their merge does. A read
    behind one of a higher key has to wait for it, hence the running maximum.
    """
    keys = batch.start.astype(np.int64) * 2 + ((batch.flag & REVERSE) != 0)
    return np.maximum.accumulate(keys) if len(keys) else keys


def _gather_sampled(parts: Iterator[ReadBatch], read_filter: ReadFilter, counted: Region) -> ReadBatch:
    """Join the parts of one file; sample each, and whenever many have gathered, so that memory stays bounded.

    A bottom-k sample of a union is that of its parts' samples, so it can be taken as reads stream by.
    """
    gathered: list[ReadBatch] = []
    waiting, most = 0, _SLACK
    for part in parts:
        gathered.append(_sampled(part, read_filter, counted))
        waiting += len(gathered[-1])
        if waiting > most:
            gathered = [_sampled(ReadBatch.concatenate(gathered), read_filter, counted)]
            waiting = len(gathered[0])
            most = 2 * waiting + _SLACK
    if len(gathered) == 1:
        return gathered[0]
    return _sampled(ReadBatch.concatenate(gathered), read_filter, counted)


def _sampled(batch: ReadBatch, read_filter: ReadFilter, counted: Region) -> ReadBatch:
    """Keep the reads of lowest hash in each window that has too many; ``batch`` is in order of start."""
    limit = read_filter.max_reads_per_window
    windows = batch.start // read_filter.sampling_window
    firsts = np.flatnonzero(np.diff(windows, prepend=-1))
    counts = np.diff(np.append(firsts, len(batch)))
    if not (counts > limit).any():
        return batch
    kept = np.ones(len(batch), np.bool_)
    for first, count in zip(firsts[counts > limit].tolist(), counts[counts > limit].tolist(), strict=True):
        order = np.argsort(batch.name_hash[first : first + count], kind="stable")
        kept[first + order[limit:]] = False
    left_out = batch.left_out.copy()
    left_out[SAMPLED] += (~kept & (batch.start < counted.end) & (batch.end > counted.start)).sum()
    return replace(batch.take(np.flatnonzero(kept)), left_out=left_out)
