"""Kill runs of `dvplug cohort` (kill -9, the whole process group) at given moments, and repeat the command.

    python tools/kill_cohort.py --kills 10

Each kill begins with a new folder. The moments go by what a run has done: they are spread evenly over the regions of
all samples, and every third comes as soon as one more sample says that it is done. The same command then has to end in
the bytes of a run that nobody disturbed: VCFs, gVCFs, indexes, and all that is of the whole cohort.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from cyclopts import App

from dvplug.errors import DvplugError
from dvplug.system.console import info
from dvplug_lab.cohorts.killed import cohort_trials, show_cohort_trials
from dvplug_lab.cohorts.simulated import Person, simulate_cohort
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *,
    kills: int = 10,
    samples: int = 6,
    length: int = 1_000_000,
    depth: float = 6.0,
    workers: int = 2,
    seed: int = 1,
) -> None:
    """Kill runs of a cohort, repeat them, and compare what comes out with a run that nobody disturbed.

    Parameters
    ----------
    kills
        How many.
    samples
        How many: a trio, and others.
    length
        bp of each sample's only contig.
    depth
        Of the simulated reads.
    workers
        Of each run.
    seed
        Of genomes and reads.
    """
    trio = [Person("father", depth), Person("mother", depth), Person("child", depth, "father", "mother")]
    others = [Person(f"other{number}", depth) for number in range(1, samples - len(trio) + 1)]
    with TemporaryDirectory(prefix="kill-cohort-") as temporary:
        folder = Path(temporary)
        info(f"Simulating {samples} samples of {length:,} bp at {depth:g}x.")
        persons = [*trio, *others][:samples]
        data = simulate_cohort(folder / "data", persons, length=length, new_mutations=0, seed=seed)
        trials = list(cohort_trials(data, persons, folder, kills, workers))
    show_cohort_trials(trials)
    if wrong := [trial for trial in trials if trial.problem]:
        raise DvplugError(f"{len(wrong)} of {kills} kills went wrong", cause=wrong[0].problem)


if __name__ == "__main__":
    run(app)
