"""What an evaluation counted, as a model's manifest has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from dvplug.errors import InputError, Problems
from dvplug.system.explain import explain
from dvplug.system.locations import StrPath
from dvplug.technology import Frozen
from dvplug_registry.manifest import Metric

KINDS: tuple[Literal["SNP", "INDEL"], ...] = ("SNP", "INDEL")


class _Counts(Frozen, extra="ignore"):
    tp_truth: int
    fp: int
    fn: int


def metrics_of(name: str, evaluation: Mapping[str, object]) -> list[Metric]:
    """Rows of an evaluation in its JSON form: of SNPs and of indels, each where there is anything to count.

    Parameters
    ----------
    name
        What was evaluated on.
    evaluation
        As `dvplug.evaluate.Evaluation.as_dict` gives it.

    Raises
    ------
    ValidationError
        It is something else.
    """
    counts = {kind: _Counts.model_validate(evaluation.get(kind)) for kind in KINDS}
    return [
        Metric.of_counts(name, kind, of.tp_truth, of.fp, of.fn)
        for kind, of in counts.items()
        if of.tp_truth + of.fp + of.fn
    ]


def read_metrics(paths: Sequence[StrPath]) -> tuple[Metric, ...]:
    """Read what ``dvplug evaluate --json`` printed into files; a set is called as its file, without the ending.

    Raises
    ------
    InputError
        A file is missing or holds something else; or two have one name.
    """
    problems, found = Problems(), []
    files = [Path(path) for path in paths]
    for path in files:
        with problems.collect():
            if [other.stem for other in files].count(path.stem) > 1:
                raise InputError(
                    f"two files of metrics are called '{path.stem}'",
                    cause="the sets of a model are told apart by these names",
                    repair="Call each after what was evaluated on.",
                )
            found += _read(path)
    problems.raise_all()
    return tuple(found)


def _read(path: Path) -> list[Metric]:
    try:
        evaluation = json.loads(path.read_text())
        return metrics_of(path.stem, evaluation if isinstance(evaluation, dict) else {})
    except (OSError, ValueError) as error:  # ValidationError is a ValueError
        cause = explain(error) if isinstance(error, ValidationError) else str(error)
        raise InputError(
            f"'{path}' does not hold an evaluation",
            cause=cause,
            repair="Make it with `dvplug evaluate ... --json > FILE`.",
        ) from error
