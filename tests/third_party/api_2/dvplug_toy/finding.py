"""The toy's candidate finder: the engine's, but an indel needs one read more than a SNP."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dvplug.candidates.finder import find_candidates
from dvplug.hookspecs import CandidateBatch, CandidateThresholds, ReadBatch, Region


def find_sites(
    reads: ReadBatch,
    reference: NDArray[np.uint8],
    reference_start: int,
    region: Region,
    thresholds: CandidateThresholds,
) -> CandidateBatch:
    """Find the candidates of a region among its reads."""
    stricter = {"min_count_indels": thresholds.min_count_snps + 1}
    return find_candidates(reads, reference, reference_start, region, thresholds.model_copy(update=stricter))
