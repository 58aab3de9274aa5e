"""Count how good candidates are by themselves: each gets the genotype by which most of the truth is found.

Candidates are the records that a caller weighed, those that it took for the reference among them. As in Table 1 of the
DeepVariant paper (doi:10.1038/nbt.4235), they tell apart what a caller never looked at and what its network decided.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement

from pysam import VariantRecord

from dvplug.errors import InputError
from dvplug.evaluate.compare import counts, why_left_aside
from dvplug.evaluate.counts import ClassCounts
from dvplug.evaluate.haplotypes import (
    MAX_STATES,
    QUERY,
    TRUTH,
    Choice,
    Inclusion,
    Match,
    TrimmedAllele,
    best_match,
)
from dvplug.evaluate.reference import ContigBases, ReferenceBases
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.variants import BASES, Callset, Variant, is_substitution, open_vcf, trimmed, unreadable
from dvplug.system.htslib import isolated_htslib
from dvplug.system.locations import StrPath

_TRUTH, _CANDIDATE = 1_000_000, -1
"""Worth of a truth variant that is found, and of a candidate that helps to: the fewer, the better."""


@dataclass(frozen=True)
class Candidate:
    """One record without its genotype: `alts` are trimmed, and not empty."""

    start: int
    ref: str
    alts: tuple[TrimmedAllele, ...]

    @property
    def end(self) -> int:
        """End of the record's reference bases, exclusive."""
        return self.start + len(self.ref)

    @cached_property
    def changed_start(self) -> int:
        """First reference base that an alt changes."""
        return min(alt.start for alt in self.alts)

    @cached_property
    def changed_end(self) -> int:
        """End of the reference bases that alts change."""
        return max(alt.end for alt in self.alts)

    @property
    def is_snp(self) -> bool:
        """Whether every alt puts one base in the place of one."""
        return all(map(is_substitution, self.alts))


@dataclass(frozen=True)
class CandidateCounts:
    """Counts of candidates against the truth; see `count_candidates`.

    Attributes
    ----------
    searched_in_part
        (contig, start, end) as in `Evaluation`.
    """

    snp: ClassCounts
    indel: ClassCounts
    searched_in_part: tuple[tuple[str, int, int], ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Everything, for JSON."""
        return {
            "SNP": self.snp.as_dict(),
            "INDEL": self.indel.as_dict(),
            "searched_in_part": [list(region) for region in self.searched_in_part],
        }


@isolated_htslib()
def load_candidates(path: StrPath, contigs: Container[str]) -> dict[str, list[Candidate]]:
    """Read all records of these contigs that have an alt in letters, whatever their FILTER and genotype.

    Raises
    ------
    InputError
        The file cannot be read, is not of one sample, or none of its records was taken for the reference: it has the
        calls, and not the candidates.
    """
    found: dict[str, list[Candidate]] = {}
    rejected = 0
    with unreadable(path), open_vcf(path) as records:
        for record in records:
            candidate = _candidate(record) if record.chrom in contigs else None
            if candidate:
                found.setdefault(record.chrom, []).append(candidate)
                rejected += not any(record.samples[0].get("GT") or ())
    if not rejected:
        raise InputError(
            f"'{path}' has calls, and no candidates beside them",
            cause="none of its records with an alternate allele has the genotype 0/0",
            repair="Call with `--gvcf`, or with `--keep-ref-calls`, and give that file.",
        )
    return found


def _candidate(record: VariantRecord) -> Candidate | None:
    ref = record.ref.upper()
    spelt = [alt.upper() for alt in record.alts or () if BASES.fullmatch(alt.upper())]
    alts = dict.fromkeys(filter(None, (trimmed(record.start, ref, alt) for alt in spelt)))
    return Candidate(record.start, ref, tuple(alts)) if alts else None


def count_candidates(
    truth: Callset,
    candidates: Mapping[str, Sequence[Candidate]],
    confident: ConfidentRegions,
    reference: ReferenceBases,
    max_states: int = MAX_STATES,
) -> CandidateCounts:
    """Count the truth variants that candidates can give with the best genotypes, and candidates that give none.

    A truth variant counts by its own class, a candidate that helps to find one by the alleles that do, and one that
    does not, a false positive, by all its alts. Where they count: as in `evaluate`.
    """
    tally, searched = Counter[tuple[str, bool]](), list[tuple[str, int, int]]()
    for contig in confident.contigs:
        bases = ContigBases(reference, contig)
        sides: list[tuple[Variant | Candidate, int]] = [
            (one, side)
            for side, found in ((TRUTH, truth.variants.get(contig, ())), (QUERY, candidates.get(contig, ())))
            for one in found
            if why_left_aside(one, contig, reference, bases) is None
        ]
        sides.sort(key=lambda pair: (pair[0].changed_start, pair[0].changed_end, pair[1]))
        choices = [Choice(one.changed_start, side, _options(one)) for one, side in sides]
        match = best_match(choices, bases, max_states)
        tally.update(_judged(sides, choices, match, [counts(one, contig, confident) for one, _ in sides]))
        for first, last in match.pruned:
            end = max(one.changed_end for one, _ in sides[first:last])
            searched.append((contig, sides[first][0].changed_start, end))
    names = ("TP truth", "TP query", "FP", "FN")
    snp, indel = (ClassCounts(*(tally[name, of_snp] for name in names)) for of_snp in (True, False))
    return CandidateCounts(snp, indel, tuple(searched))


def _options(one: Variant | Candidate) -> tuple[Inclusion, ...]:
    if isinstance(one, Variant):
        return (Inclusion(*one.alleles, _TRUTH),)
    pairs = combinations_with_replacement((None, *one.alts), 2)
    return tuple(Inclusion(first, second, _CANDIDATE) for first, second in pairs if second)


def _judged(
    sides: Sequence[tuple[Variant | Candidate, int]],
    choices: Sequence[Choice],
    match: Match,
    inside: Sequence[bool],
) -> Iterator[tuple[str, bool]]:
    """Yield what each one counts as, and whether as a SNP."""
    explained = {match.segment[i] for i, (_, side) in enumerate(sides) if side == TRUTH and inside[i]}
    for i, (one, side) in enumerate(sides):
        if match.chosen[i] < 0:
            if inside[i]:
                yield "FN" if side == TRUTH else "FP", one.is_snp
        elif side == TRUTH and inside[i]:
            yield "TP truth", one.is_snp
        elif side == QUERY and match.segment[i] in explained:
            chosen = choices[i].options[match.chosen[i]]
            alleles = (chosen.first, chosen.second)
            yield "TP query", all(is_substitution(allele) for allele in alleles if allele)
