"""The report of an evaluation: counts, precision against recall, whether GQ is true, and the errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from dvplug.evaluate.annotate import annotated_outputs, take_annotated
from dvplug.evaluate.counts import ClassCounts, wilson_interval
from dvplug.evaluate.evaluation import Also, Inputs, evaluated
from dvplug.evaluate.judged import (
    GENOTYPES,
    GQ_EDGES,
    HOMOPOLYMERS,
    KINDS,
    LEAST_CALLS,
    CalibrationBand,
    Judged,
    calibration,
    precision_recall,
    read_judged,
    strata,
)
from dvplug.evaluate.result import Evaluation
from dvplug.evaluate.verdicts import ABSENT, ALLELE_MISMATCH, GENOTYPE_MISMATCH
from dvplug.report.page import (
    Axis,
    Item,
    Page,
    Point,
    Series,
    Tile,
    facts,
    points,
    render,
    rows,
    table,
    tiles,
)
from dvplug.system.locations import StrPath
from dvplug.system.outputs import Output, Together, made_folder, reserved

MOST_ERRORS = 1000
"""Errors that are listed one by one."""
LEAST_ERROR = 1e-5
"""Where the axes of the calibration begin: GQ 50."""
SCORES: tuple[Literal["qual", "gq"], ...] = ("qual", "gq")


def evaluate_and_report(
    truth: StrPath,
    query: StrPath,
    confident: StrPath,
    reference: StrPath,
    report: StrPath,
    *,
    out_dir: StrPath | None = None,
    all_filters: bool = False,
    also: Also = Also(),  # noqa: B008 - frozen
) -> Evaluation:
    """Evaluate, and write the report of it; parameters and errors as of `evaluate`."""
    inputs = Inputs(truth, query, confident, reference, all_filters, also)
    place = None if out_dir is None else Path(out_dir)
    page = Output("--report", Path(report), (".html",))
    outputs = [page, *(annotated_outputs(place) if place else ()), *also.outputs]
    with (
        made_folder(place, "--out-dir") if place else nullcontext(),
        reserved(outputs, inputs.paths, inputs.require),
        TemporaryDirectory(dir=place, prefix=".unfinished-", ignore_cleanup_errors=True) as made,
        Together() as group,
    ):
        folder = Path(made)
        result = evaluated(inputs, folder)
        judged = read_judged(folder, reference)
        names = {"truth": truth, "query": query, "confident": confident, "reference": reference}
        group.write(page.path, evaluation_report(result, judged, {k: str(v) for k, v in names.items()}))
        also.write(result, group)
        if place:
            take_annotated(folder, place, group)
    return result


def evaluation_report(result: Evaluation, judged: Sequence[Judged], compared: Mapping[str, object]) -> bytes:
    """Return the report as one HTML page.

    Parameters
    ----------
    judged
        Of the same evaluation, see `read_judged`.
    compared
        What was compared, for people: names and files.
    """
    page = Page(
        "Evaluation of variant calls",
        "By haplotype: two ways to write one variant are equal, a wrong genotype is a false positive and a false "
        "negative. In brackets and bars: 95 % Wilson intervals.",
        [
            ("", [_tiles(result), _counts(result), *_strata(result)]),
            ("Precision against recall", _curves(judged, result)),
            ("Is GQ true?", _calibration(calibration(judged))),
            ("Errors", _errors(judged)),
            ("What was compared", [facts("compared", "Files", {**compared, **_facts_on_unsearched(result)})]),
        ],
    )
    return render(page)


def _tiles(result: Evaluation) -> Item:
    shown = []
    for kind, c in zip(KINDS, (result.snp, result.indel), strict=True):
        shown += [
            Tile(f"{kind} precision", [c.tp_query], [c.tp_query + c.fp], 4),
            Tile(f"{kind} recall", [c.tp_truth], [c.tp_truth + c.fn], 4),
        ]
    return tiles(shown)


COUNTED = ("TP truth", "TP query", "FP", "FN", "precision", "recall", "F1")


def _counts(result: Evaluation) -> Item:
    rows = [_count_row(kind, c) for kind, c in zip(KINDS, (result.snp, result.indel), strict=True)]
    note = ""
    if found := result.candidates:
        rows += [
            _count_row(f"{kind} candidates", c)
            for kind, c in zip(KINDS, (found.snp, found.indel), strict=True)
        ]
        note = "Candidates are counted with the genotypes by which most of the truth is found."
    return table("counts", "Counts", ("class", *COUNTED), rows, note=note)


def _strata(result: Evaluation) -> list[Item]:
    rows = [
        [name, one.confident, *_count_row(kind, one.counts(kind))]
        for name, one in result.strata.items()
        for kind in KINDS
    ]
    note = "Of what is confident in each stratum, by the same rules."
    heads = ("stratum", "confident bp", "class", *COUNTED)
    return [table("strata", "By stratum", heads, rows, note=note)] if rows else []


def _count_row(kind: str, c: ClassCounts) -> list[object]:
    return [
        kind,
        c.tp_truth,
        c.tp_query,
        c.fp,
        c.fn,
        _with_interval(c.precision, c.precision_interval),
        _with_interval(c.recall, c.recall_interval),
        "-" if c.f1 is None else f"{c.f1:.4f}",
    ]


def _with_interval(value: float | None, interval: tuple[float, float]) -> str:
    return "-" if value is None else f"{value:.4f} [{interval[0]:.4f}, {interval[1]:.4f}]"


def _curves(judged: Sequence[Judged], result: Evaluation) -> list[Item]:
    curves = {score: precision_recall(judged, result, score) for score in SCORES}
    charts = []
    for kind in KINDS:
        series = {
            f"by {score.upper()}": [_curve_point(score, *point) for point in curves[score][kind]]
            for score in SCORES
            if curves[score][kind]
        }
        if series:
            # Tails where only a few best calls are left would squeeze the rest into a corner.
            low = max(0.0, min(min(found[0].x, found[0].y) for found in series.values()) - 0.05)
            charts.append(
                points(
                    f"curve-{kind}", kind, Axis("recall", low, 1.0), Axis("precision", low, 1.0), series,
                    joined=True, note="Calls below a threshold are left out; it rises from right to left.",
                )
            )  # fmt: skip
    return charts


def _curve_point(score: str, value: float, recall: float, precision: float) -> Point:
    lines = [f"{score.upper()} {value:g} or more", f"recall {recall:.4f}", f"precision {precision:.4f}"]
    return Point(round(recall, 6), round(precision, 6), lines)


def _calibration(bands: Sequence[CalibrationBand]) -> list[Item]:
    charts = []
    for kind in KINDS:
        series = {
            genotype: [
                _band_point(band) for band in bands if (band["type"], band["genotype"]) == (kind, genotype)
            ]
            for genotype in GENOTYPES
        }
        if any(series.values()):
            charts.append(
                points(
                    f"calibration-{kind}", f"{kind} calls",
                    Axis("wrong calls by GQ", LEAST_ERROR, 1.0, log=True),
                    Axis("wrong calls found", LEAST_ERROR, 1.0, log=True),
                    {name: found for name, found in series.items() if found},
                    diagonal=True,
                    note="A point is a band of GQ, on the line if GQ is true, above it if GQ promises too much. "
                    f"One without a wrong call is drawn at half a call, one of fewer than {LEAST_CALLS} calls hollow.",
                )
            )  # fmt: skip
    heads = ("type", "genotype", "GQ", "calls", "wrong", "wrong by GQ", "wrong of all, interval")
    if bands:
        charts.append(table("bands", "Bands of GQ", heads, [_band_row(band) for band in bands]))
    return charts


def _band_point(band: CalibrationBand) -> Point:
    low, high = wilson_interval(band["wrong"], band["calls"])
    lines = [
        f"GQ {_range(band)}: {band['calls']:,} calls",
        f"{band['wrong']:,} wrong, {band['expected']:.1f} by GQ",
        f"wrong of all: {band['wrong'] / band['calls']:.2g} [{low:.2g}, {high:.2g}]",
    ]
    observed = max(band["wrong"], 0.5) / band["calls"]
    return Point(
        max(band["expected"] / band["calls"], LEAST_ERROR),
        max(observed, LEAST_ERROR),
        lines,
        low,
        high,
        weak=band["calls"] < LEAST_CALLS,
    )


def _band_row(band: CalibrationBand) -> list[object]:
    low, high = wilson_interval(band["wrong"], band["calls"])
    share = f"{band['wrong'] / band['calls']:.3g} [{low:.3g}, {high:.3g}]"
    return [
        band["type"], band["genotype"], _range(band), band["calls"], band["wrong"], round(band["expected"], 3), share,
    ]  # fmt: skip


def _range(band: CalibrationBand) -> str:
    low, high = band["gq"]
    return f"{low} or more" if high == GQ_EDGES[-1] else f"{low}-{high - 1}"


def _errors(judged: Sequence[Judged]) -> list[Item]:
    errors = [one for one in judged if one.error is not None]
    if not errors:
        return []
    reasons = (ABSENT, ALLELE_MISMATCH, GENOTYPE_MISMATCH)
    names = [(status, kind) for status in ("FP", "FN") for kind in KINDS]
    why = Counter((one.status, one.kind, one.error[4]) for one in errors if one.error)
    by_run = strata(judged)["homopolymer"]
    listed = [
        [
            one.status,
            one.kind,
            *one.error,
            "" if one.qual is None else f"{one.qual:g}",
            "" if one.gq is None else one.gq,
        ]
        for one in errors[:MOST_ERRORS]
        if one.error
    ]
    note = (
        f"The first {MOST_ERRORS:,} of {len(errors):,}; --out-dir has all."
        if len(errors) > MOST_ERRORS
        else ""
    )
    heads = ("", "type", "place", "alleles", "GT", "AD", "the other side", "QUAL", "GQ")
    return [
        rows(
            "why", "What the other side has instead", "there", [reason.replace("_", " ") for reason in reasons],
            [Series(f"{s} {k}", [[why[s, k, reason] for reason in reasons]]) for s, k in names],
            note="Absent: nothing in the place. Allele mismatch: other alleles. Genotype mismatch: the same alleles.",
        ),
        rows(
            "homopolymers", "By the length of the homopolymer", "bp", list(HOMOPOLYMERS),
            [
                Series(f"{s} {k}", [[by_run[label][k][("TP", "FP", "FN").index(s)] for label in HOMOPOLYMERS]])
                for s, k in names
            ],
            note="The longest run of one base that holds the first base or the next.",
        ),
        table("errors", "One by one", heads, listed, note=note),
    ]  # fmt: skip


def _facts_on_unsearched(result: Evaluation) -> dict[str, str]:
    """Say, by label, how many records took no part, by side and reason, and which regions were searched in part."""
    labelled = {}
    for side, left_aside in (("truth", result.truth_left_aside), ("query", result.query_left_aside)):
        if left_aside:
            numbers = ", ".join(f"{number} {reason}" for reason, number in sorted(left_aside.items()))
            labelled[f"{side} records left aside"] = numbers
    if result.searched_in_part:
        crowded = [f"{contig}:{start + 1}-{end}" for contig, start, end in result.searched_in_part]
        labelled["too crowded to be searched fully"] = ", ".join(crowded)
    return labelled
