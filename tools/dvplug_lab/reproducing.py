"""Measure the tables of the reproduction one by one, each in a process of its own, and keep what stands."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from dvplug.errors import DvplugError
from dvplug_lab.places import REPOSITORY
from dvplug_lab.reproduction import (
    builds,
    curves,
    one_model,
    product,
    replicates,
    species,
    species_model,
    technologies,
    training,
)
from dvplug_lab.reproduction.results import Result, Row, Setting
from dvplug_lab.reproduction.stated import NUMBERS, Stated
from dvplug_lab.standing import digest, fresh


class Table(NamedTuple):
    """How a table is measured."""

    group: str
    """Tables of one group share calls, examples and fits."""
    measure: Callable[[Setting], list[Row]]


TABLES = {
    "product": Table("product", product.measure),
    "S1": Table("builds", builds.measure),
    "2A": Table("curves", curves.measure),
    "2B": Table("replicates", replicates.measure_spread),
    "2C": Table("replicates", replicates.measure_calibration),
    "1": Table("technologies", technologies.measure),
    "S4": Table("species", species.measure),
    "S4-trained": Table("species", species_model.measure),
    "post": Table("training", training.measure),
    "seqtype": Table("training", one_model.measure),
}
"""In the order in which they are measured: those that take least first."""
SIMULATOR = (
    "core/dvplug/simulate",
    "core/dvplug/sequence",
    "core/dvplug/train/simulated.py",
    "core/dvplug/train/world_genome.py",
    "tools/dvplug_lab/plugin_measures.py",
    "tools/dvplug_lab/read_sets.py",
    "tools/dvplug_lab/training_reads",
    "tools/dvplug_lab/reproduction",
    *(
        f"plugins/{one.reads.plugin}/{NUMBERS}"
        for one in technologies.DATASETS
        if isinstance(one.reads, Stated)
    ),
)
"""Code, and numbers, that reads are made by."""
CODE = ("core", "registry", "plugins", "tools/dvplug_lab")
"""Code, and models, that tables are made by."""


@dataclass(frozen=True)
class Outcome:
    """What became of a table."""

    name: str
    result: Result | None
    stood: bool = False
    """It was measured earlier, of the same."""
    failure: str = ""


def of_reads(setting: Setting) -> str:
    """Digest of what simulated reads are made of."""
    return digest([setting.shared, *(REPOSITORY / name for name in SIMULATOR)], str(setting.sizes))


def of_tables(setting: Setting) -> str:
    """Digest of what tables are made of."""
    return digest([setting.shared, *(REPOSITORY / name for name in CODE)], str(setting.sizes))


def measure_all(
    names: Sequence[str], setting: Setting, again: bool, keep: Callable[[str, Result], None]
) -> list[Outcome]:
    """Measure tables in turn; one that fails does not keep the others from being measured.

    Parameters
    ----------
    setting
        Its folders are those that hold the folders of all reads, and of the groups' things.
    again
        Measure tables that stand, too, from reads that do.
    keep
        Called with each that was measured, and each that stands, as soon as it is.
    """
    code = of_tables(setting)
    fresh(setting.reads, of_reads(setting))
    places = {
        group: fresh(setting.made / group, code, again=again)
        for group in dict.fromkeys(TABLES[name].group for name in names)
    }
    outcomes: list[Outcome] = []
    for name in names:
        outcomes.append(_outcome(name, replace(setting, made=places[TABLES[name].group])))
        if outcomes[-1].result is not None:
            keep(name, outcomes[-1].result)
        print(told(outcomes[-1]), flush=True)
    return outcomes


def _outcome(name: str, setting: Setting) -> Outcome:
    """Take a table that stands, or measure it."""
    path = setting.made / f"table_{name}.json"
    try:
        given = digest(_given(name, setting))
        if path.exists():
            stored = json.loads(path.read_text())
            if stored.pop("given") == given:
                return Outcome(name, Result(**stored), stood=True)
        found = alone(name, setting)
        path.write_text(json.dumps({**asdict(found), "given": given}))
    except BrokenProcessPool:
        return Outcome(name, None, failure="its process was killed, as happens where memory is short")
    except DvplugError as error:
        return Outcome(name, None, failure=str(error))
    except Exception as error:  # noqa: BLE001 - whatever it is, the other tables are measured, and this one is told of
        return Outcome(name, None, failure=f"{type(error).__name__}: {error}")
    return Outcome(name, found)


def _given(name: str, setting: Setting) -> Iterable[Path]:
    """Return the files that a table is made of beside the shared data."""
    if name == "2A":
        return [one.vcf for one in setting.vcfs]
    return species.wheels(setting.genomes) if TABLES[name].group == "species" else []


def alone(name: str, setting: Setting) -> Result:
    """Measure one table in a process of its own: the system tells the largest child that a process ever had."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measured, name, setting).result()


def measured(name: str, setting: Setting) -> Result:
    """Measure one table, in a process that measures no other."""
    began, before = time.time(), set(setting.reads.rglob("*.bam"))
    rows = TABLES[name].measure(setting)
    used = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    made = len(set(setting.reads.rglob("*.bam")) - before)
    return Result(rows, round((time.time() - began) / 60, 1), round(max(used) / 1e6, 2), made)


def told(one: Outcome) -> str:
    """Return a line for people: what became of a table, minutes, and the memory of its largest process."""
    if one.result is None:
        return f"{one.name:<12}failed: {one.failure}"
    what = "stands" if one.stood else "measured"
    return f"{one.name:<12}{what:<10}{one.result.minutes:6.1f} minutes {one.result.largest_gb:6.1f} GB"


def require_all_made(outcomes: Sequence[Outcome]) -> None:
    """Print the summary; raises DvplugError where tables failed."""
    print("\n".join(["", *map(told, outcomes)]))
    failed = [one.name for one in outcomes if one.result is None]
    if failed:
        raise DvplugError(
            f"{len(failed)} of {len(outcomes)} tables failed: {', '.join(failed)}",
            cause="see above; the page keeps their earlier figures",
            repair="The same command makes what is missing, and nothing else.",
        )
