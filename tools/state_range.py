"""State in a shipped model's manifest which reads it was trained on, and what it is given in place of others.

    python tools/state_range.py --tech illumina-wgs --shared ../shared/data --work DIR

A model that is built anew has it from its examples (`build_model.py`). This writes it for one that is there: by the
rules in `dvplug_lab/recipes.py`, from the real reads that its training reads are copies of, and from a share of the
training reads, which are made again in the work folder. That folder is no good for `build_model.py`.
"""

from __future__ import annotations

from cyclopts import App

from dvplug_lab.model_run import ModelRun
from dvplug_lab.script import run
from dvplug_lab.stated_range import state_range

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(options: ModelRun, *, scale: float = 0.1) -> None:
    """State what the model was trained on.

    Parameters
    ----------
    scale
        Share of the training reads that is made.
    """
    print(state_range(options, scale).trained_on.model_dump_json(indent=2, exclude_none=True))


if __name__ == "__main__":
    run(app)
