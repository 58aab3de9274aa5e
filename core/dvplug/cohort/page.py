"""The page of a cohort."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dvplug.cohort.comparison import COMPARED, MEASURES, CohortComparison
from dvplug.cohort.kinship import Relation
from dvplug.cohort.sheet import Sheet
from dvplug.report.page import Axis, Item, Page, Point, Tile, facts, points, render, table, tiles

MOST_PAIRS = 1000
"""That the page lists; the JSON has all."""
MOST_POINTS = 5000
"""Pairs that are drawn: those related, and as many of the others."""


def cohort_page(sheet: Sheet, compared: CohortComparison) -> bytes:
    """Return a page of all samples as HTML, complete in itself."""
    flagged = sum(bool(one.flags) for one in compared.samples)
    sections = [
        ("", [_tiles(compared, flagged)]),
        ("What stands out", list(_flags(compared))),
        ("Samples", [_samples(compared)]),
        ("Samples beside each other", list(_charts(compared))),
        ("Sex", list(_sexes(compared))),
        ("Relatives", list(_relatives(compared))),
    ]
    page = Page(
        f"Cohort of {len(compared.samples):,} samples",
        f"{sheet.path.name}: records whose FILTER is PASS, and depth as reads that count.",
        sections,
    )
    return render(page)


def _tiles(compared: CohortComparison, flagged: int) -> Item:
    shown = [Tile("samples", [len(compared.samples)]), Tile("with something that stands out", [flagged])]
    for name in ("depth", "ti_tv", "het_hom", "ins_del"):
        if (median := compared.medians[name]) is not None:
            shown.append(Tile(f"median {MEASURES[name]}", [round(median, 2)]))
    return tiles(shown)


def _flags(compared: CohortComparison) -> Iterator[Item]:
    if lines := [(one.name, flag) for one in compared.samples for flag in one.flags]:
        yield table("flags", "What stands out", ("sample", "what"), lines)


def _samples(compared: CohortComparison) -> Item:
    heads = ["sample", *MEASURES.values(), "sex by the sheet", "sex by depth", "stands out"]
    rows = [
        [
            one.name,
            *(_number(value) for value in one.numbers().values()),
            one.row.sex or "",
            one.sex.sex or "",
            len(one.flags) or "",
        ]
        for one in compared.samples
    ]
    note = (
        "Of called alternate alleles: transitions over transversions, heterozygotes over homozygotes, insertions over "
        "deletions. X and Y are without their pseudoautosomal regions."
    )
    return table("samples", "Samples", heads, rows, note=note)


def _number(value: float | None) -> float | str:
    return "" if value is None else float(f"{value:.4g}")


def _charts(compared: CohortComparison) -> Iterator[Item]:
    """A chart for each measure in which samples should be alike: one point a sample, in the order of the sheet."""
    unlike = {(one.sample, one.measure) for one in compared.outliers}
    for measure in COMPARED:
        name = MEASURES[measure]
        alike, others = list[Point](), list[Point]()
        for number, one in enumerate(compared.samples, 1):
            if (value := one.numbers()[measure]) is not None:
                point = Point(number, value, [one.name, f"{name}: {value:,.4g}"])
                (others if (one.name, name) in unlike else alike).append(point)
        if not alike and not others:
            continue
        most = max(point.y for point in (*alike, *others))
        median = compared.medians[measure]
        yield points(
            f"by-{measure.replace('_', '-')}",
            name[0].upper() + name[1:],
            Axis("sample, in the order of the sheet", 0, len(compared.samples) + 1),
            Axis(name, 0, 1.1 * most or 1.0),
            {"samples": alike, "unlike the others": others} if others else {"samples": alike},
            note=f"The median is {median:,.4g}." if median is not None else "",
        )


def _sexes(compared: CohortComparison) -> Iterator[Item]:
    by_sheet: dict[str, list[Point]] = {"male": [], "female": [], "not said": []}
    for one in compared.samples:
        x, y = one.measures.x_ratio, one.measures.y_ratio
        if x is not None:
            said = [one.name, f"X: {x:.2f}, Y: {'not called' if y is None else f'{y:.2f}'}", one.sex.said]
            by_sheet[one.row.sex or "not said"].append(Point(x, y or 0.0, said, weak=y is None or None))
    drawn = {name: found for name, found in by_sheet.items() if found}
    if not drawn:
        return
    most = max(point.x for found in drawn.values() for point in found)
    high = max(point.y for found in drawn.values() for point in found)
    yield points(
        "sexes",
        "Depth of X and Y",
        Axis("X / autosomes", 0, max(1.2, 1.1 * most)),
        Axis("Y / autosomes", 0, max(0.8, 1.1 * high)),
        drawn,
        note="By the sex of the sheet. One X is at 0.5, two at 1; one Y at 0.5. Hollow: Y was not called.",
    )


def _relatives(compared: CohortComparison) -> Iterator[Item]:
    known = [relation for relation in compared.relations if relation.kinship is not None]
    rows = {
        "SNPs compared": f"{compared.snps:,}",
        "estimate": "KING-robust (Manichaikul et al. 2010): (N both het - 2 N homozygous for different alleles) / "
        "(2 N het of the one with fewer) + 1/2 - (N het of one + N het of the other) / (4 N het of the one with fewer)",
        "pairs that cannot be told": f"{len(compared.relations) - len(known):,} of {len(compared.relations):,}, "
        "for want of heterozygotes",
    }
    if len(compared.samples) > 1:
        yield facts("kinship", "How relatives are told", rows)
    if known:
        yield _relatives_chart(known)
    if shown := compared.shown_relations[:MOST_PAIRS]:
        heads = ("sample", "sample", "kinship", "by the sheet", "IBS0", "SNPs", "degree", "as the sheet says")
        lines = [
            (
                one.one, one.other, "" if one.kinship is None else round(one.kinship, 3), one.expected,
                round(one.ibs0, 4), one.snps, one.degree or "cannot be told", "yes" if one.is_as_expected else "no",
            )
            for one in shown
        ]  # fmt: skip
        yield table("pairs", "Pairs that are related, or are to be by the sheet", heads, lines)


def _relatives_chart(known: Sequence[Relation]) -> Item:
    related = [one for one in known if one.expected or not one.is_as_expected]
    others = [one for one in known if not one.expected and one.is_as_expected]
    drawn = {
        "related by the sheet": [_point(one) for one in related if one.expected],
        "not as the sheet says": [_point(one) for one in related if not one.is_as_expected],
        "not related": [_point(one) for one in others[: max(0, MOST_POINTS - len(related))]],
    }
    low = min(one.kinship or 0.0 for one in known)
    return points(
        "relatives",
        "Kinship and alleles in common",
        Axis("SNPs without a common allele (IBS0)", 0, max(0.05, 1.1 * max(one.ibs0 for one in known))),
        Axis("kinship", min(-0.1, low), 0.5),
        {name: found for name, found in drawn.items() if found},
        note="Parent and child are at 0.25 with next to no SNPs without a common allele, siblings at 0.25 with some.",
    )


def _point(one: Relation) -> Point:
    kinship = one.kinship or 0.0
    return Point(
        one.ibs0,
        kinship,
        [f"{one.one}, {one.other}", f"kinship {kinship:.3f}, {one.expected:g} by the sheet"],
    )
