"""Say of a callset that none of its variants counts: what would be divided by their number is then of nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dvplug.evaluate.compare import counts
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.variants import Callset
from dvplug.system.locations import StrPath

TRUTH_IS_EMPTY = "recall is of nothing, and every call there is a false positive"
QUERY_IS_EMPTY = "precision is of nothing, and every variant of the truth there is missed"
CALLSET_IS_EMPTY = "it has none in common with the others"
MOST_CONTIGS = 3
"""Contigs that are named."""


def nothing_counts(
    callset: Callset, left_aside: Mapping[str, int], regions: ConfidentRegions, source: StrPath, so: str
) -> str:
    """Say that no variant of a callset counts, why not, what follows, and what to look at.

    Parameters
    ----------
    left_aside
        Its records that took no part, by reason.
    regions, source
        Where variants count, and the file that says so.
    so
        What follows.
    """
    said = f"{callset.path} has no variant that counts within {source}"
    judged = [counts(one, contig, regions) for contig, found in callset.variants.items() for one in found]
    elsewhere = f"its variants on {_named(regions.contigs)} all lie elsewhere ({len(judged):,})"
    reasons = ", ".join(f"{n:,} {why}" for why, n in sorted(left_aside.items()))
    if judged and not any(judged) and reasons:
        why = f"{elsewhere}, and its other records were left aside: {reasons}"
        look = "FILTER and genotypes, and that both are of the same part of one assembly"
    elif judged and not any(judged):
        why = elsewhere
        look = "that both are of the same part of one assembly"
    elif reasons:
        why = f"its records were left aside: {reasons}"
        look = "FILTER and genotypes, and that it is of the same assembly and sample"
    else:
        why = f"it has no record on {_named(regions.contigs)}"
        look = "the names of its contigs, and that it is of the same regions"
    return f"{said}: {why}. So {so}. Check {look}."


def _named(contigs: Sequence[str]) -> str:
    more = len(contigs) - MOST_CONTIGS
    return ", ".join(contigs[:MOST_CONTIGS]) + (f" and {more:,} more contigs" if more > 0 else "")
