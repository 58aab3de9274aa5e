"""Measure how a model bears reads that it was not trained on, and what can be checked without a truth.

    python tools/robustness.py --tech illumina-wgs --out DIR --json robustness.json
    python tools/robustness.py --tech ont --model path/to/model --out DIR

calls the technology's validation sets as they are and with other qualities, mapping qualities, depths and read lengths,
libraries of crowded SNPs and of amplicons, flow reads of another simulator (ion), a trio, a man's X and a haploid cell
line, with dvplug, bcftools and freebayes, and prints the section "Robustness" of the model's card. What does not depend
on the model is kept in DIR: measure another model with the same DIR, and empty it where the simulation, the shifts or
the data have changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from dvplug_lab.places import SHARED
from dvplug_lab.robustness.measure import PARTS, Part, RobustnessRun, measure_robustness
from dvplug_lab.robustness.page import section
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")
Several = Parameter(consume_multiple=True)


@app.default
def main(
    *,
    tech: str,
    out: Path,
    model: Path | None = None,
    json: Path | None = None,
    sets: Annotated[list[str], Several] = [],  # noqa: B006
    parts: Annotated[list[Part], Several] = [*PARTS],  # noqa: B006
    held_out: Path | None = None,
    workers: int = 2,
    shared: Path = SHARED,
) -> None:
    """Measure one model.

    Parameters
    ----------
    tech
        The technology.
    out
        Folder that keeps reads, and what other callers say of them.
    model
        Folder of a model, in place of the technology's own.
    json
        File to write all figures to.
    sets
        Only these sets, as `compare_callers.py` takes them; by default the technology's real ones.
    parts
        Only these parts.
    held_out
        Folder of the simulated read sets (`work/reads` of `build_model.py`), of which those held out are shifted, too.
    workers
        Sets of reads at a time.
    shared
        Folder of the real data.
    """
    found = measure_robustness(RobustnessRun(tech, model, out, shared, held_out, sets, parts, workers))
    if json:
        found.write(json)
    print("\n".join(section(found)))


if __name__ == "__main__":
    run(app)
