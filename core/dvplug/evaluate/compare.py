"""Compare a query callset with the truth, haplotype by haplotype."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dvplug.errors import InputError
from dvplug.evaluate.annotate import write_annotated
from dvplug.evaluate.counts import ClassCounts
from dvplug.evaluate.haplotypes import MAX_STATES, QUERY, TRUTH, Bases, Choice, Inclusion, Match, best_match
from dvplug.evaluate.reference import ContigBases, ReferenceBases
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.variants import Callset, Variant, load_callset
from dvplug.evaluate.verdicts import Verdict, reason
from dvplug.genome.contigs import contig_hint
from dvplug.genome.reference import Reference


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
    """

    snp: ClassCounts
    indel: ClassCounts
    truth_left_aside: dict[str, int] = field(default_factory=dict)
    query_left_aside: dict[str, int] = field(default_factory=dict)
    searched_in_part: tuple[tuple[str, int, int], ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {
            "SNP": self.snp.as_dict(),
            "INDEL": self.indel.as_dict(),
            "truth_left_aside": self.truth_left_aside,
            "query_left_aside": self.query_left_aside,
            "searched_in_part": [list(region) for region in self.searched_in_part],
        }


@dataclass
class Comparison:
    """Verdicts on the variants of both sides, and the regions of `Evaluation.searched_in_part`."""

    truth: list[Verdict] = field(default_factory=list)
    query: list[Verdict] = field(default_factory=list)
    searched_in_part: list[tuple[str, int, int]] = field(default_factory=list)


def evaluate(
    truth: Path,
    query: Path,
    confident: Path,
    reference: Path,
    *,
    out_dir: Path | None = None,
    all_filters: bool = False,
    max_states: int = MAX_STATES,
) -> Evaluation:
    """Count true and false positives and false negatives of `query`, whatever the representation.

    Parameters
    ----------
    truth, query
        One-sample VCFs.
    confident
        BED of the regions in which the truth is complete. All variants take part in the matching; a truth
        variant or a false positive is counted when the bases it changes touch a region, a true positive call
        when it matches a counted truth variant (vcfeval's `--evaluation-regions`).
    reference
        FASTA with `.fai`.
    out_dir
        Where tp.vcf.gz and fp.vcf.gz (records of the query) and fn.vcf.gz (of the truth) go, with indexes.
    all_filters
        Count query records that their FILTER rejects, too.
    max_states
        Bound of the search, see `Evaluation.searched_in_part`.

    Raises
    ------
    InputError
        Unreadable files, contigs that do not fit, a REF that is not in the reference.
    """
    fasta = Reference.open(reference)
    regions = ConfidentRegions.from_bed(confident, fasta.lengths)
    truth_calls = load_callset(truth, only_contigs=regions.contigs)
    query_calls = load_callset(query, all_filters=all_filters, only_contigs=regions.contigs)
    for callset in (truth_calls, query_calls):
        _require_a_contig_of(regions, confident, callset)
    comparison = compare(truth_calls, query_calls, regions, fasta, max_states)
    of_truth, of_query = (
        Counter((v.variant.is_snp, v.status) for v in verdicts)
        for verdicts in (comparison.truth, comparison.query)
    )
    if out_dir is not None:
        write_annotated(out_dir, truth, query, comparison.truth, comparison.query)
    snp, indel = (
        ClassCounts(of_truth[c, "TP"], of_query[c, "TP"], of_query[c, "FP"], of_truth[c, "FN"])
        for c in (True, False)
    )
    return Evaluation(
        snp, indel, truth_calls.left_aside, query_calls.left_aside, tuple(comparison.searched_in_part)
    )


def compare(
    truth: Callset,
    query: Callset,
    confident: ConfidentRegions,
    reference: ReferenceBases,
    max_states: int = MAX_STATES,
) -> Comparison:
    """Judge every variant on the contigs of the confident regions; raises InputError for a foreign REF."""
    comparison = Comparison()
    for contig in confident.contigs:
        sides = [(v, TRUTH) for v in truth.variants.get(contig, [])]
        sides += [(v, QUERY) for v in query.variants.get(contig, [])]
        sides.sort(key=lambda pair: (pair[0].changed_start, pair[0].changed_end, pair[1]))
        counted = [
            confident.overlap(contig, v.changed_start, max(v.changed_end, v.changed_start + 1))
            for v, _ in sides
        ]
        bases = ContigBases(reference, contig)
        for (variant, side), inside in zip(sides, counted, strict=True):
            if inside or not bases(variant.end - 1, variant.end):  # also where the contig has ended by then
                _check_ref(variant, contig, bases, (truth, query)[side].path)
        choices = [Choice(v.changed_start, side, (Inclusion(*v.alleles, 1),)) for v, side in sides]
        match = best_match(choices, bases, max_states)
        _judge(comparison, sides, counted, match, bases)
        for first, last in match.pruned:
            end = max(v.changed_end for v, _ in sides[first:last])
            comparison.searched_in_part.append((contig, sides[first][0].changed_start, end))
    return comparison


def _judge(
    comparison: Comparison,
    sides: Sequence[tuple[Variant, int]],
    counted: Sequence[bool],
    match: Match,
    bases: Bases,
) -> None:
    counted_stretches = {
        match.segment[i] for i, (_, side) in enumerate(sides) if side == TRUTH and counted[i]
    } - {-1}
    lost = [
        [v for i, (v, side) in enumerate(sides) if side == s and match.chosen[i] < 0] for s in (TRUTH, QUERY)
    ]
    reasons = [reason(lost[TRUTH], lost[QUERY], bases), reason(lost[QUERY], lost[TRUTH], bases)]
    for i, (variant, side) in enumerate(sides):
        verdicts = (comparison.truth, comparison.query)[side]
        if match.chosen[i] >= 0:
            matters = counted[i] if side == TRUTH else match.segment[i] in counted_stretches
            verdicts.append(Verdict(variant, "TP" if matters else "outside"))
        elif counted[i]:
            verdicts.append(Verdict(variant, "FN" if side == TRUTH else "FP", reasons[side][variant.record]))
        else:
            verdicts.append(Verdict(variant, "outside"))


def _check_ref(variant: Variant, contig: str, bases: Bases, path: Path) -> None:
    found = bases(variant.start, variant.end)
    if found != variant.ref and any(
        r != f and r in "ACGT" and f in "ACGT-"
        for r, f in zip(variant.ref, found.ljust(len(variant.ref), "-"), strict=True)
    ):
        raise InputError(
            f"REF '{variant.ref[:20]}' of '{path}' at {contig}:{variant.start + 1} is not in the reference",
            cause=f"it has '{found[:20]}' there",
            repair="Use the reference that the VCF was made with",
        )


def _require_a_contig_of(regions: ConfidentRegions, bed: Path, callset: Callset) -> None:
    if callset.contigs and not set(callset.contigs) & set(regions.contigs):
        contig = regions.contigs[0]
        raise InputError(
            f"'{callset.path}' has no contig of '{bed}', such as '{contig}'",
            repair=contig_hint(contig, callset.contigs),
        )
