"""Four ways to train where examples are few: on them alone, from a model's weights, or mixed with others in two ways.

They are those of arXiv:1911.05151 for exomes. In the last, examples of genomes and exomes are trained on together, with
a vector that tells which is which joined near the end of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import DvplugError, InputError, Problems
from dvplug.system.locations import StrPath
from dvplug.system.quiet import libraries_kept_quiet
from dvplug.technology import Frozen
from dvplug.train.export import load_fit
from dvplug.train.fit import fit, predict
from dvplug.train.fit_inputs import FitInputs, check_fit_inputs, epoch_steps, require_network
from dvplug.train.places import refuse_shared_places
from dvplug.train.state import Fit, FitSettings, read_fit
from dvplug.train.store import VARIANT_TYPES, ExampleReader, require_same_kind
from dvplug_registry.files import write_whole

if TYPE_CHECKING:
    import keras

TARGET_ONLY, MIXED, WARM_START, JOINT = "target-only", "mixed", "warm-start", "joint"
"""The last is told the sequencing type of each example; `MIXED` is not."""
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
    examples: Sequence[StrPath],
    tune: Sequence[StrPath],
    test: Sequence[StrPath],
    source: Sequence[StrPath],
    start_from: StrPath,
    settings: FitSettings,
    steps: int,
    out: StrPath,
) -> StrategyComparison:
    """Fit all four strategies on the same budget and measure them; all inputs are checked before the first fit.

    Parameters
    ----------
    examples, tune, test
        Shards of the technology that a model is wanted for; test shards may be thinned to several depths.
    source
        Shards of the technology that has many examples, drawn with the same layout.
    start_from
        A model or a fit of the latter, as `read_starting_point` takes it. All networks are built as its is.
    settings
        Of all fits; ``epochs`` is how often they are measured on the tune examples, at least.
    steps
        Batches that each strategy is shown.
    out
        Folder: a fit per strategy, and ``comparison.json``. What is there from an earlier call is kept.

    Raises
    ------
    InputError, ModelError
        As `dvplug.train.fit.fit`; the source is of the same technology as the examples; test examples share places
        with others; ``out`` holds a fit with other settings. Where several things are wrong: `ManyProblems`.
    """
    out = Path(out)
    with libraries_kept_quiet():
        sets = _checked_sets(lambda: check_fit_inputs(examples, tune, settings, start_from), source, test)
        losses: dict[str, float] = {}
        tested: list[Tested] = []
        for plan in _plans(sets, start_from, steps, out):
            state, model = _fitted(plan, tune, out / plan.strategy)
            losses[plan.strategy] = state.kept.log_loss
            tested += [_tested(plan.strategy, model, reader) for reader in sets.tests]
    comparison = StrategyComparison(steps=steps, tune_log_loss=losses, tested=tuple(tested))
    write_whole(out / RESULT_NAME, f"{comparison.model_dump_json(indent=1)}\n".encode())
    return comparison


class _Plan(NamedTuple):
    """How one strategy trains."""

    strategy: str
    shards: Sequence[StrPath]
    settings: FitSettings
    start_from: StrPath | None


class _Sets(NamedTuple):
    """All examples of a comparison, which fit each other and lie apart."""

    target: FitInputs
    source: ExampleReader
    tests: list[ExampleReader]


def _checked_sets(
    target: Callable[[], FitInputs], source: Sequence[StrPath], test: Sequence[StrPath]
) -> _Sets:
    """Open and compare everything; raises as `compare_strategies`."""
    problems = Problems()
    inputs, others, tests = None, None, []
    with problems.collect():
        inputs = target()
    with problems.collect():
        others = ExampleReader(source)
    for path in test:
        with problems.collect():
            tests.append(ExampleReader([path]))
    if not test:
        problems.found.append(InputError("no test examples were given", repair="Name one or more .h5 files."))
    if inputs and others:
        with problems.collect():
            _require_another_technology(inputs.reader, others)
        with problems.collect():
            refuse_shared_places(("source", others), ("tune", inputs.tune))
        for one in tests:
            problems.found += _problems_of_test(one, inputs, others)
    problems.raise_all()
    assert inputs is not None
    assert others is not None
    return _Sets(inputs, others, tests)


def _problems_of_test(test: ExampleReader, inputs: FitInputs, source: ExampleReader) -> list[DvplugError]:
    problems = Problems()
    with problems.collect():
        require_same_kind(
            inputs.reader.header,
            test.header,
            f"training examples and those of '{test.paths[0]}'",
            "Make both with the same profile and the same dvplug.",
        )
    for name, one in (("training", inputs.reader), ("tune", inputs.tune), ("source", source)):
        with problems.collect():
            refuse_shared_places((name, one), ("test", test))
    return problems.found


def _plans(sets: _Sets, start_from: StrPath, steps: int, out: Path) -> list[_Plan]:
    """Plan all four fits; raises InputError where one of them cannot be, or is there with other settings."""
    problems, plans = Problems(), []
    target, both = sets.target.reader.paths, [*sets.target.reader.paths, *sets.source.paths]
    types = (sets.target.reader.header.technology, sets.source.header.technology)
    kinds: tuple[tuple[str, Sequence[Path], tuple[str, ...], StrPath | None], ...] = (
        (TARGET_ONLY, target, (), None),
        (MIXED, both, (), None),
        (WARM_START, target, (), start_from),
        (JOINT, both, types, None),
    )
    for strategy, shards, mixed, start in kinds:
        with problems.collect():
            budget = _on_budget(sets.target.settings, ExampleReader(shards, mixed), steps)
            plan = _Plan(strategy, shards, budget.model_copy(update={"sequencing_types": mixed}), start)
            require_network(plan.settings)
            _require_this_fit(plan, out / strategy)
            plans.append(plan)
    problems.raise_all()
    return plans


def _require_another_technology(examples: ExampleReader, source: ExampleReader) -> None:
    technology = examples.header.technology
    if source.header.technology == technology:
        raise InputError(
            f"examples and source are both of {technology}",
            cause="strategies differ in what they make of another technology's examples",
            repair="Name examples of another technology as the source.",
        )


def _tested(strategy: str, model: keras.Model, reader: ExampleReader) -> Tested:
    """Count what a strategy's network calls on one shard."""
    snp, indel = count_genotypes(predict(model, reader), reader.labels, reader.variant_types)
    return Tested(strategy=strategy, shard=reader.paths[0].stem, snp=snp, indel=indel)


def _require_this_fit(plan: _Plan, folder: Path) -> None:
    """Refuse a fit that is there with other settings."""
    if folder.exists() and read_fit(folder).settings != plan.settings:
        raise InputError(
            f"'{folder}' is a fit with other settings",
            cause="an earlier comparison made it, with other steps or examples",
            repair="Name another output folder, or remove this one.",
        )


def _fitted(plan: _Plan, tune: Sequence[StrPath], folder: Path) -> tuple[Fit, keras.Model]:
    """Fit, or take the fit that is there."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        fit(plan.shards, tune, plan.settings, folder, plan.start_from)
    return load_fit(folder)


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
