"""Compare callsets of one genome with each other: what each amounts to, how far they agree, and how far they spread.

Callsets of one genome are replicates: other reads of it, other callers, other versions of one.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

from dvplug.errors import InputError, Problems
from dvplug.evaluate.compare import Comparison, compare, counts, require_a_contig_of
from dvplug.evaluate.counts import ClassCounts
from dvplug.evaluate.emptiness import CALLSET_IS_EMPTY, TRUTH_IS_EMPTY, nothing_counts
from dvplug.evaluate.reference import ReferenceBases
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.subsets import HOM_ALT, INDEL, SNP, count_subset, is_transition, what_is
from dvplug.evaluate.variants import BEYOND, Callset, Variant, is_substitution, load_callset
from dvplug.genome.reference import Reference
from dvplug.system.input_states import InputStates
from dvplug.system.locations import StrPath

MEASURES: Mapping[str, str] = {
    "snps": "SNPs",
    "indels": "indels",
    "ti_tv": "Ti/Tv",
    "het_hom": "het/hom-alt",
    "ins_del": "ins/del",
    "snp_concordance": "SNP concordance",
    "indel_concordance": "indel concordance",
    "snp_f1": "SNP F1",
    "indel_f1": "indel F1",
}
"""What callsets are compared by; and for people. The last two need a truth."""


@dataclass(frozen=True)
class ComparedCallset:
    """What one callset amounts to.

    Attributes
    ----------
    measures
        By name, see `MEASURES`; None where there is nothing to divide by. Concordance is the mean over the other
        callsets.
    left_aside
        Records that took no part, by reason.
    snp, indel
        Counts against the truth, if there is one.
    """

    name: str
    path: Path
    measures: Mapping[str, float | None]
    left_aside: Mapping[str, int]
    snp: ClassCounts | None = None
    indel: ClassCounts | None = None

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        found: dict[str, object] = {"name": self.name, "path": str(self.path), **self.measures}
        found["left_aside"] = dict(self.left_aside)
        if self.snp and self.indel:
            found["truth"] = {SNP: self.snp.as_dict(), INDEL: self.indel.as_dict()}
        return found


@dataclass(frozen=True)
class Concordance:
    """How far two callsets agree.

    Attributes
    ----------
    compared
        Bases in which both have calls: where one has a record without a genotype, neither counts.
    snp, indel
        Of the second callset, as if the first were the truth: `ClassCounts.f1` is the share of the variants of either
        that the other has, too, with the same genotype.
    """

    one: str
    other: str
    compared: int
    snp: ClassCounts
    indel: ClassCounts

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        found: dict[str, object] = {"one": self.one, "other": self.other, "compared": self.compared}
        for kind, c in ((SNP, self.snp), (INDEL, self.indel)):
            found[kind] = {"both": c.tp_truth, "only_one": c.fn, "only_other": c.fp, "concordance": c.f1}
        return found


@dataclass(frozen=True)
class MeasureSpread:
    """Mean, standard deviation (of a sample) and range of a measure over callsets that have it."""

    mean: float
    sd: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float | None]) -> MeasureSpread | None:
        """Of at least two values, or None."""
        known = [value for value in values if value is not None]
        if len(known) < 2:
            return None
        return cls(statistics.fmean(known), statistics.stdev(known), min(known), max(known))


@dataclass(frozen=True)
class CallsetComparison:
    """Callsets of one genome: each, all pairs, and the spread of each measure that at least two have.

    Attributes
    ----------
    empty
        Of callsets and truth, that none of its variants counts, in words.
    """

    callsets: tuple[ComparedCallset, ...]
    pairs: tuple[Concordance, ...]
    spread: Mapping[str, MeasureSpread]
    empty: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {
            "callsets": [one.as_dict() for one in self.callsets],
            "pairs": [pair.as_dict() for pair in self.pairs],
            "spread": {name: vars(one) for name, one in self.spread.items()},
        }


def compare_callsets(
    callsets: Sequence[StrPath],
    reference: StrPath,
    *,
    truth: StrPath | None = None,
    confident: StrPath | None = None,
    all_filters: bool = False,
) -> CallsetComparison:
    """Compare callsets of one genome, by haplotype: two ways to write one variant are equal.

    Parameters
    ----------
    callsets
        At least two one-sample VCFs or gVCFs. What a file does not speak of it has as the reference; where it has a
        record without a genotype, it says nothing, and is not compared there with the others.
    reference
        FASTA with `.fai`.
    truth
        VCF of the truth, which then is complete in ``confident``.
    confident
        BED of the regions in which variants count; by default all of the reference.
    all_filters
        Count records that their FILTER rejects, too.

    Raises
    ------
    InputError
        Fewer than two callsets, unreadable files, contigs that do not fit, a REF that is not in the reference, a truth
        without confident regions. Where several things are wrong: `ManyProblems`.
    """
    if len(callsets) < 2:
        raise InputError(
            "One callset alone cannot be compared" if callsets else "No callset is named",
            repair="Name at least two, or use `dvplug evaluate`.",
        )
    if truth is not None and confident is None:
        raise InputError(
            "A truth without confident regions says nothing of false calls", repair="Give --confident, too."
        )
    problems, read, known, regions = Problems(), list[Callset](), None, None
    named = [Path(path) for path in (*callsets, reference, truth, confident) if path is not None]
    place = confident or reference
    with InputStates.of(named).watched(), ExitStack() as opened:
        with problems.collect():
            fasta = opened.enter_context(Reference.open(reference))
            regions = ConfidentRegions((contig, 0, length) for contig, length in fasta.lengths.items())
            if confident is not None:
                regions = ConfidentRegions.from_bed(confident, fasta.lengths)
        for path in callsets if regions else ():
            with problems.collect():
                whole = None if confident else fasta
                read.append(_read_within(whole, path, regions, place, all_filters=all_filters))
        with problems.collect():
            if truth is not None and regions:
                known = _read(truth, regions, place, lengths=fasta.lengths)
        problems.raise_all()
        assert regions is not None
        empty = _empty(read, known, regions, place)
        return replace(_compared(read, known, regions, fasta), empty=tuple(empty))


def _read(path: StrPath, regions: ConfidentRegions, source: StrPath, **options: Any) -> Callset:
    callset = load_callset(path, only_contigs=regions.contigs, **options)
    require_a_contig_of(regions, source, callset)
    return callset


def _read_within(
    whole: Reference | None, path: StrPath, regions: ConfidentRegions, source: StrPath, *, all_filters: bool
) -> Callset:
    """Read a callset; where all of a reference is compared, records beyond it are refused: InputError."""
    lengths = whole.lengths if whole else None
    callset = _read(path, regions, source, all_filters=all_filters, lengths=lengths)
    if beyond := callset.left_aside.get(BEYOND, 0):
        raise InputError(
            f"records of {callset.path} lie on contigs that {source} has not, or beyond their ends: {beyond:,}",
            cause="they would be left out",
            repair="Give the reference that it was called with, or say by --confident where to compare.",
        )
    return callset


def _empty(
    read: Sequence[Callset], truth: Callset | None, regions: ConfidentRegions, source: StrPath
) -> list[str]:
    """Say of each callset, and of the truth, without a variant that counts that it is so."""
    told = [(one, CALLSET_IS_EMPTY) for one in read] + ([(truth, TRUTH_IS_EMPTY)] if truth else [])
    return [
        nothing_counts(one, one.left_aside, regions, source, so)
        for one, so in told
        if not any(_counted(one, regions))
    ]


def _counted(callset: Callset, regions: ConfidentRegions) -> Iterator[Variant]:
    for contig, variants in callset.variants.items():
        yield from (variant for variant in variants if counts(variant, contig, regions))


def _compared(
    read: Sequence[Callset], truth: Callset | None, regions: ConfidentRegions, reference: ReferenceBases
) -> CallsetComparison:
    names = names_of([one.path for one in read])
    pairs = [
        _concordance((names[a], read[a]), (names[b], read[b]), regions, reference)
        for a, b in combinations(range(len(read)), 2)
    ]
    callsets = []
    for name, callset in zip(names, read, strict=True):
        measures = _measures(list(_counted(callset, regions)))
        of_one = [pair for pair in pairs if name in (pair.one, pair.other)]
        measures["snp_concordance"] = _mean(pair.snp.f1 for pair in of_one)
        measures["indel_concordance"] = _mean(pair.indel.f1 for pair in of_one)
        snp = indel = None
        if truth is not None:
            snp, indel = _counts(compare(truth, callset, regions, reference), regions)
            measures |= {"snp_f1": snp.f1, "indel_f1": indel.f1}
        callsets.append(ComparedCallset(name, callset.path, measures, callset.left_aside, snp, indel))
    spread = {name: MeasureSpread.of(one.measures.get(name) for one in callsets) for name in MEASURES}
    return CallsetComparison(
        tuple(callsets), tuple(pairs), {name: one for name, one in spread.items() if one is not None}
    )


def _concordance(
    one: tuple[str, Callset], other: tuple[str, Callset], regions: ConfidentRegions, reference: ReferenceBases
) -> Concordance:
    for _, callset in (one, other):
        if callset.no_calls:
            regions = regions.without(ConfidentRegions(callset.no_calls))
    snp, indel = _counts(compare(one[1], other[1], regions, reference), regions)
    return Concordance(one[0], other[0], regions.size, snp, indel)


def _counts(comparison: Comparison, regions: ConfidentRegions) -> tuple[ClassCounts, ClassCounts]:
    found = count_subset(comparison.truth, comparison.query, regions, regions)
    return found.counts(SNP), found.counts(INDEL)


def _measures(variants: Sequence[Variant]) -> dict[str, float | None]:
    """Numbers and ratios of what one callset has: records, and their called alts."""
    found = Counter[str]()
    for variant in variants:
        found["snps" if variant.is_snp else "indels"] += 1
        found["hom" if what_is(variant).genotype == HOM_ALT else "het"] += 1
        for allele in {allele for allele in variant.alleles if allele}:
            if is_substitution(allele):
                found["ti" if is_transition(variant, allele) else "tv"] += 1
            elif allele.start == allele.end:
                found["ins"] += 1
            elif not allele.alt:
                found["del"] += 1
    ratios = {"ti_tv": ("ti", "tv"), "het_hom": ("het", "hom"), "ins_del": ("ins", "del")}
    divided = {name: found[a] / found[b] if found[b] else None for name, (a, b) in ratios.items()}
    return {"snps": found["snps"], "indels": found["indels"], **divided}


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def names_of(paths: Sequence[Path]) -> list[str]:
    """Short names of files: without what they share before the last folders that differ, and without their endings."""
    for depth in range(1, max(len(path.parts) for path in paths) + 1):
        names = [str(Path(*path.parts[-depth:])) for path in paths]
        if len(set(names)) == len(names):
            break
    for ending in (".gz", ".bgz", ".vcf", ".bcf", ".g"):
        shorter = [name.removesuffix(ending) for name in names]
        names = shorter if len(set(shorter)) == len(names) else names
    return names
