"""Build a shipped model: reads, examples, fit, export, held-out evaluation, model card.

    python tools/build_model.py --tech illumina-wgs --shared ../shared/data --work DIR

makes `plugins/PLUGIN/models/TECH-VERSION` and `model_cards/TECH-VERSION.md`. What is already in the work folder is not
made again. Needs bwa or minimap2, samtools, bcftools and freebayes, and the real data folder. Real reads are never
trained on: only their error profiles are learned (see `build_training_reads.py`), and variants are those of HG002's
chr20 outside the slices kept for validation, or drawn like them. How each model is made is in `dvplug_lab/recipes.py`.
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

from cyclopts import App

from dvplug_lab.model_building import build_model
from dvplug_lab.model_run import ModelRun
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(options: ModelRun, *, models: Path | None = None, fit_only: bool = False) -> None:
    """Build the model.

    Parameters
    ----------
    models
        Where the model folder goes; into the plugin by default.
    fit_only
        Stop after the fit, for which TensorFlow need not be installed: KERAS_BACKEND may be jax or torch. The same
        command without this goes on from the work folder, on any machine.
    """
    start = time.monotonic()
    model = build_model(options, models, fit_only=fit_only)
    if model is not None:
        used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        memory = max(one.ru_maxrss for one in used) / 2**20
        minutes = (time.monotonic() - start) / 60
        print(f"{model} and its card after {minutes:.0f} minutes, {memory:.1f} GB at most in one process")


if __name__ == "__main__":
    run(app)
