"""The report of callsets of one genome: what each amounts to, how far they agree, how far they spread."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dvplug.evaluate.callsets import MEASURES, CallsetComparison, ComparedCallset, compare_callsets
from dvplug.report.page import Axis, Item, Page, Point, Tile, facts, points, render, table, tiles
from dvplug.system.locations import StrPath
from dvplug.system.outputs import Output, Together, reserved

COUNTS = ("snps", "indels")
CHARTS = (
    ("snps", "indels"),
    ("ti_tv", "het_hom"),
    ("snp_concordance", "indel_concordance"),
    ("snp_f1", "indel_f1"),
)
"""Measures that are drawn against each other, a point for each callset."""
MARGIN = 0.15
"""Of a chart's range, on either side of the outermost points."""


def compare_and_report(
    callsets: Sequence[StrPath],
    reference: StrPath,
    report: StrPath,
    *,
    truth: StrPath | None = None,
    confident: StrPath | None = None,
    all_filters: bool = False,
) -> CallsetComparison:
    """Compare callsets, and write the report of it; parameters and errors as of `compare_callsets`."""
    given = [Path(path) for path in (*callsets, reference, truth, confident) if path is not None]
    with reserved([Output("--report", Path(report), (".html",))], given), Together() as group:
        found = compare_callsets(
            callsets, reference, truth=truth, confident=confident, all_filters=all_filters
        )
        files = {"reference": reference, "truth": truth, "confident": confident}
        group.write(
            Path(report), callsets_report(found, {k: str(v) for k, v in files.items() if v is not None})
        )
    return found


def callsets_report(found: CallsetComparison, files: dict[str, str]) -> bytes:
    """Return the report as one HTML page.

    Parameters
    ----------
    files
        What else was read, for people.
    """
    page = Page(
        f"{len(found.callsets)} callsets of one genome",
        "By haplotype: two ways to write one variant are equal. What a file does not speak of it has as the reference; "
        "where one has a record without a genotype, it is not compared with the others.",
        [
            ("", [_tiles(found), _spread(found), _callsets(found)]),
            ("Beside each other", _charts(found)),
            ("Pairs", [_matrix(found, kind) for kind in ("snp", "indel")] + [_pairs(found)]),
            ("What was compared", [facts("compared", "Files", files | _facts(found))]),
        ],
    )
    return render(page)


def _tiles(found: CallsetComparison) -> Item:
    shown = [Tile("callsets", [len(found.callsets)])]
    for name in ("snp_concordance", "indel_concordance", "snp_f1", "indel_f1"):
        if name in found.spread:
            shown.append(Tile(f"mean {MEASURES[name]}", [found.spread[name].mean], [1], 4))
    return tiles(shown)


def _spread(found: CallsetComparison) -> Item:
    lines = [
        [MEASURES[name], *(shown(name, value) for value in (one.mean, one.sd, one.least, one.most))]
        for name, one in found.spread.items()
    ]
    return table("spread", "Spread", ("", "mean", "SD", "least", "most"), lines)


def _callsets(found: CallsetComparison) -> Item:
    measured = measures_of(found)
    lines = [[one.name, *(shown(name, one.measures[name]) for name in measured)] for one in found.callsets]
    note = "Concordance is the mean over the other callsets."
    return table("callsets", "Callsets", ("", *(MEASURES[name] for name in measured)), lines, note=note)


def measures_of(found: CallsetComparison) -> list[str]:
    """Names of the measures that these callsets have."""
    return [name for name in MEASURES if name in found.callsets[0].measures]


def shown(name: str, value: float | None) -> str | float:
    """Write a value of a measure, or its mean or deviation, for people."""
    if value is None:
        return "-"
    if name in COUNTS:
        return int(value) if value == int(value) else round(value, 1)
    return f"{value:.3f}" if name in ("ti_tv", "het_hom", "ins_del") else f"{value:.5f}"


def _charts(found: CallsetComparison) -> list[Item]:
    charts = []
    for across, up in CHARTS:
        drawn = [p for one in found.callsets if (p := _point(one, across, up))]
        if drawn:
            charts.append(
                points(
                    f"{across}-{up}", f"{MEASURES[across]} and {MEASURES[up]}",
                    _axis(MEASURES[across], [p.x for p in drawn]), _axis(MEASURES[up], [p.y for p in drawn]),
                    {"callsets": drawn},
                )
            )  # fmt: skip
    return charts


def _point(one: ComparedCallset, across: str, up: str) -> Point | None:
    x, y = one.measures.get(across), one.measures.get(up)
    if x is None or y is None:
        return None
    return Point(
        x, y, [one.name, *(f"{MEASURES[name]} {shown(name, one.measures[name])}" for name in (across, up))]
    )


def _axis(label: str, values: Sequence[float]) -> Axis:
    low, high = min(values), max(values)
    margin = MARGIN * (high - low) or abs(high) * 0.01 or 1.0
    return Axis(label, max(0.0, low - margin), high + margin)


def _matrix(found: CallsetComparison, kind: str) -> Item:
    names = [one.name for one in found.callsets]
    share = {(a, b): getattr(pair, kind).f1 for pair in found.pairs for a, b in _both(pair.one, pair.other)}
    lines = [[a, *("" if a == b else shown(f"{kind}_f1", share[a, b]) for b in names)] for a in names]
    title = "SNP concordance" if kind == "snp" else "Indel concordance"
    return table(f"{kind}-matrix", title, ("", *names), lines)


def _both(one: str, other: str) -> tuple[tuple[str, str], tuple[str, str]]:
    return (one, other), (other, one)


def _pairs(found: CallsetComparison) -> Item:
    only = ("only in the first", "only in the second")
    heads = ("", "and", "bp compared", "SNPs in both", *only, "indels in both", *only)
    lines = [
        [p.one, p.other, p.compared, *(n for c in (p.snp, p.indel) for n in (c.tp_truth, c.fn, c.fp))]
        for p in found.pairs
    ]
    note = "In both: variants of the first that the second has, with the same genotype."
    return table("pairs", "What they share", heads, lines, note=note)


def _facts(found: CallsetComparison) -> dict[str, str]:
    """Say, by label, which files there are, and how many records took no part, by reason."""
    labelled = {}
    for one in found.callsets:
        left = ", ".join(f"{n} {why}" for why, n in sorted(one.left_aside.items()))
        labelled[one.name] = f"{one.path}" + (f"; records left aside: {left}" if left else "")
    return labelled
