"""Pictures of pileup images, for people: colours, legends, and PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from dvplug.images.channels import (
    BASE_PIXEL,
    DELETION,
    FORWARD_PIXEL,
    FULL,
    HAPLOTYPE_PIXEL,
    INSERTION_AFTER,
    LEAST_KNOWN,
    LONGEST_HOMOPOLYMER,
    MATCH,
    MAX_BASE_QUALITY,
    MAX_FRAGMENT_LENGTH,
    MAX_MAPPING_QUALITY,
    MISMATCH,
    MOST_DEVIATION,
    REVERSE_PIXEL,
    SUPPORT_PIXEL,
    UNKNOWN_PIXEL,
)
from dvplug.line.image_batch import SUPPORTS_ALT, SUPPORTS_OTHER, SUPPORTS_REF, UNKNOWN_SUPPORT
from dvplug.system.locations import StrPath
from dvplug.system.outputs import write_output
from dvplug.technology import ImageLayout

if TYPE_CHECKING:
    from dvplug.show.sites import ImageView, Site

PANELS_PER_ROW = 4
PANEL_WIDTH, ROW_HEIGHT = 2.6, 0.042  # inches, of a panel and of one row of an image
BELOW = 0.12  # inches from a panel to its legend
BASE_COLOURS = {"A": (0, 158, 115), "C": (0, 114, 178), "G": (240, 228, 66), "T": (213, 94, 0)}
"""Okabe and Ito's colours, which most colour-blind people can tell apart (jfly.uni-koeln.de/color, 2008)."""
SUPPORT = "read_supports_variant"
SUPPORT_NAMES = {
    SUPPORTS_ALT: "alt",
    SUPPORTS_OTHER: "other",
    SUPPORTS_REF: "ref",
    UNKNOWN_SUPPORT: "unclear",
}


class Shade(NamedTuple):
    """One pixel value of a channel and what it means."""

    pixel: int
    meaning: str


def _scaled(most: int, first: str, *values: int) -> tuple[Shade, ...]:
    """Shades of a linear scale; ``first`` says how the first value is written, with its unit."""
    names = [first.format(values[0]), *map("{:,}".format, values[1:]), f"{most:,} or more"]
    return tuple(Shade(FULL * v // most, name) for v, name in zip((*values, most), names, strict=True))


def _measured(*values: tuple[float, str]) -> tuple[Shade, ...]:
    """Shades of a scale of the run's own, from 0 to 1."""
    return tuple(Shade(int(LEAST_KNOWN + (FULL - LEAST_KNOWN) * share), name) for share, name in values)


UNKNOWN = Shade(UNKNOWN_PIXEL, "not known")
LEGENDS: dict[str, tuple[Shade, ...]] = {
    "read_base": (
        *(Shade(int(BASE_PIXEL[k]), base) for k, base in enumerate(BASE_COLOURS)),
        Shade(0, "none, deleted"),
    ),
    "base_quality": _scaled(MAX_BASE_QUALITY, "phred {}", 10, 20),
    "mapping_quality": _scaled(MAX_MAPPING_QUALITY, "phred {}", 20, 40),
    "strand": (Shade(FORWARD_PIXEL, "forward"), Shade(REVERSE_PIXEL, "reverse")),
    SUPPORT: tuple(Shade(int(SUPPORT_PIXEL[code]), name) for code, name in SUPPORT_NAMES.items()),
    "base_differs_from_ref": (
        Shade(MISMATCH, "mismatch"),
        Shade(DELETION, "deleted"),
        Shade(INSERTION_AFTER, "insertion after"),
        Shade(MATCH, "match"),
    ),
    "insert_size": _scaled(MAX_FRAGMENT_LENGTH, "{} bp", 250, 500),
    "homopolymer_length": _scaled(LONGEST_HOMOPOLYMER, "{} bp", 1, 5, 10),
    "base_error": _measured((0.25, "phred 10 in this run"), (0.5, "20"), (1, "40 or more")),
    "relative_mapping_quality": (UNKNOWN, *_measured((0, "none"), (0.5, "half the usual one"), (1, "usual"))),
    "relative_insert_size": (
        UNKNOWN,
        *_measured((0, f"{MOST_DEVIATION:g} SD shorter than usual"), (0.5, "usual"), (1, "longer")),
    ),
    "haplotype": tuple(Shade(int(HAPLOTYPE_PIXEL[k]), name) for k, name in ((1, "near"), (2, "far"))),
}
"""What pixel values of the engine's own channels mean, from `dvplug.images.channels`."""


def palette(channel: str) -> npt.NDArray[np.uint8]:
    """Return the colour of each pixel value, uint8[256, 3]: bases in colour, all else grey."""
    colours = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    if channel == "read_base":
        for k, colour in enumerate(BASE_COLOURS.values()):
            colours[BASE_PIXEL[k]] = colour
    return colours


def legend(channel: str) -> tuple[Shade, ...]:
    """Return the shades to explain; of a plugin's channel, that brighter is more."""
    return LEGENDS.get(channel, (Shade(64, "64"), Shade(128, "128"), Shade(FULL, str(FULL))))


def used_rows(image: npt.NDArray[np.uint8]) -> int:
    """Return how many rows from the top hold something, at least one."""
    rows = np.flatnonzero(image.any(axis=(1, 2)))
    return int(rows[-1]) + 1 if len(rows) else 1


def row_groups(image: npt.NDArray[np.uint8], layout: ImageLayout) -> list[tuple[str, int, int]]:
    """Return (name, first, end) of the rows that belong together, from the top: the genome, reads by allele."""
    groups = [("genome", 0, layout.reference_rows)] if layout.reference_rows else []
    if SUPPORT not in layout.channels:
        return [*groups, ("reads", layout.reference_rows, used_rows(image))]
    shade = image[:, :, layout.channels.index(SUPPORT)].max(axis=1)
    for code, name in SUPPORT_NAMES.items():
        rows = np.flatnonzero(shade[layout.reference_rows :] == SUPPORT_PIXEL[code]) + layout.reference_rows
        if len(rows):
            groups.append((name, int(rows[0]), int(rows[-1]) + 1))
    return groups


def title(site: Site) -> str:
    """Say what was called, as the VCF does."""
    record = site.record
    depths, fractions = ",".join(map(str, record.ad)), ",".join(f"{f:.3g}" for f in record.vaf)
    return (
        f"{record.contig}:{record.start + 1:,} {record.ref}>{','.join(record.alts)}  "
        f"GT {'/'.join(map(str, record.gt))}  {record.filter}  GQ {record.gq}  QUAL {record.qual:g}  "
        f"DP {record.dp}  AD {depths}  VAF {fractions}"
    )


def caption(site: Site, view: ImageView) -> str:
    """Say what one image stands for and what the network answered."""
    none, one, two = view.probabilities
    return (
        f"image of {site.ref}>{' or '.join(view.alts)}: "
        f"P(no copy) {none:.4f}, P(one copy) {one:.4f}, P(two copies) {two:.4f}"
    )


def draw_pileups(sites: Sequence[Site], layout: ImageLayout, out: StrPath) -> None:
    """Write all images of these sites as one PNG, a panel per channel; raises InputError where it cannot be."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    views = [(site, view) for site in sites for view in site.images]
    across = min(PANELS_PER_ROW, len(layout.channels))
    down = -(-len(layout.channels) // across)
    heights = [0.8 + down * (0.75 + ROW_HEIGHT * used_rows(view.pixels)) for _, view in views]
    figure = Figure(figsize=(0.5 + PANEL_WIDTH * across, sum(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    parts = figure.subfigures(len(views), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (site, view) in zip(parts, views, strict=True):
        part.suptitle(f"{title(site)}\n{caption(site, view)}", fontsize=9, parse_math=False)
        grid = part.subplots(down, across, squeeze=False)
        for axes in grid.flat[len(layout.channels) :]:
            axes.set_axis_off()
        for k, axes in zip(range(len(layout.channels)), grid.flat, strict=False):
            _draw_panel(axes, view.pixels, layout, k, rows_named=k % across == 0)
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_output(Path(out), content.getvalue())


def _draw_panel(
    axes: Any, image: npt.NDArray[np.uint8], layout: ImageLayout, k: int, *, rows_named: bool
) -> None:
    from matplotlib.patches import Patch

    name, middle = layout.channels[k], layout.width // 2
    colours = palette(name)
    axes.imshow(colours[image[: used_rows(image), :, k]], aspect="auto", interpolation="nearest")
    axes.set_title(name.replace("_", " "), fontsize=8)
    axes.set_xticks(
        [0, middle, layout.width - 1], [f"-{middle}", "site", f"+{layout.width - 1 - middle}"], fontsize=6
    )
    for edge in (middle - 0.5, middle + 0.5):
        axes.axvline(edge, color="red", lw=0.5)
    groups = row_groups(image, layout)
    for _, first, _ in groups[1:]:
        axes.axhline(first - 0.5, color="cyan", lw=0.5)
    centres = [(first + end - 1) / 2 for _, first, end in groups]
    axes.set_yticks(centres, [name if rows_named else "" for name, _, _ in groups], fontsize=6)
    axes.tick_params(length=0, pad=2)
    axes.legend(
        handles=[Patch(fc=colours[p] / 255, ec="grey", lw=0.5, label=meaning) for p, meaning in legend(name)],
        loc="upper center",
        bbox_to_anchor=(0.5, -BELOW / (ROW_HEIGHT * used_rows(image))),
        ncols=5,
        fontsize=6,
        frameon=False,
        handlelength=1,
        handletextpad=0.4,
        columnspacing=0.8,
    )
