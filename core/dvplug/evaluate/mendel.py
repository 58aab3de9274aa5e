"""Mendel's laws as a check without a truth: regions in which a child has a haplotype of neither parent.

Haplotypes are compared, not positions: in each region, which ends where no variant of the three lies for a while, all
phases of all three are tried. The child's genotypes agree with Mendel if, in some phase, one of its haplotypes is one
that the father has in some phase, and the other one that the mother has. So neither two ways to write a variant nor two
variants that only together make a haplotype count as a violation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pysam

from dvplug.errors import InputError
from dvplug.evaluate.haplotypes import Bases, TrimmedAllele
from dvplug.evaluate.reference import ContigBases
from dvplug.evaluate.variants import SPANNING_DELETION, refuse_lost_alleles, trimmed, unreadable
from dvplug.genome.pedigree import Child, Pedigree
from dvplug.genome.reference import Reference
from dvplug.system.htslib import isolated_htslib
from dvplug.system.indexes import ends_by_indexes
from dvplug.system.input_states import InputStates
from dvplug.system.locations import StrPath

APART = 50
"""bp without a variant between two regions."""
MOST_HETEROZYGOTES = 10
"""Of one person in a region of which all phases are tried; a region with more is not judged."""


@dataclass
class MendelCounts:
    """Of all trios together.

    Attributes
    ----------
    trios
        Children whose parents both are in the file.
    regions
        That were judged: in which one of the three has a variant, all have genotypes and two copies.
    violations
        Of them, those that do not agree with Mendel.
    missing, crowded, haploid
        Regions that were not judged: with a genotype that is missing, with too many heterozygotes or alleles that
        overlap, and where somebody has one copy.
    """

    trios: int = 0
    regions: int = 0
    violations: int = 0
    missing: int = 0
    crowded: int = 0
    haploid: int = 0


class TrioRecord(NamedTuple):
    """A record of a trio: of child, father and mother the two alleles, None for the reference; or why there is none."""

    start: int
    end: int
    genotypes: tuple[tuple[TrimmedAllele | None, ...] | str, ...]


def mendelian_violations(
    query: StrPath, pedigree: StrPath, reference: StrPath, *, all_filters: bool = False
) -> MendelCounts:
    """Count the regions in which children of a pedigree have a haplotype of neither parent.

    Parameters
    ----------
    query
        VCF or BCF of the family, all in one file.
    pedigree
        PED file.
    reference
        FASTA with `.fai`.
    all_filters
        Count records that their FILTER rejects, too.

    Raises
    ------
    InputError
        Unreadable files, or no child whose parents both are in the VCF.
    RefusedRun
        A file changed while it was read.
    """
    counts = MendelCounts()
    watched = InputStates.of(map(Path, (query, pedigree, reference))).watched()
    with watched, Reference.open(reference) as fasta:
        trios = _trios(query, pedigree)
        counts.trios = len(trios)
        for contig, records in _by_contig(query, trios, all_filters):
            if contig not in fasta.lengths:
                raise InputError(
                    f"Contig '{contig}' of {query} is not in {reference}",
                    repair="Give the reference that the samples were called with.",
                )
            bases = ContigBases(fasta, contig)
            for of_trio in records:
                for region in _regions(of_trio):
                    _judge(counts, region, bases)
    return counts


@isolated_htslib()
def _trios(query: StrPath, pedigree: StrPath) -> list[Child]:
    ends_by_indexes(str(query))
    try:
        with pysam.VariantFile(str(query)) as file:
            samples = list(file.header.samples)
    except (OSError, ValueError) as error:
        raise InputError(f"'{query}' is not a readable VCF", cause=str(error)) from error
    trios = [child for child in Pedigree.read(pedigree, samples).children if child.father and child.mother]
    if not trios:
        raise InputError(
            f"{query} has no child of {pedigree} together with both parents",
            cause=f"its samples are {', '.join(samples[:5])}",
            repair="Genotype the family together, with `dvplug joint`.",
        )
    return trios


@isolated_htslib()
def _by_contig(
    query: StrPath, trios: Sequence[Child], all_filters: bool
) -> list[tuple[str, list[list[TrioRecord]]]]:
    """Records by contig and trio: those in which one of the three has an alt, or has no genotype."""
    found: dict[str, list[list[TrioRecord]]] = {}
    with unreadable(query), pysam.VariantFile(str(query)) as file:
        for record in file:
            if not all_filters and set(record.filter.keys()) - {"PASS", "."}:
                continue
            for number, trio in enumerate(trios):
                genotypes = tuple(_alleles(record, name) for name in trio)
                if any(isinstance(each, tuple) and any(each) for each in genotypes):
                    of_contig = found.setdefault(record.chrom, [[] for _ in trios])
                    of_contig[number].append(
                        TrioRecord(record.start, record.start + len(record.ref), genotypes)
                    )
    return [
        (contig, [sorted(records, key=lambda record: record.start) for records in of_contig])
        for contig, of_contig in found.items()
    ]


def _alleles(record: pysam.VariantRecord, name: str) -> tuple[TrimmedAllele | None, ...] | str:
    genotype = record.samples[name].get("GT") or (None,)
    if any(index is None for index in genotype):
        refuse_lost_alleles(record, list(record.header.samples).index(name))
        return "missing"
    if len(genotype) != 2:
        return "haploid"
    texts = [record.alleles[index].upper() for index in genotype]
    if any(text.startswith("<") for text in texts):
        return "missing"
    ref = record.ref.upper()
    return tuple(None if text == SPANNING_DELETION else trimmed(record.start, ref, text) for text in texts)


def _regions(records: Sequence[TrioRecord]) -> Iterator[list[TrioRecord]]:
    """Records that lie close together; `records` are sorted."""
    region: list[TrioRecord] = []
    end = 0
    for record in records:
        if region and record.start > end + APART:
            yield region
            region = []
        region.append(record)
        end = max(end, record.end) if len(region) > 1 else record.end
    if region:
        yield region


def _judge(counts: MendelCounts, region: Sequence[TrioRecord], bases: Bases) -> None:
    for why in ("missing", "haploid"):
        if any(why in record.genotypes for record in region):
            setattr(counts, why, getattr(counts, why) + 1)
            return
    persons = []
    for which in range(3):
        phases = _phases([record.genotypes[which] for record in region], region, bases)
        if not phases:
            counts.crowded += 1
            return
        persons.append(phases)
    child, father, mother = persons
    of_father = {text for pair in father for text in pair}
    of_mother = {text for pair in mother for text in pair}
    counts.regions += 1
    counts.violations += not any(
        (one in of_father and other in of_mother) or (other in of_father and one in of_mother)
        for one, other in child
    )


def _phases(
    genotypes: Sequence[tuple[TrimmedAllele | None, ...] | str], region: Sequence[TrioRecord], bases: Bases
) -> set[tuple[str, str]]:
    """Both haplotypes of a person in each phase that is possible; none where there are too many."""
    pairs = [each for each in genotypes if isinstance(each, tuple) and any(each)]
    heterozygotes = [i for i, (one, other) in enumerate(pairs) if one != other]
    if len(heterozygotes) > MOST_HETEROZYGOTES:
        return set()
    start, end = region[0].start, max(record.end for record in region)
    found = set()
    for turns in product((0, 1), repeat=max(len(heterozygotes) - 1, 0)):
        turned = dict(zip(heterozygotes[1:], turns, strict=True))
        texts = [
            _written([pair[side ^ turned.get(i, 0)] for i, pair in enumerate(pairs)], start, end, bases)
            for side in (0, 1)
        ]
        if texts[0] is not None and texts[1] is not None:
            found.add((texts[0], texts[1]))
    return found


def _written(alleles: Sequence[TrimmedAllele | None], start: int, end: int, bases: Bases) -> str | None:
    """The haplotype of these alleles between two positions, None where two overlap."""
    text, at = [], start
    for allele in sorted(filter(None, alleles)):
        if allele.start < at:
            return None
        text += [bases(at, allele.start), allele.alt]
        at = allele.end
    return "".join([*text, bases(at, end)])
