"""Measure a shipped model and write its card: all figures of model_cards/ in one command per technology.

    python tools/evaluate_model.py --tech pacbio --shared ../shared/data --work DIR

simulates the held-out reads (what is in the work folder is not made again), calls them and the real sets with dvplug,
bcftools and freebayes, at full depth and thinned to 15x, and writes the card, its pictures and the manifest's metrics.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug_lab.model_evaluation import evaluate_model
from dvplug_lab.model_run import ModelRun
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(options: ModelRun, *, model: Path | None = None) -> None:
    """Measure a model and write its card.

    Parameters
    ----------
    model
        The model's folder; by default the shipped one of this version.
    """
    evaluate_model(options, model)


if __name__ == "__main__":
    run(app)
