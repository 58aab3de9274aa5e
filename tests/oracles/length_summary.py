"""The twin of `dvplug.images.features.length_summary`: means and medians of lists."""

from __future__ import annotations

import statistics


def twin_summary(of_reads: list[tuple[int, int]], alt: int, second_alt: int | None) -> list[float]:
    """What `LENGTH_FEATURES` say; reads are (change, haplotype)."""
    scaled = [max(-2.0, min(2.0, change / 10)) for change, _ in of_reads]
    own = [0.0 if of is None else max(-2.0, min(2.0, of / 10)) for of in (alt, second_alt)]
    summary = [0.0] * 6
    if scaled:
        parts = [[c for c, (_, h) in zip(scaled, of_reads, strict=True) if h == side] for side in (1, 2)]
        means = [statistics.fmean(part) if part else 0.0 for part in parts]
        summary = [
            statistics.fmean(scaled),
            statistics.median(scaled),
            statistics.pstdev(scaled),
            *sorted(means, key=lambda mean: (round(abs(mean - own[0]), 9), -mean)),
            sum(h > 0 for _, h in of_reads) / len(of_reads),
        ]
    return [*own, *summary]
