"""Broken inputs are refused, or done right. The script gives thousands; here each kind gets two."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dvplug_lab.fuzzing.inputs import KINDS
from dvplug_lab.fuzzing.trials import RIGHT, run_inputs


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked and limited")
def test_broken_inputs_are_handled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = run_inputs(tmp_path, list(range(2 * len(KINDS))), seed=11, timeout_s=120.0)
    told = capsys.readouterr().err
    assert sum(of_kind.total() for of_kind in counts.values()) == 2 * len(KINDS) > 30
    assert not {name for of_kind in counts.values() for name in of_kind} - set(RIGHT), told
    assert sum(of_kind["refused"] for of_kind in counts.values()) > 10
