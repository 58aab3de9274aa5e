"""Kill runs of `dvplug call` (kill -9, the whole process group) at random moments, and resume them until they end.

    python tools/kill_and_resume.py --kills 50

Each kill begins with a new run. The moments are spread evenly over the length of an undisturbed run; every fifth
kill comes just after the output's index is begun, while all is moved into place. Every third resumed run is killed
too. What comes out must be the bytes of the undisturbed run, records and index, with nothing left beside them; and
whatever lies under the output's name after a kill must be whole.
"""

from __future__ import annotations

import random
from pathlib import Path
from tempfile import TemporaryDirectory

from cyclopts import App

from dvplug.errors import DvplugError
from dvplug.simulate import simulate_dataset
from dvplug.system.console import info
from dvplug_lab.resuming import run_trials, show
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *, kills: int = 50, workers: int = 2, length: int = 2_000_000, depth: float = 15.0, seed: int = 1
) -> None:
    """Kill runs at random moments, resume them, and compare what comes out with an undisturbed run.

    Parameters
    ----------
    kills
        How many.
    workers
        Of each run.
    length
        bp of the simulated contig.
    depth
        Of the simulated reads.
    seed
        Of the reads and the moments.
    """
    with TemporaryDirectory(prefix="kill-") as temporary:
        folder = Path(temporary)
        info(f"Simulating {length:,} bp at {depth:g}x.")
        data = simulate_dataset(folder / "data", length=length, depth=depth, seed=seed)
        trials = list(run_trials(data, folder, kills, workers, random.Random(seed)))
    show(trials)
    if wrong := [trial for trial in trials if trial.problem]:
        raise DvplugError(f"{len(wrong)} of {kills} kills went wrong", cause=wrong[0].problem)


if __name__ == "__main__":
    run(app)
