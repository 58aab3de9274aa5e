"""A page of charts: what it holds is data, which `page.js` draws."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

from dvplug._version import __version__
from dvplug_registry.safe_text import visible

Item = dict[str, Any]
"""A chart, table or the like, as the functions below make them."""


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes
    ----------
    sections
        (heading, items); an empty heading is left out.
    groups
        What counts are divided by; the reader chooses which of them are added up.
    shown
        Groups that are chosen when the page is opened.
    groups_label
        What they are, for people.
    """

    title: str
    subtitle: str
    sections: Sequence[tuple[str, Sequence[Item]]]
    groups: Sequence[str] = ("all",)
    shown: Sequence[str] = ("all",)
    groups_label: str = ""


@dataclass(frozen=True)
class Series:
    """One colour of a chart.

    Attributes
    ----------
    counts
        Per group of the page, or once for all groups, a count per label.
    """

    name: str
    counts: Sequence[Sequence[float]]
    colour: int | None = None


@dataclass(frozen=True)
class Point:
    """One point of a chart.

    Attributes
    ----------
    lines
        What it tells.
    low, high
        Ends of its interval.
    weak
        Made of little: drawn hollow.
    """

    x: float
    y: float
    lines: Sequence[str]
    low: float | None = None
    high: float | None = None
    weak: bool | None = None


@dataclass(frozen=True)
class Axis:
    """One axis of a chart of points."""

    label: str
    start: float
    end: float
    log: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As `page.js` wants it."""
        return {"label": self.label, "from": self.start, "to": self.end, "log": self.log}


@dataclass(frozen=True)
class Tile:
    """One number: a count, or the ratio of two."""

    name: str
    counts: Sequence[float]
    over: Sequence[float] | None = None
    digits: int = 2


def tiles(shown: Sequence[Tile]) -> Item:
    """Numbers side by side."""
    return {"kind": "tiles", "tiles": [_without_none(vars(tile)) for tile in shown]}


def columns(
    name: str,
    title: str,
    x: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    note: str = "",
    offset: int = 0,
) -> Item:
    """A histogram.

    Parameters
    ----------
    name
        By which the page and its tests find it.
    x
        What the labels are.
    offset
        Number of the first label: round ones are written out.
    """
    return _bars("columns", name, title, x, labels, series, note) | {"offset": offset}


def rows(
    name: str,
    title: str,
    x: str,
    labels: Sequence[str],
    series: Sequence[Series],
    *,
    note: str = "",
    unit: str = "",
    wide: bool = False,
) -> Item:
    """Bars with a name each."""
    return _bars("rows", name, title, x, labels, series, note) | {"unit": unit, "wide": wide}


def _bars(
    kind: str, name: str, title: str, x: str, labels: Sequence[str], series: Sequence[Series], note: str
) -> Item:
    return {
        "kind": kind,
        "id": name,
        "title": title,
        "note": note,
        "x": x,
        "labels": list(labels),
        "series": [_without_none(vars(one)) for one in series],
    }


def points(
    name: str,
    title: str,
    x: Axis,
    y: Axis,
    series: Mapping[str, Sequence[Point]],
    *,
    joined: bool = False,
    diagonal: bool = False,
    note: str = "",
) -> Item:
    """Points in a plane, joined by lines or not."""
    drawn = [
        {"name": one, "line": joined, "points": [_without_none(vars(point)) for point in found]}
        for one, found in series.items()
    ]
    return {
        "kind": "xy", "id": name, "title": title, "note": note,
        "x": x.as_dict(), "y": y.as_dict(), "diagonal": diagonal, "series": drawn,
    }  # fmt: skip


def facts(name: str, title: str, rows: Mapping[str, object]) -> Item:
    """Names and what they are."""
    return {
        "kind": "facts",
        "id": name,
        "title": title,
        "wide": True,
        "rows": [[k, v] for k, v in rows.items()],
    }


def table(
    name: str, title: str, heads: Sequence[str], rows: Sequence[Sequence[object]], *, note: str = ""
) -> Item:
    """A table; numbers are set to the right."""
    return {
        "kind": "table", "id": name, "title": title, "note": note, "wide": True,
        "columns": list(heads), "rows": [list(row) for row in rows],
    }  # fmt: skip


def text(name: str, title: str, content: str) -> Item:
    """A text that is shown on demand."""
    return {"kind": "text", "id": name, "title": title, "wide": True, "text": content}


def render(page: Page) -> bytes:
    """Return the page as HTML, complete in itself."""
    data = {
        "groups": list(page.groups),
        "groupsLabel": page.groups_label,
        "shown": list(page.shown),
        "sections": [{"heading": heading, "items": list(items)} for heading, items in page.sections if items],
    }
    folder = files("dvplug.report")
    return (
        Template(folder.joinpath("page.html").read_text(encoding="utf-8"))
        .substitute(
            version=html.escape(__version__),
            title=html.escape(visible(page.title)),
            subtitle=html.escape(visible(page.subtitle)),
            css=folder.joinpath("page.css").read_text(encoding="utf-8"),
            script=folder.joinpath("page.js").read_text(encoding="utf-8"),
            # "<" could end the script element.
            data=json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace(
                "<", "\\u003c"
            ),
        )
        .encode("utf-8", "backslashreplace")  # of names that are not UTF-8
    )


def _without_none(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
