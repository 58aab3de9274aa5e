"""Call the reads of a case with all callers and count what is wrong, in a process of its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from dvplug.errors import DvplugError
from dvplug.evaluate import Evaluation, evaluate
from dvplug.evaluate.judged import KINDS, Judged, read_judged
from dvplug.system.console import warn
from dvplug_lab.comparison.callers import is_newer, where_to_call
from dvplug_lab.comparison.compared import OURS
from dvplug_lab.comparison.sets import ValidationSet, confident_regions, mean_depth
from dvplug_lab.robustness.calling import MeasuredModel, Sample, call
from dvplug_lab.robustness.cases import Case
from dvplug_lab.robustness.found import Errors, GqBand, ReadsMeasured

SURE = 20
"""The least GQ of a call that is sure."""
EDGES = (0, 10, 20, 30, 40, 50, 100)


def count_all(
    cases: Sequence[Case], model: MeasuredModel, workers: int
) -> Iterator[tuple[ReadsMeasured, list[Judged]]]:
    """Measure the cases, several at a time; yields in their order."""
    if not cases:
        return
    with ProcessPoolExecutor(min(workers, len(cases)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(count_one, model=model), cases)


def count_one(case: Case, model: MeasuredModel) -> tuple[ReadsMeasured, list[Judged]]:
    """Make the reads of a case, call them, and count; the calls of dvplug are judged one by one."""
    chosen = case.shifted()
    confident = confident_regions(chosen)
    sample = Sample(chosen.tech, chosen.reference, chosen.reads, where_to_call(chosen, confident))
    errors: dict[str, Errors | None] = {}
    for caller in case.callers:
        try:
            errors[caller] = _errors(caller, chosen, sample, case.folder, model)
        except DvplugError as error:
            warn(f"{chosen.name}, {case.reads}: {caller} did not call: {error}")
            errors[caller] = None
    ours = errors.get(OURS)
    judged = read_judged(case.folder / model.key / OURS, chosen.reference) if ours else []
    depth = mean_depth(chosen.reads, confident)
    return ReadsMeasured(chosen.name, case.reads, round(depth, 1), errors, sure_shares(judged, ours)), judged


def _errors(caller: str, chosen: ValidationSet, sample: Sample, folder: Path, model: MeasuredModel) -> Errors:
    calls, kept = call(caller, sample, folder, model), folder / f"{caller}.json"
    if caller != OURS and is_newer(kept, calls):
        return Errors(**json.loads(kept.read_text()))
    judged = calls.parent / OURS if caller == OURS else None
    errors = errors_of(evaluate(chosen.truth, calls, chosen.confident, chosen.reference, out_dir=judged))
    if caller != OURS:
        kept.write_text(json.dumps(asdict(errors)))
    return errors


def errors_of(found: Evaluation) -> Errors:
    """Return the counts of an evaluation."""
    snp, indel = found.snp, found.indel
    return Errors(snp.fp, snp.fn, indel.fp, indel.fn, snp.tp_truth, indel.tp_truth)


def sure_shares(judged: Iterable[Judged], ours: Errors | None) -> dict[str, float | None]:
    """By SNP and INDEL: the share of the truth's variants that are called with PASS and a GQ of `SURE` or more.

    A variant of the truth that is two calls counts once: the share of true calls that are sure, of all that are found.
    """
    shares: dict[str, float | None] = dict.fromkeys(KINDS)
    if ours is None:
        return shares
    true = [one for one in judged if one.status == "TP"]
    for kind, found, missed in (("SNP", ours.snp_tp, ours.snp_fn), ("INDEL", ours.indel_tp, ours.indel_fn)):
        of_kind = [one.gq or 0 for one in true if one.kind == kind]
        if found + missed:
            sure = sum(gq >= SURE for gq in of_kind) / max(len(of_kind), 1)
            shares[kind] = sure * found / (found + missed)
    return shares


def gq_bands(judged: Iterable[Judged]) -> list[GqBand]:
    """Per type and ten of GQ: calls, wrong ones, and how many the GQ would have."""
    calls = [
        (one.kind, one.gq, one.status == "FP") for one in judged if one.status != "FN" and one.gq is not None
    ]
    bands = []
    for kind, (low, high) in itertools.product(KINDS, itertools.pairwise(EDGES)):
        inside = [(gq, wrong) for of, gq, wrong in calls if of == kind and low <= gq < high]
        if inside:
            claimed = sum(10 ** (-gq / 10) for gq, _ in inside)
            bands.append(GqBand(kind, low, high, len(inside), sum(wrong for _, wrong in inside), claimed))
    return bands
