"""Measure tables of the DeepVariant paper, a post and the product page anew, and write them into docs/reproduce.md.

    python tools/reproduce.py all
    python tools/reproduce.py S1 2B
    python tools/reproduce.py 2A --vcf gatk=gatk.vcf.gz

Reads that are simulated, calls and what else is made lie in a work folder, and are kept. What each table holds, and
what could not be had, stands in docs/reproduce.md.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from cyclopts import App

from dvplug.errors import InputError
from dvplug_lab.commands import require
from dvplug_lab.places import REPOSITORY, SHARED
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
from dvplug_lab.reproduction.results import (
    PAGE,
    Result,
    Row,
    Setting,
    read_results,
    took,
    with_tables,
    write_results,
)
from dvplug_lab.script import run

TABLES: dict[str, Callable[[Setting], list[Row]]] = {
    "1": technologies.measure,
    "S1": builds.measure,
    "2A": curves.measure,
    "2B": replicates.measure_spread,
    "2C": replicates.measure_calibration,
    "S4": species.measure,
    "S4-trained": species_model.measure,
    "post": training.measure,
    "seqtype": one_model.measure,
    "product": product.measure,
}
app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *tables: str,
    shared: Path = SHARED,
    work: Path = REPOSITORY / "work" / "reproduce",
    genomes: Path = REPOSITORY / "work" / "genomes",
    threads: int = 2,
    length: int = 500_000,
    steps: int = 100,
    vcf: tuple[str, ...] = (),
    vcf_of: str = "na12878_illumina",
) -> None:
    """Measure, keep the figures in docs/reproduce.json, and write the page's tables.

    Parameters
    ----------
    tables
        Of 1, 2A, 2B, 2C, S1, S4, S4-trained, post, seqtype and product; or all.
    genomes
        Folder with the packages that hold sequence of other species.
    length
        bp of a simulated genome; the post's are of several times as many.
    steps
        Batches that each fit of the post's is shown.
    vcf
        NAME=FILE: calls of another caller, for Figure 2A.
    vcf_of
        Of which of its sets: na12878_illumina, hg002_illumina or simulated.
    """
    chosen = list(TABLES) if "all" in tables else list(tables)
    unknown = [name for name in chosen if name not in TABLES]
    if unknown or not chosen:
        raise InputError(
            f"'{unknown[0]}' is no table" if unknown else "No table is named",
            repair=f"Name some of {', '.join(TABLES)}, or all.",
        )
    require("bwa", "samtools", "bcftools")
    given = tuple(curves.Given.parse(text, vcf_of) for text in vcf)
    setting = Setting(shared.resolve(), work.resolve(), genomes.resolve(), threads, length, given, steps)
    for name in chosen:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
            found = alone.submit(measured, name, setting).result()
        write_results(read_results() | {name: found})
        PAGE.write_text(with_tables(PAGE.read_text(), read_results()))
        print(f"{name}: {len(found.rows)} rows in {took(found)}", flush=True)


def measured(name: str, setting: Setting) -> Result:
    """Measure one table, in a process that measures no other: the system tells its largest child of all times."""
    began = time.time()
    rows = TABLES[name](setting)
    used = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return Result(rows, round((time.time() - began) / 60, 1), round(max(used) / 1e6, 2))


if __name__ == "__main__":
    run(app)
