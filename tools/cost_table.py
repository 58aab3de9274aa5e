"""What genomes cost: measured on slices (docs/performance.md), and computed for cohorts (docs/costs.md).

    python tools/cost_table.py write
    python tools/cost_table.py measure --shared ../shared/data

`measure` takes some minutes, and writes the table of docs/performance.md; `write` computes docs/costs.md from that.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from cyclopts import App

from dvplug.system.console import info
from dvplug_lab.costs import genomes, measured, slices
from dvplug_lab.places import REPOSITORY, SHARED
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")
MEASURED, COSTS = REPOSITORY / "docs" / "performance.md", REPOSITORY / "docs" / "costs.md"


@app.command
def measure(*, shared: Path = SHARED) -> None:
    """Measure what calling slices costs.

    Parameters
    ----------
    shared
        Folder of the real data.
    """
    rows = []
    with TemporaryDirectory(prefix="costs-") as folder:
        for number, one in enumerate(slices.SLICES):
            info(f"Measuring {one.technology}: {one.name}")
            rows.append(measured.measure(one, Path(folder) / str(number), shared))
            print(rows[-1])
        opening = measured.index_open_ms(Path(folder))
    text = (
        f"{measured.table(rows)}\n\nOpening the index of the gVCF of a whole genome takes {opening:.1f} ms."
    )
    marks = measured.BEGIN, measured.END
    MEASURED.write_text(genomes.between(MEASURED.read_text(), marks, text))


@app.command
def write(*, core_hour: float = genomes.Prices.core_hour, tb_month: float = genomes.Prices.tb_month) -> None:
    """Compute the tables of docs/costs.md.

    Parameters
    ----------
    core_hour
        Price of a core for an hour.
    tb_month
        Price of 10^12 bytes for a month.
    """
    page = MEASURED.read_text()
    text = genomes.computed(
        measured.parsed(page), measured.index_open(page), genomes.Prices(core_hour, tb_month)
    )
    COSTS.write_text(genomes.between(COSTS.read_text(), (genomes.BEGIN, genomes.END), text))


if __name__ == "__main__":
    run(app)
