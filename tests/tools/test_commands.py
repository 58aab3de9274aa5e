"""Programs in pipelines: what fails or is absent is named."""

from __future__ import annotations

import sys

import pytest

from dvplug.errors import DvplugError
from dvplug_lab import commands
from dvplug_lab.speed.processes import measure


def test_a_failure_within_a_pipeline_is_reported() -> None:
    bad = [sys.executable, "-c", "import sys; sys.exit('no such thing')"]
    good = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with pytest.raises(DvplugError, match="no such thing"):
        commands.run([bad, good])
    with pytest.raises(DvplugError, match="ended with 1"):
        measure([bad, good])


def test_absent_programs_are_named() -> None:
    with pytest.raises(DvplugError, match="no-such-caller cannot be found"):
        commands.require("no-such-caller")
