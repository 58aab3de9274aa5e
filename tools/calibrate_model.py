"""State anew in a shipped model's manifest how often its sure answers are wrong, by more examples than it had.

    python tools/calibrate_model.py --tech pacbio --shared ../shared/data --work DIR

A model that is built has it from its tune examples (`build_model.py`). This makes those of the present recipe, with the
reads that they need, and measures the network that is there: the network stays as it is.
"""

from __future__ import annotations

from cyclopts import App

from dvplug_lab.lapses import state_lapses
from dvplug_lab.model_run import ModelRun
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(options: ModelRun, *, worlds: bool = True, whole: bool = True) -> None:
    """Measure and write the lapse rates.

    Parameters
    ----------
    worlds
        Take those of worlds, too; not for a model that was trained without.
    whole
        Take those of sets that are mostly to train on, too; without, the persons drawn to tune on are all, which takes
        a minute or two each.
    """
    print(state_lapses(options, worlds=worlds, whole=whole).lapse_rates.model_dump_json(indent=2))


if __name__ == "__main__":
    run(app)
