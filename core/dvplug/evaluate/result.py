"""What an evaluation finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dvplug.evaluate.candidates import CandidateCounts
from dvplug.evaluate.counts import ClassCounts
from dvplug.evaluate.subsets import WHOLE, SubsetCounts


@dataclass(frozen=True)
class Evaluation:
    """Counts of a query against the truth.

    Attributes
    ----------
    snp, indel
        Counts by class of the record (`Variant.is_snp`); every record that is not a SNP counts as an indel.
    truth_left_aside, query_left_aside
        Records that took no part, by reason.
    searched_in_part
        (contig, start, end) where more combinations were possible than could be searched: variants counted as
        found there are found, but some counted as FP and FN might match.
    subsets
        Counts in each stratum, by its name, after those of the whole, whose name is `WHOLE`.
    candidates
        Of the candidates, where they were asked for.
    all_filters
        Whether calls that their FILTER rejects were counted, too.
    empty
        Of truth and query, that none of its variants counts, in words: recall or precision is then of nothing.
    """

    snp: ClassCounts
    indel: ClassCounts
    truth_left_aside: dict[str, int] = field(default_factory=dict)
    query_left_aside: dict[str, int] = field(default_factory=dict)
    searched_in_part: tuple[tuple[str, int, int], ...] = ()
    subsets: Mapping[str, SubsetCounts] = field(default_factory=dict)
    candidates: CandidateCounts | None = None
    all_filters: bool = False
    empty: tuple[str, ...] = ()

    @property
    def strata(self) -> dict[str, SubsetCounts]:
        """The subsets without the whole."""
        return {name: one for name, one in self.subsets.items() if name != WHOLE}

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON; strata and candidates where they were asked for."""
        found: dict[str, object] = {
            "SNP": self.snp.as_dict(),
            "INDEL": self.indel.as_dict(),
            "truth_left_aside": self.truth_left_aside,
            "query_left_aside": self.query_left_aside,
            "searched_in_part": [list(region) for region in self.searched_in_part],
        }
        if self.strata:
            found["strata"] = {name: one.as_dict() for name, one in self.strata.items()}
        if self.candidates:
            found["candidates"] = self.candidates.as_dict()
        return found
