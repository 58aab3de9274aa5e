"""A simulated cohort: unrelated persons who share variants, and trios whose children have new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dvplug.simulate.aligned_reads import READ_LENGTH, sequence_haplotype, write_bam
from dvplug.simulate.genome import Codes, random_genome, write_bed, write_fasta
from dvplug.simulate.variants import (
    Event,
    PhasedVariant,
    apply_variants,
    draw_events,
    fits_both_haplotypes,
    place_events,
    write_truth,
)

CONTIG = "chrS"
EDGE = 500
"""bp at either end of the contig, where depth falls off, that are not confident."""
SHARED_GAPS = 2
"""Places that may vary are so much closer together than the variants of a person."""
PRIVATE_SHARE = 0.15
"""Of a person's variants, those that nobody else has by descent."""


@dataclass(frozen=True)
class Person:
    """A sample: its name, its mean depth, and its parents' names if it is a child."""

    name: str
    depth: float
    father: str = ""
    mother: str = ""


@dataclass(frozen=True)
class SimulatedCohort:
    """The files of a cohort; reads and truth are by the sample's name.

    Attributes
    ----------
    new
        Child to the 0-based starts of its new mutations.
    """

    reference: Path
    confident: Path
    pedigree: Path
    reads: dict[str, Path]
    truth: dict[str, Path]
    new: dict[str, list[int]]


def trios(count: int, depth: float) -> list[Person]:
    """Return this many trios, each a father, a mother and a child, at one depth."""
    return [
        person
        for number in range(1, count + 1)
        for person in (
            Person(f"F{number:02d}_father", depth),
            Person(f"F{number:02d}_mother", depth),
            Person(f"F{number:02d}_child", depth, f"F{number:02d}_father", f"F{number:02d}_mother"),
        )
    ]


def unrelated(count: int, least: float = 8.0, most: float = 40.0) -> list[Person]:
    """Return this many persons, whose depths lie evenly between two."""
    return [Person(f"S{n + 1:03d}", float(d)) for n, d in enumerate(np.linspace(least, most, count))]


def simulate_cohort(
    folder: Path, persons: Sequence[Person], *, length: int, new_mutations: int, seed: int
) -> SimulatedCohort:
    """Simulate a cohort's reads and truth; the same files for the same arguments.

    Parameters
    ----------
    persons
        Parents come before their children.
    length
        bp of the only contig.
    new_mutations
        Of each child, about two thirds of them SNPs.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    codes = random_genome(length, rng)
    write_fasta(folder / "reference.fa", {CONTIG: codes})
    write_bed(folder / "confident.bed", [(CONTIG, EDGE, length - EDGE)])
    pool = _pool(codes, rng)
    found: dict[str, list[PhasedVariant]] = {}
    new: dict[str, list[int]] = {}
    for person in persons:
        if person.father:
            inherited = _child(found[person.father], found[person.mother], rng)
            found[person.name], new[person.name] = _mutated(codes, inherited, new_mutations, rng)
        else:
            found[person.name] = _founder(codes, pool, rng)
    reads, truth = {}, {}
    for number, person in enumerate(persons):
        own = np.random.default_rng((seed, number))
        truth[person.name] = write_truth(
            folder / f"{person.name}.truth.vcf.gz",
            {CONTIG: found[person.name]},
            {CONTIG: length},
            person.name,
        )
        pairs = int(person.depth * length / (2 * READ_LENGTH) / 2)
        tables = [
            sequence_haplotype(
                codes, apply_variants(codes, found[person.name], which), pairs, which * pairs, own
            )
            for which in (0, 1)
        ]
        reads[person.name] = write_bam(folder / f"{person.name}.bam", tables, CONTIG, length, person.name)
    pedigree = folder / "family.ped"
    pedigree.write_text(
        "".join(
            f"{p.name.split('_')[0]}\t{p.name}\t{p.father or 0}\t{p.mother or 0}\t0\t0\n" for p in persons
        )
    )
    return SimulatedCohort(folder / "reference.fa", folder / "confident.bed", pedigree, reads, truth, new)


def _pool(codes: Codes, rng: np.random.Generator) -> list[tuple[PhasedVariant, float]]:
    """Places that vary in the population, with the frequency of what is there: most of it is rare."""
    closer = (
        Event(max(event.gap // SHARED_GAPS, 1), event.changes, (1, 1), event.unit, event.tract)
        for event in draw_events(rng)
    )
    places = place_events(codes, closer, rng)
    return list(zip(places, rng.beta(0.4, 0.8, len(places)).tolist(), strict=True))


def _founder(
    codes: Codes, pool: list[tuple[PhasedVariant, float]], rng: np.random.Generator
) -> list[PhasedVariant]:
    """Draw both haplotypes of a person from the pool, and what the person alone has."""
    variants = []
    for place, frequency in pool:
        alleles = [int(rng.integers(1, len(place.alts) + 1)) if rng.random() < frequency else 0 for _ in "12"]
        if any(alleles):
            variants.append(_with(place, (alleles[0], alleles[1])))
    rare = (
        Event(int(event.gap / PRIVATE_SHARE), event.changes, event.genotype, event.unit, event.tract)
        for event in draw_events(rng)
        if event.genotype in ((0, 1), (1, 0))
    )
    return _sorted([*variants, *place_events(codes, rare, rng)])


def _child(
    father: list[PhasedVariant], mother: list[PhasedVariant], rng: np.random.Generator
) -> list[PhasedVariant]:
    """Give a child one haplotype of each parent, whole."""
    both: dict[tuple[int, str, tuple[str, ...]], list[int]] = {}
    for side, parent in enumerate((father, mother)):
        which = int(rng.integers(2))
        for variant in parent:
            if allele := variant.genotype[which]:
                both.setdefault((variant.start, variant.ref, variant.alts), [0, 0])[side] = allele
    return _sorted([PhasedVariant(start, ref, alts, (a, b)) for (start, ref, alts), (a, b) in both.items()])


def _mutated(
    codes: Codes, inherited: list[PhasedVariant], count: int, rng: np.random.Generator
) -> tuple[list[PhasedVariant], list[int]]:
    """Add new mutations to a child, away from what it inherited; return all its variants, and their starts."""
    if not count:
        return inherited, []
    gap = len(codes) // (3 * count)
    events = (
        Event(int(gap * (0.5 + rng.random())), event.changes, event.genotype, event.unit, event.tract)
        for event in draw_events(rng)
        if event.genotype in ((0, 1), (1, 0))
    )
    placed = place_events(codes, events, rng)
    taken = np.array(sorted((v.start, v.end) for v in inherited)).reshape(-1, 2)
    free = [
        v
        for v in placed
        if EDGE < v.start < len(codes) - EDGE
        and not ((taken[:, 0] - 30 < v.end) & (taken[:, 1] + 30 > v.start)).any()
    ]
    chosen = [free[i] for i in sorted(rng.permutation(len(free))[:count])]
    return _sorted([*inherited, *chosen]), [v.start for v in chosen]


def _with(place: PhasedVariant, genotype: tuple[int, int]) -> PhasedVariant:
    return PhasedVariant(place.start, place.ref, place.alts, genotype)


def _sorted(variants: list[PhasedVariant]) -> list[PhasedVariant]:
    """Put variants in order, without those that do not fit beside an earlier one."""
    return fits_both_haplotypes(sorted(variants, key=lambda v: (v.start, v.ref, v.alts)))
