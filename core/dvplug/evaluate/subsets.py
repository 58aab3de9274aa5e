"""Count what was judged by subset of the genome, and within it by what the variants are.

The classes are those of the GA4GH benchmarking team (doi:10.1038/s41587-019-0054-x), which hap.py writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dvplug.errors import InputError, Problems
from dvplug.evaluate.compare import counts
from dvplug.evaluate.counts import ClassCounts
from dvplug.evaluate.haplotypes import TrimmedAllele
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.variants import Variant
from dvplug.evaluate.verdicts import ALLELE_MISMATCH, GENOTYPE_MISMATCH, Verdict
from dvplug.system.locations import StrPath

WHOLE = "*"
"""Name of the subset that is all of the confident regions."""
SNP, INDEL = KINDS = ("SNP", "INDEL")
TI, TV = "ti", "tv"
HET, HOM_ALT, HET_ALT = GENOTYPES = ("het", "homalt", "hetalt")
BANDS = (("1_5", 5), ("6_15", 15))
"""Lengths of indels: name and longest of a band; longer ones are ``16_PLUS``."""
SUBTYPES = {
    SNP: (TI, TV),
    INDEL: tuple(f"{kind}{name}" for kind in "CDI" for name in ("1_5", "6_15", "16_PLUS")),
}
_PURINES_AND_PYRIMIDINES = (frozenset("AG"), frozenset("CT"))


class Called(NamedTuple):
    """What a variant is: SNP or INDEL, the `SUBTYPES` of its called alts, one of `GENOTYPES`."""

    kind: str
    subtypes: tuple[str, ...]
    genotype: str


@dataclass(frozen=True)
class SubsetCounts:
    """Counts of variants in a subset of the genome.

    Attributes
    ----------
    size, confident
        Bases of the subset, and those of them in confident regions.
    tally
        By the name that hap.py has for a count (TRUTH.TP, TRUTH.FN, QUERY.TP, QUERY.FP, QUERY.UNK, FP.gt, FP.al) and
        what the variant is.
    """

    size: int
    confident: int
    tally: Mapping[tuple[str, Called], int] = field(default_factory=Counter)

    def counts(self, kind: str) -> ClassCounts:
        """Counts of SNP or INDEL."""
        names = ("TRUTH.TP", "QUERY.TP", "QUERY.FP", "TRUTH.FN")
        found = Counter[str]()
        for (name, what), number in self.tally.items():
            if what.kind == kind:
                found[name] += number
        return ClassCounts(*(found[name] for name in names))

    def as_dict(self) -> dict[str, object]:
        """Sizes and counts, for JSON."""
        sizes = {"size": self.size, "confident_size": self.confident}
        return sizes | {kind: self.counts(kind).as_dict() for kind in KINDS}


def what_is(variant: Variant) -> Called:
    """Say what a variant is."""
    first, second = variant.alleles
    genotype = HET if first is None or second is None else HOM_ALT if first == second else HET_ALT
    subtypes = {_subtype(variant, allele) for allele in variant.alleles if allele}
    return Called(SNP if variant.is_snp else INDEL, tuple(sorted(subtypes)), genotype)


def _subtype(variant: Variant, allele: TrimmedAllele) -> str:
    if variant.is_snp:
        return TI if is_transition(variant, allele) else TV
    removed, added = allele.end - allele.start, len(allele.alt)
    kind = "I" if not removed else "D" if not added else "C"
    length = max(removed, added)
    return kind + next((name for name, longest in BANDS if length <= longest), "16_PLUS")


def is_transition(variant: Variant, allele: TrimmedAllele) -> bool:
    """Whether an allele of a variant, which puts one base in the place of one, stays within purines or pyrimidines."""
    return {variant.ref[allele.start - variant.start], allele.alt} in _PURINES_AND_PYRIMIDINES


def read_strata(path: StrPath) -> dict[str, Path]:
    """Read a list of strata as GIAB gives them: a name, a tab and a BED file, which may be relative to the list.

    Empty lines and those that begin with ``#`` are passed over.

    Raises
    ------
    InputError
        The list cannot be read, is empty, has a line of another form, a name twice, or a file that is not there. Where
        several lines are wrong: `ManyProblems`.
    """
    place, problems, found = Path(path), Problems(), dict[str, Path]()
    try:
        lines = place.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"List of strata {place} cannot be read", cause=str(error), repair="Check the path and the file."
        ) from error
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#"):
            with problems.collect():
                name, bed = _stratum(line, f"{place}, line {number}", place.parent)
                if name in found:
                    raise InputError(
                        f"{place}, line {number}: stratum '{name}' stands there twice", repair="Rename one."
                    )
                found[name] = bed
    problems.raise_all()
    if not found:
        raise InputError(
            f"List of strata {place} is empty",
            repair="Each line needs a name, a tab and the path of a BED file.",
        )
    return found


def _stratum(line: str, source: str, folder: Path) -> tuple[str, Path]:
    name, _, bed = (part.strip() for part in line.partition("\t"))
    if not (name and bed) or "\t" in bed:
        raise InputError(
            f"{source} is no stratum: '{line.strip()[:80]}'",
            cause="a line is a name, a tab and the path of a BED file",
            repair="Mend or remove the line.",
        )
    if name == WHOLE:
        raise InputError(
            f"{source}: '{WHOLE}' is the name of the whole", repair="Give the stratum another one."
        )
    if not (folder / bed).is_file():
        raise InputError(
            f"{source}: BED file {folder / bed} does not exist",
            cause="paths are relative to the list",
            repair="Check the path.",
        )
    return name, folder / bed


def count_subset(
    truth: Iterable[Verdict], query: Iterable[Verdict], subset: ConfidentRegions, confident: ConfidentRegions
) -> SubsetCounts:
    """Count the verdicts of a comparison in a subset.

    The rule is that of the confident regions, for what of these lies in the subset: a truth variant or a false positive
    counts that touches it, a true positive call that matches such a truth variant. Calls outside of the confident
    regions (UNK) count where they touch the subset.
    """
    inside = subset.intersection(confident)
    tally = Counter[tuple[str, Called]]()
    matched = set()
    for one in truth:
        if one.status != "outside" and counts(one.variant, one.contig, inside):
            tally[f"TRUTH.{one.status}", what_is(one.variant)] += 1
            if one.stretch is not None:
                matched.add(one.stretch)
    for one in query:
        what = what_is(one.variant)
        if one.status == "TP":
            tally["QUERY.TP", what] += one.stretch in matched
        elif one.status == "FP" and counts(one.variant, one.contig, inside):
            tally["QUERY.FP", what] += 1
            tally["FP.gt", what] += one.why == GENOTYPE_MISMATCH
            tally["FP.al", what] += one.why == ALLELE_MISMATCH
        elif one.status == "outside" and counts(one.variant, one.contig, subset):
            tally["QUERY.UNK", what] += 1
    return SubsetCounts(subset.size, inside.size, tally)
