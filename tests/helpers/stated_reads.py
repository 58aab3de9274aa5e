"""A sequencer of single reads, stated in numbers."""

from __future__ import annotations

from typing import Any

STATED: dict[str, Any] = {
    "source": "made up",
    "platform": "OTHER",
    "length": {"mean": 600, "sd": 150},
    "substitution": 0.02,
    "transitions": 0.7,
    "insertion": 1e-9,
    "deletion": 1e-9,
    "runs": {"error": 1e-9, "growth": 1.0},
    "quality": {"values": {"40": 0.6, "20": 0.3, "8": 0.1}},
}
