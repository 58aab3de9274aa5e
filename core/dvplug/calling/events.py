"""What a run notes of its results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dvplug.line.region import Region
    from dvplug.line.result import RegionResult
from dvplug.system.run_log import log_event


def log_result(region: Region, result: RegionResult) -> None:
    """Append what one partition gave."""
    log_event("partition", region=str(region), **_counts(result))


def log_counts(total: RegionResult) -> None:
    """Append what the whole run gave."""
    stages = {stage: round(seconds, 3) for stage, seconds in total.seconds.items()}
    log_event("counts", **_counts(total), cpu_s_by_stage=stages)


def _counts(result: RegionResult) -> dict[str, Any]:
    return {
        "reads": result.reads,
        "candidates": result.candidates,
        "images": result.images,
        "records": dict(sorted(result.filters.items())),
        "cpu_s": round(sum(result.seconds.values()), 4),
    }
