"""The log for programs, exit codes, signals, completion."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

from dvplug import __version__
from dvplug.calling.journal import journal_path
from dvplug.cli import main
from dvplug.simulate import SimulatedDataset

DVPLUG = [sys.executable, "-c", "from dvplug.cli import main; main()"]


def words(data: SimulatedDataset, out: Path, *more: object) -> list[str]:
    files = ["--ref", data.reference, "--reads", data.reads, "--out", out]
    return [
        str(w) for w in ("call", "--tech", "illumina-wgs", *files, "--device", "cpu", "--workers", 2, *more)
    ]


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit, match=r"^\d+$") as stop:
        main(list(arguments))
    return int(stop.value.code or 0)


def events(path: Path) -> list[dict[str, object]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    times = [datetime.fromisoformat(event["time"]) for event in found]
    assert times == sorted(times)
    assert all(time.tzinfo == timezone.utc for time in times)
    return found


def test_a_run_is_logged_from_start_to_end(dataset: SimulatedDataset, tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "x.vcf"
    assert run(*words(dataset, out, "--log-json", log)) == 0
    found = events(log)
    by_name = {str(event["event"]): event for event in found}
    assert [found[0]["event"], found[-1]["event"]] == ["start", "end"]
    assert by_name["start"]["dvplug"] == __version__
    assert by_name["start"]["libraries"].keys() == {"ai-edge-litert", "numba", "numpy", "pysam"}
    assert by_name["calling"]["model"] == "illumina-wgs@1.0.0"
    assert by_name["calling"]["partitions"] == 2
    parts = [event for event in found if event["event"] == "partition"]
    assert [part["region"] for part in parts] == ["chrS:1-50000", "chrS:50001-60000"]
    records = [line for line in out.read_text().splitlines() if not line.startswith("#")]
    assert sum(by_name["counts"]["records"].values()) == len(records)
    assert sum(part["candidates"] for part in parts) == by_name["counts"]["candidates"]
    assert by_name["progress"]["done"] == by_name["progress"]["total"] == 2


def test_errors_are_logged_in_their_parts_after_what_was_there(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    assert run(*words(dataset, tmp_path / "x.vcf", "--log-json", log, "--regions", "chrS:1-5000")) == 0
    before = log.read_text()
    assert run(*words(dataset, tmp_path / "x.vcf", "--log-json", log, "--regions", "S")) == 2
    assert log.read_text().startswith(before)
    last = events(log)[-1]
    assert (last["event"], last["kind"], last["problem"]) == ("error", "InputError", "Unknown contig 'S'")
    assert last["repair"] == "Did you mean 'chrS'?"
    assert "Unknown contig 'S'" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_refused_before_any_work(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words(dataset, tmp_path / "x.vcf", "--log-json", tmp_path / "nowhere" / "log")) == 2
    assert "The log " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def long_dataset(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    from dvplug.simulate import simulate_dataset

    return simulate_dataset(tmp_path_factory.mktemp("signals"), length=600_000, depth=10.0, seed=6)


@pytest.mark.parametrize(
    ("number", "to_all"),
    [(signal.SIGTERM, False), (signal.SIGTERM, True), (signal.SIGINT, True), (signal.SIGHUP, True)],
)
def test_signals_end_the_run_and_its_workers_and_leave_no_output(
    long_dataset: SimulatedDataset, tmp_path: Path, number: signal.Signals, to_all: bool
) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "x.vcf.gz"
    process = subprocess.Popen(
        [*DVPLUG, *words(long_dataset, out, "--log-json", log)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
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
    assert f"interrupted by {number.name}: no output was written." in said
    assert "--resume goes on" in said
    assert "Traceback" not in said
    assert len(children) == 2
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    assert sorted(path.name for path in tmp_path.iterdir()) == [journal_path(out).name, "log.jsonl"]
    last = events(log)[-1]
    assert (last["event"], last["kind"], last["problem"]) == ("error", "interrupted", number.name)


def test_handlers_are_set_back(dataset: SimulatedDataset, tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    assert run(*words(dataset, tmp_path / "x.vcf", "--regions", "S")) == 2
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before


def test_max_memory_lowers_the_workers_and_says_so(dataset: SimulatedDataset, tmp_path: Path) -> None:
    """In a process of its own: what other tests have loaded into this one counts, too."""
    command = [sys.executable, "-c", "from dvplug.cli import main; main()"]
    more = ("--regions", "chrS:1-5000", "--max-memory", "500M")
    done = subprocess.run(
        [*command, *words(dataset, tmp_path / "x.vcf", *more)], capture_output=True, text=True, check=True
    )
    assert "1 worker(s) in place of 2, so that they fit into --max-memory 500.0MB" in done.stderr
    refused = subprocess.run(
        [*command, *words(dataset, tmp_path / "x.vcf", "--max-memory", "50M")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert refused.returncode == 2
    assert "--max-memory 50.0MB is too little" in " ".join(refused.stderr.split())


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_a_script_that_the_shell_accepts(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("completion", shell) == 0
    script = capsys.readouterr().out
    assert "evaluate" in script
    if not shutil.which(shell):
        pytest.skip(f"{shell} is absent")
    done = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is absent")
@pytest.mark.parametrize(
    ("line", "completed"), [("dvplug eval", {"evaluate"}), ("dvplug call --max", {"--max-memory"})]
)
def test_bash_completes(line: str, completed: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("completion", "bash") == 0
    script = capsys.readouterr().out
    ask = f"""
COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
function=$(complete -p dvplug | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "$function"; printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(["bash"], input=script + ask, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == completed
