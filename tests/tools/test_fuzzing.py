"""Broken inputs are refused, or done right. The maintainers' script gives thousands; here each kind gets two."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from dvplug_lab.fuzzing.inputs import KINDS
from dvplug_lab.fuzzing.judge import judge
from dvplug_lab.fuzzing.mutations import mutate_records
from fuzz import RIGHT, run_inputs


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked and limited")
def test_broken_inputs_are_handled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = run_inputs(tmp_path, list(range(2 * len(KINDS))), seed=11, timeout_s=120.0)
    told = capsys.readouterr().err
    assert sum(of_kind.total() for of_kind in counts.values()) == 2 * len(KINDS) > 30
    assert not {name for of_kind in counts.values() for name in of_kind} - set(RIGHT), told
    assert sum(of_kind["refused"] for of_kind in counts.values()) > 10


def raises(out: Path) -> None:
    raise KeyError("x")


def leaves(out: Path) -> None:
    from dvplug.errors import DvplugError

    out.write_text("half")
    raise DvplugError("no")


def writes_what_is_no_vcf(out: Path) -> None:
    out.write_text("half")


def hangs(out: Path) -> None:
    while True:
        pass


def dies(out: Path) -> None:
    import signal

    signal.raise_signal(signal.SIGKILL)


@pytest.mark.parametrize(
    ("run", "name"),
    [
        (raises, "traceback"),
        (leaves, "output left"),
        (writes_what_is_no_vcf, "invalid output"),
        (hangs, "hang"),
        (dies, "crash"),
        (lambda out: None, "done"),
    ],
)
def test_what_is_wrong_is_seen(tmp_path: Path, run, name: str) -> None:
    assert judge(run, tmp_path, 2.0).name == name


def test_broken_records_are_as_long_as_before(dataset, tmp_path: Path) -> None:
    import gzip

    whole = gzip.decompress(dataset.reads.read_bytes())
    for seed in range(20):
        broken = mutate_records(whole, random.Random(seed))
        assert len(broken) == len(whole)
        header = 12 + int.from_bytes(whole[4:8], "little")
        assert broken[:header] == whole[:header]
