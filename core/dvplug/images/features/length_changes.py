"""How much longer or shorter than the reference reads are at a site."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import kernel
from dvplug.line.candidate_batch import ReadSupport
from dvplug.line.read_batch import ReadArrays, ReadBatch
from dvplug.line.scene import Scene
from dvplug.sequence.arrays import Int32s, Int64s, UInt8s
from dvplug.sequence.cigar import INSERTION, consumes_reference, is_gap, unpack
from dvplug.sequence.repeats import repeat_windows

UNSPANNED = np.iinfo(np.int32).min  # the change of a read that does not span the repeat


class _Windows(NamedTuple):
    """Where a read must lie to show the length of each site; positions are 0-based."""

    low: Int64s  # [s], ascending: first base
    high: Int64s  # [s]: one past the last base
    longest: int  # bp of the longest window


class _Entries(NamedTuple):
    """Which read lies over which site, by read and then by site."""

    read: Int32s  # [entries]
    site: Int64s  # [entries]
    place: Int64s  # [entries]: index in the order of sites


def length_changes(scene: Scene) -> Int32s:
    """Length change in bp of each read of each site, int32[entries]; `UNSPANNED` where it cannot be seen."""
    return scene.once(_length_changes_of)


def _length_changes_of(scene: Scene) -> Int32s:
    ends = scene.starts + np.array([len(ref) for ref in scene.candidates.refs], np.int64)
    return spanning_changes(
        scene.reads, scene.candidates.support(), scene.reference, scene.reference_start, scene.starts, ends
    )


def spanning_changes(
    reads: ReadBatch,
    support: ReadSupport,
    reference: UInt8s,
    reference_start: int,
    starts: Int64s,
    ends: Int64s,
) -> Int32s:
    """Inserted less deleted bp of each read in the repeat at each of its sites, int32[entries]; else `UNSPANNED`.

    Parameters
    ----------
    support
        Which reads lie over which site.
    reference, reference_start
        uint8[l] base codes, and the position of the first.
    starts, ends
        int64[s] offsets into the reference, ascending: where each REF begins, and one past where it ends.
    """
    low, high = repeat_windows(reference, starts, ends)
    windows = _Windows(low + reference_start, high + reference_start, int((high - low).max(initial=0)))
    place = np.argsort(support.read, kind="stable")
    sites = np.repeat(np.arange(len(starts)), np.diff(support.offset))
    return _length_changes(_Entries(support.read[place], sites[place], place), windows, reads.arrays())


@kernel
def _length_changes(entries: _Entries, windows: _Windows, reads: ReadArrays) -> Int32s:
    """Change of each entry in bp, int32[entries], at its place; `UNSPANNED` where the read does not span the window."""
    change = np.full(len(entries.read), UNSPANNED, np.int32)
    first = 0
    while first < len(entries.read):
        read = entries.read[first]
        last = first
        while last < len(entries.read) and entries.read[last] == read:
            site = entries.site[last]
            if reads.start[read] <= windows.low[site] and reads.end[read] >= windows.high[site]:
                change[entries.place[last]] = 0
            last += 1
        position, begin = np.int64(reads.start[read]), first
        for k in range(reads.cigar_offset[read], reads.cigar_offset[read + 1]):
            code, length = unpack(reads.cigar[k])
            if is_gap(code):
                for e in range(begin, last):
                    site = entries.site[e]
                    if windows.low[site] > position:
                        break
                    if position < windows.high[site] and change[entries.place[e]] != UNSPANNED:
                        change[entries.place[e]] += length if code == INSERTION else -length
            if consumes_reference(code):
                position += length
            while begin < last and windows.low[entries.site[begin]] + windows.longest <= position:
                begin += 1
            if begin == last:
                break
        first = last
    return change
