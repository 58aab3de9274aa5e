"""Pictures of sites: colours, groups of rows, legends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dvplug.images.channels import BASE_PIXEL, SUPPORT_PIXEL
from dvplug.line.record import VcfRecord
from dvplug.line.region import Region
from dvplug.plugins.builtin import CHANNELS
from dvplug.show.pictures import BASE_COLOURS, LEGENDS, draw_pileups, row_groups
from dvplug.show.sites import ImageView, Site
from dvplug.technology import ImageLayout

LAYOUT = ImageLayout(
    height=12, width=11, reference_rows=1, channels=("read_base", "base_quality", "read_supports_variant")
)


def one_site(base: int) -> Site:
    """A site whose reads all show one base: four rows, two of the alt and two of the reference."""
    image = np.zeros((12, 11, 3), np.uint8)
    image[:5, :, 0], image[:5, :, 1] = BASE_PIXEL[base], 254
    image[:5, :, 2] = SUPPORT_PIXEL[[3, 1, 1, 3, 3]][:, None]
    record = VcfRecord("chr1", 99, "A", ("C",), 30.0, "PASS", (0, 1), 30, 4, (2, 2), (0.5,), (30, 0, 30))
    return Site(Region("chr1", 99, 100), "A", ("C",), (ImageView(("C",), image, (0.0, 1.0, 0.0)),), record)


@pytest.mark.parametrize("base", range(4))
def test_the_picture_shows_bases_in_their_colours(base: int, tmp_path: Path) -> None:
    from matplotlib.image import imread

    draw_pileups([one_site(base)], LAYOUT, tmp_path / "picture.png")
    pixels = (imread(tmp_path / "picture.png")[:, :, :3] * 255).round().astype(np.int64)
    counts = [(pixels == colour).all(axis=2).sum() for colour in BASE_COLOURS.values()]
    assert counts[base] > 5 * max(counts[:base] + counts[base + 1 :])  # the others are in the legend alone
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


def test_rows_are_grouped_by_what_they_support() -> None:
    assert row_groups(one_site(0).images[0].pixels, LAYOUT) == [
        ("genome", 0, 1),
        ("alt", 1, 3),
        ("ref", 3, 5),
    ]
    bare = LAYOUT.model_copy(update={"channels": ("read_base",)})
    assert row_groups(one_site(0).images[0].pixels[:, :, :1], bare) == [("genome", 0, 1), ("reads", 1, 5)]


def test_every_channel_of_the_engine_has_a_legend() -> None:
    assert list(LEGENDS) == list(CHANNELS)
