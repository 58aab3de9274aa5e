"""Pileup images in a terminal: two rows of an image per line of half blocks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import groupby

import numpy as np
import numpy.typing as npt
from rich.style import Style
from rich.text import Text

from dvplug.show.pictures import legend, palette, row_groups, used_rows
from dvplug.technology import ImageLayout

UPPER_HALF = "▀"
LEFT, GAP = 8, 2  # characters: of the names of the rows, and between panels
LEAST_COLUMNS = 11


def picture_lines(image: npt.NDArray[np.uint8], layout: ImageLayout, width: int) -> Iterator[Text]:
    """Yield the lines of one image uint8[h, w, c], as many panels side by side as a width of characters holds.

    A terminal narrower than the image shows the columns around the site.
    """
    room = max(width - LEFT, LEAST_COLUMNS)
    half = min(layout.width // 2, (room - 1) // 2)
    middle = layout.width // 2
    columns = slice(middle - half, middle + half + 1)
    across = max(1, (room + GAP) // (2 * half + 1 + GAP))
    names = _row_names(image, layout)
    for first in range(0, len(layout.channels), across):
        panels = [
            _panel(image[: used_rows(image), columns, k], layout.channels[k])
            for k in range(first, min(first + across, len(layout.channels)))
        ]
        for number in range(max(map(len, panels))):
            line = Text(names.get(number, "").ljust(LEFT), no_wrap=True, end="")
            for panel in panels:
                part = panel[number] if number < len(panel) else Text()
                part.truncate(2 * half + 1 + GAP, pad=True)
                line.append_text(part)
            yield line


def _row_names(image: npt.NDArray[np.uint8], layout: ImageLayout) -> dict[int, str]:
    """What stands left of a line; a group that begins on the line of another goes without its name."""
    names: dict[int, str] = {}
    for name, first, _ in row_groups(image, layout):
        names.setdefault(2 + (first + 1) // 2, name)
    return names


def _panel(pixels: npt.NDArray[np.uint8], channel: str) -> list[Text]:
    """Lines of one channel uint8[rows, columns]: name, mark, pixels, mark, legend."""
    rows, columns = pixels.shape
    colours = palette(channel)
    padded = np.vstack((pixels, np.zeros((rows % 2, columns), np.uint8)))
    mark = Text(" " * (columns // 2))
    return [
        Text(channel.replace("_", " "), Style(bold=True)),
        mark + Text("▼ site", Style(color="red")),
        *(_line(colours[padded[row]], colours[padded[row + 1]]) for row in range(0, len(padded), 2)),
        mark + Text("▲", Style(color="red")),
        *_legend(channel, colours, columns),
        Text(),
    ]


def _line(upper: npt.NDArray[np.uint8], lower: npt.NDArray[np.uint8]) -> Text:
    line = Text()
    cells = zip(map(tuple, upper.tolist()), map(tuple, lower.tolist()), strict=True)
    for (above, below), run in groupby(cells):
        line.append(UPPER_HALF * len(list(run)), _style(above, below))
    return line


@cache
def _style(above: tuple[int, int, int], below: tuple[int, int, int]) -> Style:
    return Style(
        color=f"rgb({above[0]},{above[1]},{above[2]})", bgcolor=f"rgb({below[0]},{below[1]},{below[2]})"
    )


def _legend(channel: str, colours: npt.NDArray[np.uint8], columns: int) -> list[Text]:
    lines = [Text()]
    for pixel, meaning in legend(channel):
        colour = tuple(colours[pixel].tolist())
        entry = Text.assemble(("██", _style(colour, colour)), f" {meaning}  ")
        if lines[-1] and len(lines[-1]) + len(entry) > columns + GAP:
            lines.append(Text())
        lines[-1].append_text(entry)
    return lines
