"""Counts of a comparison and the figures made of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: 97.5 % quantile of the normal distribution: two-sided 95 % intervals.
Z_95 = 1.959963984540054


def wilson_interval(successes: int, trials: int, z: float = Z_95) -> tuple[float, float]:
    """Score interval of a proportion (doi:10.1080/01621459.1927.10502953); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # At the ends the two terms are equal but for rounding.
    return max(0.0, centre - half) if successes else 0.0, min(
        1.0, centre + half
    ) if successes < trials else 1.0


@dataclass(frozen=True)
class ClassCounts:
    """Counts of one class of variants, in records.

    Attributes
    ----------
    tp_truth
        Truth variants whose alleles and genotype the query has, in whatever representation.
    tp_query
        Query variants that take part in that; one truth variant may be two calls and the other way round.
    fp
        Query variants in the confident regions that the truth does not have.
    fn
        Truth variants in the confident regions that the query does not have.
    """

    tp_truth: int = 0
    tp_query: int = 0
    fp: int = 0
    fn: int = 0

    @property
    def precision(self) -> float | None:
        """tp_query / (tp_query + fp); None without calls."""
        return self.tp_query / (self.tp_query + self.fp) if self.tp_query + self.fp else None

    @property
    def recall(self) -> float | None:
        """tp_truth / (tp_truth + fn); None without truth."""
        return self.tp_truth / (self.tp_truth + self.fn) if self.tp_truth + self.fn else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; None when one of them is."""
        if self.precision is None or self.recall is None:
            return None
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def precision_interval(self) -> tuple[float, float]:
        """95 % Wilson interval."""
        return wilson_interval(self.tp_query, self.tp_query + self.fp)

    @property
    def recall_interval(self) -> tuple[float, float]:
        """95 % Wilson interval."""
        return wilson_interval(self.tp_truth, self.tp_truth + self.fn)

    def as_dict(self) -> dict[str, object]:
        """Counts and figures under their own names, for JSON."""
        names = ("tp_truth", "tp_query", "fp", "fn", "precision", "recall", "f1")
        intervals = ("precision_interval", "recall_interval")
        return {name: getattr(self, name) for name in names} | {n: list(getattr(self, n)) for n in intervals}
