"""Pictures for a model card, of what `compare_callers.py --json` measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dvplug.evaluate import wilson_interval
from dvplug.evaluate.judged import GENOTYPES, KINDS, LEAST_CALLS, CalibrationBand

COLOURS = {"dvplug": "tab:blue", "freebayes": "tab:green", "bcftools": "tab:orange"}


def _pyplot() -> Any:
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    return plt


def draw_precision_recall(measured: list[dict[str, Any]], out: Path) -> None:
    """Draw precision against recall by QUAL, a row per set and a column per class, all callers."""
    plt = _pyplot()
    figure, axes = plt.subplots(
        len(measured), 2, figsize=(9, 3 * len(measured)), layout="constrained", squeeze=False
    )
    for row, one in zip(axes, measured, strict=True):
        for axis, kind in zip(row, KINDS, strict=True):
            least = 1.0
            for caller, curves in one["precision_recall"].items():
                if curves[kind]:
                    _, recall, precision = zip(*curves[kind], strict=True)
                    axis.plot(recall, precision, ".-", color=COLOURS.get(caller), label=caller, lw=1, ms=3)
                    # The tails, where only a few best calls are left, would squeeze the rest into a corner.
                    least = min(least, precision[0], recall[0])
            low = max(0.0, least - 0.05)
            axis.set(xlim=(low, 1.005), ylim=(low, 1.005), xlabel="recall", ylabel="precision")
            axis.set_title(f"{one['set']}, {one['depth']:g}x: {kind}", fontsize=9)
            axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=8, loc="lower left")
    figure.savefig(out, dpi=90)
    plt.close(figure)


def pooled_calibration(measured: list[dict[str, Any]]) -> list[CalibrationBand]:
    """Add the bands of all sets up, by type, genotype and GQ."""
    sums: dict[tuple[str, str, int, int], CalibrationBand] = {}
    for one in measured:
        bands: list[CalibrationBand] = one["calibration"]
        for band in bands:
            low, high = band["gq"]
            total = sums.setdefault((band["type"], band["genotype"], low, high), _without_calls(band))
            total["calls"] += band["calls"]
            total["wrong"] += band["wrong"]
            total["expected"] += band["expected"]
    return [sums[key] for key in sorted(sums, reverse=True)]


def _without_calls(band: CalibrationBand) -> CalibrationBand:
    empty = band.copy()
    empty["calls"], empty["wrong"], empty["expected"] = 0, 0, 0.0
    return empty


def draw_calibration(bands: list[CalibrationBand], out: Path) -> None:
    """Draw the share of wrong calls against the one that GQ promises, with 95 % intervals.

    Filled: bands of `LEAST_CALLS` or more. A band without an error is drawn at half an error.
    """
    plt = _pyplot()
    figure, axes = plt.subplots(1, 4, figsize=(13, 3.6), layout="constrained", sharex=True, sharey=True)
    panels = [(kind, genotype) for kind in KINDS for genotype in GENOTYPES]
    ends = (1e-5, 1.0)
    for axis, (kind, genotype) in zip(axes, panels, strict=True):
        axis.plot(ends, ends, color="black", lw=1)
        axis.fill_between(ends, [e / 3 for e in ends], [3 * e for e in ends], color="grey", alpha=0.2, lw=0)
        for band in bands:
            if (band["type"], band["genotype"]) != (kind, genotype):
                continue
            x, y = band["expected"] / band["calls"], max(band["wrong"], 0.5) / band["calls"]
            low, high = wilson_interval(band["wrong"], band["calls"])
            whole = band["calls"] >= LEAST_CALLS
            axis.plot([x, x], [max(low, ends[0]), high], color="tab:blue", lw=1, alpha=1 if whole else 0.3)
            axis.plot(x, y, "o", color="tab:blue", mfc="tab:blue" if whole else "white", ms=5)
        axis.set(
            xscale="log",
            yscale="log",
            xlim=ends,
            ylim=ends,
            title=f"{kind}, {genotype}",
            xlabel="error by GQ",
        )
    axes[0].set_ylabel("observed error")
    figure.savefig(out, dpi=90)
    plt.close(figure)
