"""Kill a service that has runs to do (kill -9), start it again, and look whether all runs end, none twice.

    python tools/kill_service.py --kills 20

Half of the kills take the commands of the runs too. Three runs are submitted before each few kills. What comes out must
be the bytes of an undisturbed run.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from cyclopts import App
from rich.table import Table

from dvplug.errors import DvplugError
from dvplug.simulate import simulate_dataset
from dvplug.system.console import info
from dvplug.system.rich_console import stdout
from dvplug_lab.script import run
from dvplug_lab.service_kills import Trial, killed_at_random

app = App(help=__doc__, help_format="plaintext")
REQUEST = {"reads": ["reads.bam"], "ref": "reference.fa", "gvcf": True}


@app.default
def main(*, kills: int = 20, length: int = 1_000_000, depth: float = 20.0, seed: int = 1) -> None:
    """Kill and compare.

    Parameters
    ----------
    kills
        How many.
    length
        bp of the simulated contig.
    depth
        Of the simulated reads.
    seed
        Of the reads and the moments.
    """
    random, trials = Random(seed), dict[str, Trial]()
    with TemporaryDirectory(prefix="kill-service-") as temporary:
        for name, children in (("the service", False), ("the service and its commands", True)):
            data = Path(temporary, name.replace(" ", "-"))
            info(f"Simulating {length:,} bp at {depth:g}x.")
            simulate_dataset(data / "files", length=length, depth=depth, seed=seed)
            trials[name] = killed_at_random(
                data, REQUEST, kills=kills // 2, runs=3, children=children, random=random
            )
    _show(trials)
    if wrong := [problem for trial in trials.values() for problem in trial.problems]:
        raise DvplugError(f"{len(wrong)} things went wrong", cause=wrong[0])


def _show(trials: dict[str, Trial]) -> None:
    table = Table("killed was", "kills", "runs met, by state", "runs", "commands started for a run", "wrong")
    for name, trial in trials.items():
        met = ", ".join(f"{count} {state}" for state, count in sorted(trial.met.items()))
        starts = ", ".join(f"{count} x {n}" for n, count in sorted(Counter(trial.attempts).items()))
        table.add_row(name, str(trial.kills), met, str(len(trial.attempts)), starts, str(len(trial.problems)))
    stdout.print(table)


if __name__ == "__main__":
    run(app)
