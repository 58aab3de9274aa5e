"""Which alignments count, and what those that do not count failed at."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dvplug.kernel import subkernel
from dvplug.line.read_batch import LEFT_OUT
from dvplug.technology import ReadFilter

UNMAPPED, SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 0x4, 0x100, 0x200, 0x400, 0x800
PASSES = -1
OTHER_GROUP, MAPPING_QUALITY, NO_SEQUENCE, SAMPLED = map(
    LEFT_OUT.index, ("other sample", "mapping quality", "no sequence", "sampling")
)
# What a read with several flags failed at is the first of these.
_FLAGS = np.array([UNMAPPED, SECONDARY, SUPPLEMENTARY, QC_FAIL, DUPLICATE], np.int64)
_FIRST_FLAG = LEFT_OUT.index("unmapped")


class FilterNumbers(NamedTuple):
    """A `ReadFilter` as kernels take it."""

    excluded: int
    """Bits of which none may be set in the SAM flag."""
    min_mapping_quality: int


def filter_numbers(read_filter: ReadFilter) -> FilterNumbers:
    """Return the numbers of a read filter."""
    excluded = (
        UNMAPPED
        | (0 if read_filter.keep_secondary else SECONDARY)
        | (0 if read_filter.keep_qc_fail else QC_FAIL)
        | (0 if read_filter.keep_duplicates else DUPLICATE)
        | (0 if read_filter.keep_supplementary else SUPPLEMENTARY)
    )
    return FilterNumbers(excluded, read_filter.min_mapping_quality)


@subkernel
def why_left_out(flag: int, mapping_quality: int, in_group: bool, whole: bool, numbers: FilterNumbers) -> int:
    """Return the index in `LEFT_OUT` of what an alignment fails at first, or `PASSES`.

    Parameters
    ----------
    flag, mapping_quality
        Of SAM.
    in_group
        Whether its read group counts.
    whole
        Whether it has a sequence and a CIGAR.
    numbers
        What is asked of it.
    """
    if not in_group:
        return OTHER_GROUP
    if flag & numbers.excluded:
        for k in range(len(_FLAGS)):
            if flag & numbers.excluded & _FLAGS[k]:
                return _FIRST_FLAG + k
    if mapping_quality < numbers.min_mapping_quality:
        return MAPPING_QUALITY
    return PASSES if whole else NO_SEQUENCE
