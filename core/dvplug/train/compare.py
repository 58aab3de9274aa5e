"""Three ways to train where examples are few: on them alone, from a model's weights, or mixed with others.

The third is DeepVariant's for exomes: examples of genomes and exomes together, with a vector that tells which is which
joined near the end of the network (doi:10.1038/nbt.4235, supplement).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import InputError
from dvplug.technology import Frozen
from dvplug.train.export import load_fit
from dvplug.train.fit import Fit, FitSettings, epoch_steps, fit, predict
from dvplug.train.store import VARIANT_TYPES, ExampleReader
from dvplug_registry.files import write_whole

if TYPE_CHECKING:
    import keras

TARGET_ONLY, WARM_START, JOINT = "target-only", "warm-start", "joint"
RESULT_NAME = "comparison.json"
_SNP = VARIANT_TYPES.index("snp")


class GenotypeCounts(Frozen):
    """Examples by what was called: a wrong genotype of a variant is a false call and a missed one."""

    tp: int
    fp: int
    fn: int

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); 0 without any."""
        total = 2 * self.tp + self.fp + self.fn
        return 2 * self.tp / total if total else 0.0


class Tested(Frozen):
    """One strategy on one shard of test examples."""

    strategy: str
    shard: str
    snp: GenotypeCounts
    indel: GenotypeCounts


class StrategyComparison(Frozen):
    """All strategies at the same number of steps."""

    steps: int
    tune_log_loss: dict[str, float]
    tested: tuple[Tested, ...]

    @property
    def best(self) -> str:
        """The strategy of lowest log-loss on the tune examples: test examples do not choose."""
        return min(self.tune_log_loss, key=self.tune_log_loss.__getitem__)


def compare_strategies(
    examples: Sequence[Path],
    tune: Sequence[Path],
    test: Sequence[Path],
    source: Sequence[Path],
    start_from: Path,
    settings: FitSettings,
    steps: int,
    out: Path,
) -> StrategyComparison:
    """Fit all three strategies on the same budget and measure them.

    Parameters
    ----------
    examples, tune, test
        Shards of the technology that a model is wanted for; test shards may be thinned to several depths.
    source
        Shards of the technology that has many examples, drawn with the same layout.
    start_from
        Weights of a model of the latter (safetensors).
    settings
        Of all fits; ``epochs`` is how often they are measured on the tune examples, at least.
    steps
        Batches that each strategy is shown.
    out
        Folder: a fit per strategy, and ``comparison.json``. What is there from an earlier call is kept.

    Raises
    ------
    InputError
        As `dvplug.train.fit.fit`; the source is of the same technology as the examples; ``out`` holds a fit with other
        settings.
    """
    technologies = [ExampleReader(paths).header.technology for paths in (examples, source)]
    if technologies[0] == technologies[1]:
        raise InputError(
            f"examples and source are both of {technologies[0]}",
            cause="strategies differ in what they make of another technology's examples",
            repair="Name examples of another technology as the source.",
        )
    plans: dict[str, tuple[Sequence[Path], tuple[str, ...], Path | None]] = {
        TARGET_ONLY: (examples, (), None),
        WARM_START: (examples, (), start_from),
        JOINT: ([*examples, *source], tuple(technologies), None),
    }
    losses: dict[str, float] = {}
    tested: list[Tested] = []
    for strategy, (shards, types, weights) in plans.items():
        budget = _on_budget(settings, ExampleReader(shards, types), steps)
        budget = budget.model_copy(update={"sequencing_types": types})
        state, model = _fitted(shards, tune, budget, out / strategy, weights)
        losses[strategy] = state.epochs[state.best].tune.log_loss
        tested += [_tested(strategy, model, shard) for shard in test]
    comparison = StrategyComparison(steps=steps, tune_log_loss=losses, tested=tuple(tested))
    write_whole(out / RESULT_NAME, f"{comparison.model_dump_json(indent=1)}\n".encode())
    return comparison


def _tested(strategy: str, model: keras.Model, shard: Path) -> Tested:
    """Count what a strategy's network calls on one shard."""
    reader = ExampleReader([shard])
    snp, indel = count_genotypes(predict(model, reader), reader.labels, reader.variant_types)
    return Tested(strategy=strategy, shard=shard.stem, snp=snp, indel=indel)


def _fitted(
    shards: Sequence[Path], tune: Sequence[Path], settings: FitSettings, folder: Path, weights: Path | None
) -> tuple[Fit, keras.Model]:
    """Fit, or take the fit that is there if its settings are these."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fit(shards, tune, settings, folder, weights)
    state, model = load_fit(folder)
    if state.settings != settings:
        raise InputError(
            f"'{folder}' is a fit with other settings",
            cause="an earlier comparison made it, with other steps or examples",
            repair="Name another output folder, or remove this one.",
        )
    return state, model


def count_genotypes(
    probabilities: NDArray[np.float32], labels: NDArray[np.int8], variant_types: NDArray[np.int8]
) -> tuple[GenotypeCounts, GenotypeCounts]:
    """Count SNPs and indels among probabilities float32[n,3] of examples with labels and types int8[n].

    Variants that no candidate shows are in no example, and missed by all alike.
    """
    called = probabilities.argmax(axis=1)
    right = called == labels
    counts = []
    for chosen in (variant_types == _SNP, variant_types != _SNP):
        counts.append(
            GenotypeCounts(
                tp=int((chosen & right & (labels > 0)).sum()),
                fp=int((chosen & ~right & (called > 0)).sum()),
                fn=int((chosen & ~right & (labels > 0)).sum()),
            )
        )
    return counts[0], counts[1]


def _on_budget(settings: FitSettings, reader: ExampleReader, steps: int) -> FitSettings:
    """Cut or repeat the examples so that all epochs together are about ``steps`` batches."""
    whole = epoch_steps(reader, settings)
    per_epoch = min(whole, max(1, steps // settings.epochs))
    epochs = max(1, round(steps / per_epoch))
    return settings.model_copy(update={"steps_per_epoch": per_epoch, "epochs": epochs, "patience": epochs})
