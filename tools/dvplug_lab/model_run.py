"""What making a model and measuring it have in common: which model, from what, and where to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cyclopts import Parameter

from dvplug_lab.places import REPOSITORY, SHARED
from dvplug_lab.recipes import Recipe, recipe_of


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ModelRun:
    """Options of `build_model.py` and `evaluate_model.py`.

    Parameters
    ----------
    tech
        The technology, a key of `recipes.RECIPES`.
    work
        Where reads, examples, fits and measurements go: about 2 GB.
    shared
        The folder of real data.
    cards
        Where the card and its pictures go.
    version
        Of the model, and of the one that it starts from if it does.
    workers
        Processes, and threads that map.
    """

    tech: str
    work: Path
    shared: Path = SHARED
    cards: Path = REPOSITORY / "model_cards"
    version: str = "1.0.0"
    workers: int = 2

    @property
    def recipe(self) -> Recipe:
        """How the technology's model is made; raises InputError when there is none."""
        return recipe_of(self.tech)

    @property
    def label(self) -> str:
        """Name of the model's folder and of its card."""
        return f"{self.tech}-{self.version}"

    @property
    def reads(self) -> Path:
        """The folder of read sets."""
        return self.work / "reads"
