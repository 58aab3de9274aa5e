"""Haplotypes and blocks that reads bring along, in the tags HP and PS."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dvplug.line.phase_table import MOST_BLOCK, NO_BLOCK, HaplotypeTags
from dvplug.line.read_batch import ReadBatch
from dvplug.technology import AlsoRead, ReadTag

TAGS = (ReadTag("HP", "integer"), ReadTag("PS", "integer"))


def with_haplotype_tags(also: AlsoRead) -> AlsoRead:
    """Return what is decoded, and the tags HP and PS."""
    kinds = dict(also.tags) | dict(TAGS)
    return also._replace(tags=tuple(ReadTag(name, kinds[name]) for name in sorted(kinds)))


def haplotype_tags(reads: ReadBatch) -> HaplotypeTags:
    """Return what the tags of reads say; what is neither haplotype 1 nor 2, or no phase set, is not told."""
    hp, ps = (reads.tags[tag.name] for tag in TAGS)
    told = hp.present & ((hp.values == 1) | (hp.values == 2))
    in_block = ps.present & (ps.values >= 0) & (ps.values <= MOST_BLOCK)
    return HaplotypeTags(
        np.where(told, hp.values, 0).astype(np.uint8), np.where(in_block, ps.values, NO_BLOCK)
    )


def with_haplotypes(reads: ReadBatch) -> ReadBatch:
    """Return reads whose haplotypes are those of their tags."""
    return replace(reads, haplotype=haplotype_tags(reads).haplotype)
