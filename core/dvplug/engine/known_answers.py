"""The known-answer test of a model, as whoever would call with it runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dvplug.models import opener_of
from dvplug.plugins.loading import Plugins
from dvplug.technology import TechnologyProfile

if TYPE_CHECKING:
    from dvplug_registry.model_folder import LoadedModel


def verify_model(
    plugins: Plugins, model: LoadedModel, device: str | None = None, profile: TechnologyProfile | None = None
) -> float:
    """Run the known-answer test with the genotyper of the model, or of a technology that names another.

    Its first stage, where it has one, is tested with it.

    Parameters
    ----------
    device
        None: a CPU, unless the genotyper runs on none.

    Returns
    -------
    float
        Largest absolute difference of a probability from the float32 weights'.

    Raises
    ------
    ModelError
        The difference is larger than the manifest allows; and as `opener_of`.
    """
    from dvplug.genotypes.first_stage import first_stage_test  # brings numpy, as does the next
    from dvplug_registry.known_answer import known_answer_test, load_known_answer

    opener = opener_of(plugins, model, profile)
    chosen = device or ("cpu" if "cpu" in opener.devices else opener.devices[0])
    first_stage_test(model, load_known_answer(model))
    return known_answer_test(model, opener(model, chosen).predict)
