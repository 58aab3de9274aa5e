"""Samples of a cohort beside each other, and beside what the sheet says of them."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dvplug.cohort.genotypes import compared_sites, genotypes_at
from dvplug.cohort.kinship import Relation, degree_of, expected_kinship, relations
from dvplug.cohort.measures import SampleMeasures
from dvplug.cohort.outliers import Outlier, outliers
from dvplug.cohort.sex import SexByDepth, sex_by_depth
from dvplug.cohort.sheet import Sheet, SheetSample
from dvplug.cohort.tally import SnpSite

MEASURES: Mapping[str, str] = {
    "records": "records that pass",
    "snps": "SNPs",
    "indels": "indels",
    "depth": "mean depth",
    "x_ratio": "X/autosomes",
    "y_ratio": "Y/autosomes",
    "ti_tv": "Ti/Tv",
    "het_hom": "het/hom",
    "ins_del": "ins/del",
}
"""What samples are judged by, as attributes of `SampleMeasures`; and for people."""
COMPARED = ("records", "depth", "ti_tv", "het_hom", "ins_del")
"""Those in which samples should be alike."""
SHOWN_KINSHIP = 2**-4.5
"""From which on a pair is shown that the sheet does not call related."""


@dataclass(frozen=True)
class ComparedSample:
    """One sample; ``flags`` say what stands out."""

    row: SheetSample
    measures: SampleMeasures
    sex: SexByDepth
    flags: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.row.name

    def numbers(self) -> dict[str, float | None]:
        """Its measures, by name."""
        return {name: getattr(self.measures, name) for name in MEASURES}


@dataclass(frozen=True)
class CohortComparison:
    """A cohort.

    Attributes
    ----------
    samples
        In the order of the sheet.
    medians
        By measure; None where no sample has it.
    snps
        At which genotypes were compared.
    relations
        All pairs of samples.
    """

    samples: tuple[ComparedSample, ...]
    medians: Mapping[str, float | None]
    snps: int
    relations: tuple[Relation, ...]
    outliers: tuple[Outlier, ...]

    @property
    def shown_relations(self) -> list[Relation]:
        """Pairs that are related by genotypes or by the sheet, the closest first."""
        shown = [r for r in self.relations if r.expected or (r.kinship or 0) > SHOWN_KINSHIP]
        return sorted(shown, key=lambda r: (r.is_as_expected, -(r.kinship or 0), r.one, r.other))

    @property
    def flagged(self) -> list[str]:
        """What stands out, in words."""
        return [f"{one.name}: {flag}" for one in self.samples for flag in one.flags]


def compare(
    sheet: Sheet,
    found: Mapping[str, SampleMeasures],
    snps: Callable[[str], Sequence[SnpSite]],
    gvcfs: Mapping[str, Path],
    workers: int,
) -> CohortComparison:
    """Compare samples with each other, and with the sheet; raises InputError where a gVCF cannot be read.

    Parameters
    ----------
    found, gvcfs
        Of all samples of the sheet, by name.
    snps
        Gives those that were kept of a sample.
    """
    names = [row.name for row in sheet.samples]
    sites = compared_sites(names, snps) if len(names) > 1 else []
    parents = {row.name: (row.father, row.mother) for row in sheet.samples}
    genotypes = genotypes_at({name: gvcfs[name] for name in names}, sites, workers)
    related = relations(names, genotypes, expected_kinship(names, parents))
    unlike = [
        one
        for measure in COMPARED
        for one in outliers(MEASURES[measure], {n: getattr(found[n], measure) for n in names})
    ]
    flags: dict[str, list[str]] = {name: [] for name in names}
    sexes = {name: sex_by_depth(found[name]) for name in names}
    for row in sheet.samples:
        flags[row.name] += _sex_flags(row, sexes[row.name])
    for relation in related:
        if not relation.is_as_expected:
            flags[relation.one].append(_relation_flag(relation, relation.other))
            flags[relation.other].append(_relation_flag(relation, relation.one))
    for one in unlike:
        flags[one.sample].append(_outlier_flag(one))
    samples = [
        ComparedSample(row, found[row.name], sexes[row.name], tuple(flags[row.name])) for row in sheet.samples
    ]
    medians = {name: _median([getattr(found[n], name) for n in names]) for name in MEASURES}
    return CohortComparison(tuple(samples), medians, len(sites), tuple(related), tuple(unlike))


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _sex_flags(row: SheetSample, sex: SexByDepth) -> list[str]:
    if not sex.said or not row.sex or sex.sex == row.sex:
        return []
    if sex.sex is None:
        return [f"{row.sex} by the sheet, and unclear by depth ({sex.said})"]
    return [f"{row.sex} by the sheet, and {sex.sex} by depth ({sex.said})"]


def _relation_flag(relation: Relation, other: str) -> str:
    return (
        f"with {other}: {relation.degree} by genotypes (kinship {relation.kinship:.3f}), and "
        f"{degree_of(relation.expected)} by the sheet"
    )


def _outlier_flag(one: Outlier) -> str:
    return (
        f"{one.measure} {one.value:,.4g}, where the median is {one.median:,.4g} "
        f"({abs(one.deviations):.1f} deviations {'above' if one.deviations > 0 else 'below'})"
    )
