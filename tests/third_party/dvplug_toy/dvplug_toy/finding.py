"""The toy's candidate finder: the engine's, but an indel needs one read more than a SNP."""

from __future__ import annotations

from dataclasses import replace

from dvplug.candidates.finder import find_in_context
from dvplug.hookspecs import CandidateBatch, FindContext


def find_sites(context: FindContext) -> CandidateBatch:
    """Find the candidates of a region among its reads."""
    stricter = {"min_count_indels": context.thresholds.min_count_snps + 1}
    return find_in_context(replace(context, thresholds=context.thresholds.model_copy(update=stricter)))
