"""The numbers of a sample that a cohort is judged by."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from dvplug.cohort.tally import AUTOSOMES, SampleTally, X, Y
from dvplug.report import statistics as s
from dvplug.report.statistics import CallStatistics

PASSED = ("PASS", ".")


class SampleMeasures(NamedTuple):
    """Of the records of a sample that pass; None where there is nothing to divide by.

    Attributes
    ----------
    depth
        Mean of reads over the bases of autosomes, those of low base quality left out.
    x_depth, y_depth
        The same of X and Y without their pseudoautosomal regions.
    ti_tv
        Transitions over transversions, of called alternate alleles.
    het_hom
        Heterozygotes over homozygotes of alternate alleles.
    ins_del
        Insertions over deletions.
    """

    records: int
    snps: int
    indels: int
    depth: float | None
    x_depth: float | None
    y_depth: float | None
    ti_tv: float | None
    het_hom: float | None
    ins_del: float | None

    @property
    def x_ratio(self) -> float | None:
        """Depth of X over that of the autosomes."""
        return _ratio(self.x_depth, self.depth)

    @property
    def y_ratio(self) -> float | None:
        """Depth of Y over that of the autosomes."""
        return _ratio(self.y_depth, self.depth)


def measures_of(found: CallStatistics, tally: SampleTally) -> SampleMeasures:
    """Return the numbers of a sample."""
    types, genotypes = Counter[str](), Counter[str]()
    for (name, type_, genotype, _), count in found.records.items():
        if name in PASSED:
            types[type_] += count
            genotypes[genotype] += count
    changes = Counter[bool]()
    for (name, what), count in found.substitutions.items():
        if name in PASSED:
            changes[what in s.TRANSITIONS] += count
    return SampleMeasures(
        types.total(),
        types[s.SNP],
        types[s.INSERTION] + types[s.DELETION],
        tally.mean_depth(AUTOSOMES),
        tally.mean_depth(X),
        tally.mean_depth(Y),
        _ratio(changes[True], changes[False]),
        _ratio(genotypes[s.HET] + genotypes[s.HET_ALTS], genotypes[s.HOM_ALT]),
        _ratio(types[s.INSERTION], types[s.DELETION]),
    )


def _ratio(over: float | None, under: float | None) -> float | None:
    return over / under if over is not None and under else None
