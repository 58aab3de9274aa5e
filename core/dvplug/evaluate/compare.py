"""Compare a query callset with the truth, haplotype by haplotype."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from dvplug.errors import InputError, Problems
from dvplug.evaluate.annotate import annotated_outputs, take_annotated, write_annotated
from dvplug.evaluate.counts import ClassCounts
from dvplug.evaluate.haplotypes import MAX_STATES, QUERY, TRUTH, Bases, Choice, Inclusion, Match, best_match
from dvplug.evaluate.reference import ContigBases, ReferenceBases
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.variants import BEYOND, Callset, Variant, load_callset, open_vcf
from dvplug.evaluate.verdicts import Verdict, reason
from dvplug.genome.contigs import contig_hint
from dvplug.genome.reference import Reference
from dvplug.system.locations import StrPath
from dvplug.system.outputs import Together, made_folder, reserved

AMBIGUOUS = "at an ambiguous reference base"
"""Reason to leave a variant aside: tools, and versions of bcftools, disagree which letter REF has there."""


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
    """Verdicts on the variants of both sides, and the regions of `Evaluation.searched_in_part`.

    Attributes
    ----------
    left_aside
        Of truth and query, how many variants took no part, by reason.
    """

    truth: list[Verdict] = field(default_factory=list)
    query: list[Verdict] = field(default_factory=list)
    left_aside: tuple[Counter[str], Counter[str]] = field(default_factory=lambda: (Counter(), Counter()))
    searched_in_part: list[tuple[str, int, int]] = field(default_factory=list)


def evaluate(
    truth: StrPath,
    query: StrPath,
    confident: StrPath,
    reference: StrPath,
    *,
    out_dir: StrPath | None = None,
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
        Unreadable files, contigs that do not fit, a REF that is not in the reference. Where several things are wrong:
        `ManyProblems`.
    """
    if out_dir is None:
        return _evaluated(truth, query, confident, reference, None, all_filters, max_states)
    inputs, place = (truth, query, confident, reference), Path(out_dir)
    with (
        made_folder(place, "--out-dir"),
        reserved(annotated_outputs(place), map(Path, inputs)),
        TemporaryDirectory(dir=place, prefix=".unfinished-", ignore_cleanup_errors=True) as made,
        Together() as group,
    ):
        found = _evaluated(*inputs, Path(made), all_filters, max_states)
        take_annotated(Path(made), place, group)
    return found


def _evaluated(
    truth: StrPath,
    query: StrPath,
    confident: StrPath,
    reference: StrPath,
    folder: Path | None,
    all_filters: bool,
    max_states: int,
) -> Evaluation:
    """Evaluate as `evaluate` does; ``folder`` is where the annotated VCFs go."""
    with _read(truth, query, confident, reference, all_filters) as opened:
        comparison = compare(*opened, max_states)
    truth_calls, query_calls = opened.truth, opened.query
    of_truth, of_query = (
        Counter((v.variant.is_snp, v.status) for v in verdicts)
        for verdicts in (comparison.truth, comparison.query)
    )
    if folder is not None:
        write_annotated(folder, truth, query, comparison.truth, comparison.query)
    snp, indel = (
        ClassCounts(of_truth[c, "TP"], of_query[c, "TP"], of_query[c, "FP"], of_truth[c, "FN"])
        for c in (True, False)
    )
    of_both = zip((truth_calls, query_calls), comparison.left_aside, strict=True)
    left_of_truth, left_of_query = (dict(Counter(calls.left_aside) + more) for calls, more in of_both)
    return Evaluation(snp, indel, left_of_truth, left_of_query, tuple(comparison.searched_in_part))


def require_inputs(truth: StrPath, query: StrPath, confident: StrPath, reference: StrPath) -> None:
    """Look at all inputs of `evaluate`; raises as it does, but for a REF that is not in the reference."""
    with _read(truth, query, confident, reference, False):
        pass


class _Compared(NamedTuple):
    """What `compare` takes."""

    truth: Callset
    query: Callset
    confident: ConfidentRegions
    reference: Reference


@contextmanager
def _read(
    truth: StrPath, query: StrPath, confident: StrPath, reference: StrPath, all_filters: bool
) -> Iterator[_Compared]:
    """Read all inputs; raises as `evaluate`, of everything that is wrong at once."""
    problems = Problems()
    fasta, regions = None, None
    callsets: list[Callset] = []
    with problems.collect():
        fasta = Reference.open(reference)
    if fasta:
        with problems.collect():
            regions = ConfidentRegions.from_bed(confident, fasta.lengths)
    for path, all_of_them, ends in ((truth, False, True), (query, all_filters, False)):
        with problems.collect():
            if fasta is None or regions is None:
                open_vcf(path).close()  # no more can be said of it
                continue
            # A truth may be of more than a reference that was cut; calls beyond it are of another one.
            lengths = fasta.lengths if ends else None
            callset = load_callset(
                path, all_filters=all_of_them, only_contigs=regions.contigs, lengths=lengths
            )
            _require_a_contig_of(regions, confident, callset)
            callsets.append(callset)
    problems.raise_all()
    assert fasta is not None
    assert regions is not None
    with fasta:
        yield _Compared(callsets[0], callsets[1], regions, fasta)


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
        bases = ContigBases(reference, contig)
        sides: list[tuple[Variant, int]] = []
        for side, callset in ((TRUTH, truth), (QUERY, query)):
            for variant in callset.variants.get(contig, []):
                why = _why_not(variant, contig, reference, bases)
                if why == BEYOND and (side == QUERY or _counts(variant, contig, confident)):
                    _check_ref(variant, contig, bases, callset.path)
                if why:
                    comparison.left_aside[side][why] += 1
                else:
                    sides.append((variant, side))
        sides.sort(key=lambda pair: (pair[0].changed_start, pair[0].changed_end, pair[1]))
        counted = [_counts(v, contig, confident) for v, _ in sides]
        for (variant, side), inside in zip(sides, counted, strict=True):
            if inside:
                _check_ref(variant, contig, bases, (truth, query)[side].path)
        choices = [Choice(v.changed_start, side, (Inclusion(*v.alleles, 1),)) for v, side in sides]
        match = best_match(choices, bases, max_states)
        _judge(comparison, sides, counted, match, bases)
        for first, last in match.pruned:
            end = max(v.changed_end for v, _ in sides[first:last])
            comparison.searched_in_part.append((contig, sides[first][0].changed_start, end))
    return comparison


def _counts(variant: Variant, contig: str, confident: ConfidentRegions) -> bool:
    """Whether the bases that a variant changes touch a confident region."""
    start, end = variant.changed_start, variant.changed_end
    return confident.overlap(contig, start, max(end, start + 1))


def _why_not(variant: Variant, contig: str, reference: ReferenceBases, bases: ContigBases) -> str | None:
    """Why a variant takes no part, or None."""
    ref = bases(variant.start, variant.end)
    if len(ref) < len(variant.ref):
        return BEYOND
    if "N" in ref and reference.is_ambiguous(contig, variant.start, variant.end):
        return AMBIGUOUS
    return None


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


def _require_a_contig_of(regions: ConfidentRegions, bed: StrPath, callset: Callset) -> None:
    if callset.contigs and not set(callset.contigs) & set(regions.contigs):
        contig = regions.contigs[0]
        raise InputError(
            f"'{callset.path}' has no contig of '{bed}', such as '{contig}'",
            repair=contig_hint(contig, callset.contigs),
        )
