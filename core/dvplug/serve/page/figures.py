"""How numbers and moments are written on the pages."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

UNITS = ("B", "kB", "MB", "GB", "TB")
TILES = (
    ("reads_per_s", "reads per second"),
    ("variants_per_s", "variants per second"),
    ("reads", "reads"),
    ("variants", "variants"),
    ("ti_tv", "Ti/Tv"),
    ("mean_depth", "mean depth"),
)
"""What a run's page shows of its progress, and the words for it."""


def in_bytes(size: int) -> str:
    """Write a number of bytes as people read it: 1.3 GB."""
    value = float(size)
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError  # the last unit returns


def iso(moment: float) -> str:
    """Write a moment, in seconds since 1970, by ISO 8601."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def when(moment: float) -> str:
    """Write a moment for people, UTC."""
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def figure(value: Any, key: str) -> str:
    """Write one of `TILES`; a dash where it is not known."""
    if value is None or value == "" or (key in ("reads", "variants") and not value):
        return "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.0f}" if value >= 100 else f"{value:g}"
