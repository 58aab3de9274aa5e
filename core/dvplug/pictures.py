"""Pictures of pileup images, for people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt


def draw_pileup(image: npt.NDArray[np.uint8], channels: tuple[str, ...], title: str, out: Path) -> None:
    """Write one image uint8[h, w, c] as a PNG, its channels side by side."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width, _ = image.shape
    used = max(1, int(np.flatnonzero(image.any(axis=(1, 2)))[-1]) + 1) if image.any() else height
    figure = Figure(figsize=(2.2 * len(channels), 0.8 + 2.2 * used / width * 1.2), layout="constrained")
    FigureCanvasAgg(figure)
    for k, (name, axes) in enumerate(
        zip(channels, figure.subplots(1, len(channels), squeeze=False)[0], strict=True)
    ):
        axes.imshow(image[:used, :, k], cmap="gray", vmin=0, vmax=254, aspect="auto", interpolation="nearest")
        axes.set_title(name.replace("_", " "), fontsize=8)
        axes.set_xticks([width // 2], ["site"], fontsize=7)
        axes.set_yticks([])
    figure.suptitle(title, fontsize=10)
    figure.savefig(out, dpi=120)
