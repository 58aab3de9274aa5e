"""Costs of commands, those of their children included."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dvplug_lab.speed.processes import measure


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="memory is read from /proc")
def test_memory_and_time_of_a_child_of_a_child_are_counted() -> None:
    inner = "import time; x = bytearray(90_000_000); t = time.process_time()\nwhile time.process_time() < t + .3: pass"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    cost = measure([[sys.executable, "-c", outer]])
    assert cost.cpu_s > 0.3
    assert cost.peak_mb[0] > 90 > cost.peak_mb[1]
