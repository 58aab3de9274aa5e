"""Pictures in the terminal, pixel by pixel."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.show.pictures import palette
from dvplug.show.terminal_pictures import LEFT, UPPER_HALF, picture_lines
from dvplug.technology import ImageLayout

LAYOUT = ImageLayout(
    height=12, width=11, reference_rows=1, channels=("read_base", "base_quality", "read_supports_variant")
)


def drawn_back(image: np.ndarray, width: int) -> np.ndarray:
    """The colours uint8[rows, columns, 3] of the panels of one row of panels, read from the terminal's text."""
    rows = []
    for line in picture_lines(image, LAYOUT, width):
        if UPPER_HALF not in line.plain:
            continue
        cells = np.full((2, 100, 3), -1)
        for span in line.spans:
            if set(line.plain[span.start : span.end]) == {UPPER_HALF}:
                cells[0, span.start : span.end] = span.style.color.triplet
                cells[1, span.start : span.end] = span.style.bgcolor.triplet
        rows += list(cells[:, LEFT:])
    return np.array(rows)


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), used=st.integers(1, 12), width=st.integers(10, 60))
def test_the_terminal_shows_every_pixel(seed: int, used: int, width: int) -> None:
    image = np.zeros((12, 11, 3), np.uint8)
    image[:used] = np.random.default_rng(seed).integers(1, 256, (used, 11, 3))
    colours = drawn_back(image, width)
    lines = used + used % 2
    columns = min(11, (width - LEFT - 1) // 2 * 2 + 1) if width - LEFT >= 11 else 11
    across = max(1, (max(width - LEFT, 11) + 2) // (columns + 2))
    first = (11 - columns) // 2
    for k, channel in enumerate(LAYOUT.channels):
        row, column = k // across * lines, k % across * (columns + 2)
        expected = np.zeros((lines, columns, 3), np.uint8)
        expected[:used] = palette(channel)[image[:used, first : first + columns, k]]
        assert np.array_equal(colours[row : row + lines, column : column + columns], expected)
