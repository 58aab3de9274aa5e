"""CIGARs of reads that were never aligned."""

import numpy as np
import pytest

from dvplug.simulate.aligned_reads import CLIPPED, INSERTED, cigar_of


@pytest.mark.parametrize(
    ("where", "cigar"),
    [
        ([5, 6, 7], [(0, 3)]),
        ([5, 6, 9], [(0, 2), (2, 2), (0, 1)]),
        ([5, INSERTED, 6], [(0, 1), (1, 1), (0, 1)]),
        ([CLIPPED, CLIPPED, 8], [(4, 2), (0, 1)]),
    ],
)
def test_cigar_follows_reference_positions(where, cigar):
    assert cigar_of(np.array(where)) == cigar
