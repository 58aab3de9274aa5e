"""Runs of `dvplug cohort` that are killed when they have done so much, and repeated."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from dvplug.system.console import info
from dvplug.system.rich_console import stdout
from dvplug_lab.cohorts.simulated import Person, SimulatedCohort
from dvplug_lab.commands import DVPLUG

LOOK_S = 0.002
TOGETHER = "cohort"
"""What the files of the whole cohort begin with."""


@dataclass
class CohortTrial:
    """One kill, and what became of its run."""

    at: str
    partitions: int  # that were told before the kill
    whole: int  # samples whose outputs were there
    called_again: int  # partitions, by the run after it
    problem: str  # empty where all was right


def write_samples(path: Path, persons: Sequence[Person], data: SimulatedCohort) -> Path:
    """Write a sample sheet."""
    lines = [f"{p.name}\t{data.reads[p.name]}\tillumina-wgs\t{p.father}\t{p.mother}\n" for p in persons]
    path.write_text("sample\treads\ttech\tfather\tmother\n" + "".join(lines))
    return path


def cohort_words(sheet: Path, data: SimulatedCohort, out: Path, workers: int, log: Path) -> list[str]:
    """Return the command that calls a cohort into a folder."""
    files = [str(sheet), "--ref", str(data.reference), "--out", str(out), "--log-json", str(log)]
    return [*DVPLUG, "cohort", *files, "--workers", str(workers), "--device", "cpu"]


def told(log: Path) -> Counter[str]:
    """Count the events in a log by their names; the last line may be unfinished."""
    lines = log.read_text().splitlines() if log.exists() else []
    found: Counter[str] = Counter()
    for line in lines:
        try:
            found[json.loads(line)["event"]] += 1
        except ValueError:
            break
    return found


def comparable_files(folder: Path) -> dict[str, bytes]:
    """The bytes of what a folder shows; without the reports of samples, which say how long a run took."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and (path.suffix != ".html" or path.name.startswith(TOGETHER))
    }


def killed_run(words: list[str], log: Path, event: str, count: int) -> bool:
    """Run a command and kill its process group when its log has so many of an event; returns whether it came to it."""
    process = subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None:
        if told(log)[event] >= count:
            os.killpg(process.pid, signal.SIGKILL)
            return process.wait() == -signal.SIGKILL
        time.sleep(LOOK_S)
    return False


def cohort_trials(
    data: SimulatedCohort, persons: Sequence[Person], folder: Path, kills: int, workers: int
) -> Iterator[CohortTrial]:
    """Kill so many runs, each in a folder of its own, and repeat the command of each to its end."""
    sheet = write_samples(folder / "samples.tsv", persons, data)
    log = folder / "undisturbed.json"
    subprocess.run(
        cohort_words(sheet, data, folder / "undisturbed", workers, log), check=True, capture_output=True
    )
    wanted, total = comparable_files(folder / "undisturbed"), told(log)["partition"]
    info(f"An undisturbed run has {total} partitions.")
    for number in range(kills):
        event, count = "partition", 1 + number * (total - 1) // max(kills - 1, 1)
        if number % 3 == 2:
            event, count = "counts", 1 + number * (len(persons) - 1) // max(kills - 1, 1)
        yield _trial(folder / "trial", sheet, data, workers, wanted, event, count)


def _trial(
    folder: Path,
    sheet: Path,
    data: SimulatedCohort,
    workers: int,
    wanted: dict[str, bytes],
    event: str,
    count: int,
) -> CohortTrial:
    folder.mkdir()
    out, log, again = folder / "out", folder / "log.json", folder / "again.json"
    problem = ""
    if not killed_run(cohort_words(sheet, data, out, workers, log), log, event, count):
        problem = f"the run ended before the kill, {event} {count}"
    left = comparable_files(out)
    if wrong := [
        name for name, content in left.items() if not name.startswith(".") and wanted.get(name) != content
    ]:
        problem = problem or f"after the kill {', '.join(wrong)} is there, and not whole"
    done = subprocess.run(
        cohort_words(sheet, data, out, workers, again), capture_output=True, text=True, check=False
    )
    if done.returncode:
        problem = problem or f"the repeated run ended with {done.returncode}: {done.stderr}"
    elif comparable_files(out) != wanted:
        problem = problem or f"other bytes or files: {sorted(comparable_files(out))}"
    whole = sum(name.endswith(".g.vcf.gz.tbi") for name in left if not name.startswith("."))
    trial = CohortTrial(f"{event} {count}", told(log)["partition"], whole, _called(again), problem)
    shutil.rmtree(folder)
    return trial


def _called(log: Path) -> int:
    """Partitions that a run called itself: those it tells of, without those that journals held."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    resumed = sum(event["resumed"] for event in events if event["event"] == "calling")
    return sum(event["event"] == "partition" for event in events) - int(resumed)


def show_cohort_trials(trials: Sequence[CohortTrial]) -> None:
    """Print a table of what the kills left."""
    table = Table("killed at", "partitions told", "samples whole", "partitions called after it", "same bytes")
    for trial in trials:
        table.add_row(
            trial.at,
            str(trial.partitions),
            str(trial.whole),
            str(trial.called_again),
            "no" if trial.problem else "yes",
        )
    stdout.print(table)
