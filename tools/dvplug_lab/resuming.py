"""Runs of `dvplug call` that are killed at given moments and resumed: what a kill leaves, and what comes out."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from dvplug.calling.journal import journal_path
from dvplug.simulate import SimulatedDataset
from dvplug.system.console import info
from dvplug.system.rich_console import stdout
from dvplug_lab.commands import dvplug_call

FINISHING_S = 0.03  # after the index is begun, in which the last kills come


@dataclass
class Trial:
    """One kill, and what became of its run."""

    at_s: float
    state: str  # what the kill left: "no journal", "journal" or "output"
    partitions: int  # in the journal at the first resumption
    kills: int
    problem: str  # empty where all was right


def command(data: SimulatedDataset, folder: Path, workers: int, *more: str) -> list[str]:
    """Return the command that calls into a folder."""
    gvcf = ["--gvcf", str(folder / "calls.g.vcf.gz")]
    out = folder / "calls.vcf.gz"
    return dvplug_call(data.reference, data.reads, out, *gvcf, *more, workers=workers)


def undisturbed(data: SimulatedDataset, folder: Path, workers: int) -> tuple[dict[str, bytes], float]:
    """Return the files of a run that nobody disturbs, and how long it takes when warm."""
    duration = 0.0
    for _ in range(2):  # the first compiles kernels where they are not yet
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        began = time.monotonic()
        subprocess.run(command(data, folder, workers), check=True, capture_output=True)
        duration = time.monotonic() - began
    return contents(folder), duration


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of each file, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def one_trial(
    data: SimulatedDataset,
    folder: Path,
    workers: int,
    wanted: dict[str, bytes],
    at: float,
    again: float | None = None,
    finishing: float | None = None,
) -> Trial:
    """Begin a run, kill it after ``at`` seconds, resume it, kill that after ``again`` seconds, resume again.

    With ``finishing``, the first kill comes so many seconds after the index was begun, in place of ``at``.
    """
    folder.mkdir()
    out = folder / "calls.vcf.gz"
    index = None if finishing is None else folder
    killed = start_and_kill(command(data, folder, workers), at if finishing is None else finishing, index)
    kills, problem = int(killed), looks_finished(folder, wanted)
    state = "output" if out.exists() else "journal" if journal_path(out).exists() else "no journal"
    if again is not None:
        kills += start_and_kill(command(data, folder, workers, "--resume"), again)
        problem = problem or looks_finished(folder, wanted)
    done = subprocess.run(
        command(data, folder, workers, "--resume"), capture_output=True, text=True, check=False
    )
    if done.returncode:
        problem = problem or f"the resumed run ended with {done.returncode}: {done.stderr}"
    elif contents(folder) != wanted:
        problem = problem or f"other bytes or files: {sorted(contents(folder))}"
    resumed = done.stderr.partition("Resuming: ")[2].split(" ")[0]
    return Trial(at, state, int(resumed or 0), kills, problem)


def start_and_kill(words: list[str], after: float, index_in: Path | None = None) -> bool:
    """Kill a command's process group after so many seconds; returns whether it was still running.

    The seconds count from its start, or from when an index appears in a folder.
    """
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while index_in and process.poll() is None and not any(index_in.glob("*.tbi")):
        time.sleep(0.0005)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    return False


def looks_finished(folder: Path, wanted: dict[str, bytes]) -> str:
    """Say what lies under the output's names that is not whole; empty where all is well."""
    found = contents(folder)
    wrong = [name for name, data in wanted.items() if found.get(name, data) != data]
    index_alone = any(
        name.endswith(".tbi") and name.removesuffix(".tbi") not in found for name in found if name in wanted
    )
    return f"after a kill {wrong or 'an index alone'} is there" if wrong or index_alone else ""


def show(trials: list[Trial]) -> None:
    """Print a table of what the kills left."""
    table = Table("after the kill there is", "kills", "partitions resumed", "same bytes after all")
    for state in ("no journal", "journal", "output"):
        of_state = [trial for trial in trials if trial.state == state]
        right = sum(not trial.problem for trial in of_state)
        seen = Counter(trial.partitions for trial in of_state)
        reach = f"{min(seen)} to {max(seen)}" if seen else ""
        table.add_row(state, str(len(of_state)), reach, f"{right} of {len(of_state)}")
    stdout.print(table)
    right, kills = sum(not trial.problem for trial in trials), sum(trial.kills for trial in trials)
    stdout.print(f"{right} of {len(trials)} runs gave the same bytes; {kills} kills met a running process.")


def run_trials(
    data: SimulatedDataset, folder: Path, kills: int, workers: int, draw: random.Random
) -> Iterator[Trial]:
    """Kill so many runs and resume them.

    The moments are spread evenly over the length of an undisturbed run; every fifth kill comes just after the output's
    index is begun. Every third resumed run is killed too.
    """
    wanted, duration = undisturbed(data, folder / "undisturbed", workers)
    info(f"An undisturbed run takes {duration:.2f} s.")
    for number in range(kills):
        at = duration * (number + draw.random()) / kills
        finishing = draw.uniform(0, FINISHING_S) if number % 5 == 4 else None
        again = draw.uniform(0, duration) if number % 3 == 0 else None
        yield one_trial(data, folder / "trial", workers, wanted, at, again, finishing)
        shutil.rmtree(folder / "trial")
