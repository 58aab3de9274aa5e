"""What a run notes of its results."""

from __future__ import annotations

from typing import Any

from dvplug.line.region import Region
from dvplug.line.result import Counts
from dvplug.system.run_log import log_event


def log_result(region: Region, counts: Counts) -> None:
    """Append what one partition gave."""
    log_event("partition", region=str(region), **_counts(counts))


def log_counts(total: Counts) -> None:
    """Append what the whole run gave."""
    stages = {stage: round(seconds, 3) for stage, seconds in total.seconds.items()}
    log_event("counts", **_counts(total), cpu_s_by_stage=stages)


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "reads": counts.reads,
        "candidates": counts.candidates,
        "images": counts.images,
        "records": dict(sorted(counts.filters.items())),
        "cpu_s": round(sum(counts.seconds.values()), 4),
    }
