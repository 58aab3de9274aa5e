"""The command itself: its version, its signals, and what it takes to start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from dvplug import __version__
from dvplug.calling.journal import journal_path
from dvplug.simulate import SimulatedDataset
from helpers.command import call_words, events, run
from helpers.registry_fixtures import Site

DVPLUG = [sys.executable, "-c", "from dvplug.cli import main; main()"]


@pytest.fixture(scope="module")
def long_dataset(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    from dvplug.simulate import simulate_dataset

    return simulate_dataset(tmp_path_factory.mktemp("signals"), length=600_000, depth=10.0, seed=6)


def heed(signals: bool) -> None:
    """Have a process begin as in a terminal, or as under nohup, in the background of a script, whatever this one is."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL if signals else signal.SIG_IGN)


def test_signals_that_are_ignored_end_nothing(dataset: SimulatedDataset, tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "x.vcf"
    words = [*DVPLUG, *call_words(dataset, out, "--workers", 2, "--log-json", log)]
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, preexec_fn=partial(heed, False)
    ) as process:
        while process.poll() is None and not (log.exists() and '"calling"' in log.read_text()):
            time.sleep(0.005)
        for number in (signal.SIGINT, signal.SIGHUP):
            process.send_signal(number)
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert out.read_text().startswith("##fileformat")
    assert events(log)[-1]["event"] == "end"


@pytest.mark.parametrize(
    ("number", "to_all"),
    [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGINT, True), (signal.SIGHUP, True)],
)
def test_signals_end_the_run_and_its_workers_and_leave_no_output(
    long_dataset: SimulatedDataset, tmp_path: Path, number: signal.Signals, to_all: bool
) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "x.vcf.gz"
    process = subprocess.Popen(
        [*DVPLUG, *call_words(long_dataset, out, "--workers", 2, "--log-json", log)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=partial(heed, True),
    )
    while process.poll() is None and not (log.exists() and '"partition"' in log.read_text()):
        time.sleep(0.005)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    if to_all:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert f"interrupted by {number.name}: what was not finished is gone." in said
    assert "--resume goes on" in said
    assert "Traceback" not in said
    assert len(children) == 2
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert sorted(path.name for path in tmp_path.iterdir()) == [journal_path(out).name, "log.jsonl"]
    last = events(log)[-1]
    assert (last["event"], last["kind"], last["problem"]) == ("error", "interrupted", number.name)


def test_handlers_are_set_back(dataset: SimulatedDataset, tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    assert run(*call_words(dataset, tmp_path / "x.vcf", "--regions", "S")) == 2
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("command", [("plugins", "list"), ("registry", "list"), ("registry", "show", "toy")])
def test_listing_imports_nothing_heavy(site: Site, command: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom dvplug.cli import main\n"
        f"try: main({list(command)!r})\nexcept SystemExit as e: assert e.code == 0, e.code\n"
        "print('MODULES', *sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    modules = set(done.stdout.rsplit("MODULES", 1)[1].split())
    assert "dvplug_toy" in modules
    assert not modules & {
        "tensorflow",
        "keras",
        "numba",
        "numpy",
        "pysam",
        "matplotlib",
        "dvplug_toy.formula",
    }
