"""Learn how often a technology's reads show a homopolymer longer or shorter than it is.

    python tools/learn_length_errors.py --tech ont --shared ../shared/data --out plugins/dvplug_ont/length_errors.npz

From all real reads that the technology's simulated ones are made after (`dvplug_lab/read_sets.py`), together; how much
places differ is what those are made with. The table is what `dvplug.images.features.length_errors` reads; where
it changes, the version of the plugin's feature set has to.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug_lab.homopolymers.length_errors import R10_CLASSES, learn_length_errors
from dvplug_lab.places import SHARED
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *,
    tech: str,
    shared: Path = SHARED,
    out: Path,
    classes: tuple[float, float, float] = R10_CLASSES,
) -> None:
    """Write the table.

    Parameters
    ----------
    tech
        The technology.
    shared
        The folder of real data.
    out
        The file to write, .npz.
    classes
        Mean error probabilities, by their base qualities, that part good reads from worse ones.
    """
    learn_length_errors(tech, shared, classes).save(out)


if __name__ == "__main__":
    run(app)
