"""Which file and which read group each read is from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from dvplug.line.read_batch import ReadBatch, ReadOrigin, ReadTags, TagValues
from dvplug.reads.opened import OpenedReads
from dvplug.reads.tag_values import hash_of_text
from dvplug.sequence.arrays import Int32s
from dvplug.technology import READ_GROUP, AlsoRead


def with_sources(
    files: Sequence[OpenedReads], batches: Sequence[ReadBatch], also: AlsoRead
) -> list[ReadBatch]:
    """Return batches of these files that tell where their reads are from; RG was decoded for that."""
    origins = tuple(origin for file in files for origin in file.origins)
    asked = {tag.name for tag in also.tags}
    found, first = [], 0
    for file, batch in zip(files, batches, strict=True):
        source = first + _index(file.origins, batch.tags[READ_GROUP.name])
        tags = ReadTags({name: tag for name, tag in batch.tags.items() if name in asked})
        found.append(replace(batch, tags=tags, source=source.astype(np.int32), origins=origins))
        first += len(file.origins)
    return found


def _index(origins: Sequence[ReadOrigin], groups: TagValues) -> Int32s:
    """Which of a file's origins each read is from, int32[reads]: the first, where it names none of the header."""
    known = np.array([hash_of_text(origin.read_group) for origin in origins], np.uint64)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, groups.values, sorter=order), len(known) - 1)
    own = order[at]
    return np.where(groups.present & (known[own] == groups.values), own, 0).astype(np.int32)
