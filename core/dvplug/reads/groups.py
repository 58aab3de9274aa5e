"""Which reads of a file count: those of some read groups, as when a file holds several samples."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import subkernel
from dvplug.reads.tags import NO_TAG, TAG_HEAD, UNREADABLE, find_tag, is_text
from dvplug.sequence.arrays import Int64s, UInt8s
from dvplug.system.locations import Location


class GroupArrays(NamedTuple):
    """`ReadGroups` as kernels take them."""

    names: UInt8s  # [bytes]: the IDs, one behind the other
    offset: Int64s  # [IDs + 1]: where each begins in `names`
    wanted: bool


class ReadGroups(NamedTuple):
    """Read groups by their ID.

    Attributes
    ----------
    ids
        Of @RG; reads name them in the tag RG.
    wanted
        Whether these count, and nothing else; or everything but these, reads without a read group included.
    """

    ids: tuple[str, ...] = ()
    wanted: bool = False

    @property
    def everything(self) -> bool:
        """Whether all reads count, so that nothing need be looked at."""
        return not self.ids and not self.wanted

    def has(self, read_group: str | None) -> bool:
        """Whether a read of this group counts; None is a read without one."""
        return (read_group in self.ids) == self.wanted

    def arrays(self) -> GroupArrays:
        """Return them for a kernel."""
        encoded = [name.encode() for name in self.ids]
        offset = np.concatenate(([0], np.cumsum([len(name) for name in encoded]))).astype(np.int64)
        return GroupArrays(np.frombuffer(b"".join(encoded), np.uint8), offset, self.wanted)


EVERYTHING = ReadGroups()


class ReadSource(NamedTuple):
    """A file of reads, and which of them count."""

    path: Location
    groups: ReadGroups = EVERYTHING


_R, _G = b"RG"


@subkernel
def group_counts(data: UInt8s, first: int, last: int, groups: GroupArrays) -> int:
    """Tell whether a BAM record counts by its read group: 1 or 0; `UNREADABLE` where its tags cannot be read.

    Parameters
    ----------
    data
        uint8[n] of BAM.
    first, last
        Where the record's tags begin and end.
    groups
        Which count.
    """
    at = find_tag(data, first, last, _R, _G)
    if at == UNREADABLE:
        return UNREADABLE
    if at == NO_TAG or not is_text(data[at + 2]):
        return 0 if groups.wanted else 1
    value = at + TAG_HEAD
    end = value
    while data[end] != 0:  # `find_tag` has seen that it ends
        end += 1
    return 1 if _listed(data, value, end, groups) == groups.wanted else 0


@subkernel
def _listed(data: UInt8s, first: int, last: int, groups: GroupArrays) -> bool:
    """Whether the bytes [first, last) of uint8[n] are one of the IDs."""
    for k in range(len(groups.offset) - 1):
        start, length = groups.offset[k], groups.offset[k + 1] - groups.offset[k]
        if length != last - first:
            continue
        same = True
        for i in range(length):
            if groups.names[start + i] != data[first + i]:
                same = False
                break
        if same:
            return True
    return False
