"""What is wrong with a run of a broken input is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug_lab.fuzzing.judge import judge


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
