"""The twin of `family_posteriors` in `dvplug.joint.families`, and of its frequencies: all genotypes enumerated."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

Genotype = tuple[int, int]


def genotypes_of(n: int) -> list[Genotype]:
    """Genotypes of n alleles in VCF order."""
    return [(a, b) for b in range(n) for a in range(b + 1)]


def hardy_weinberg(genotype: Genotype, frequencies: Sequence[float]) -> float:
    """Prior of a genotype of two copies."""
    a, b = genotype
    return frequencies[a] * frequencies[b] * (1 if a == b else 2)


def expected_frequencies(
    likelihoods: Sequence[Sequence[float]],
    haploid: Sequence[bool],
    frequencies: Sequence[float],
    pseudo: float,
) -> list[float]:
    """One round of expectation and maximisation from these frequencies."""
    n = len(frequencies)
    counts = [pseudo] * n
    for own, one_copy in zip(likelihoods, haploid, strict=True):
        weights = []
        for genotype, likelihood in zip(genotypes_of(n), own, strict=True):
            if one_copy:
                prior = frequencies[genotype[0]] if genotype[0] == genotype[1] else 0.0
            else:
                prior = hardy_weinberg(genotype, frequencies)
            weights.append(prior * likelihood)
        for genotype, weight in zip(genotypes_of(n), weights, strict=True):
            for allele in set(genotype):
                copies = 1 if one_copy else genotype.count(allele)
                counts[allele] += copies * weight / sum(weights)
    return [count / sum(counts) for count in counts]


def family(
    likelihoods: Sequence[Sequence[float]],
    parents: dict[int, tuple[int, int]],
    frequencies: Sequence[float],
    rate: float,
) -> tuple[list[list[float]], dict[int, float]]:
    """Posteriors of all persons, and of each child that one of its two gametes mutated.

    A gamete takes one of the parent's two alleles, and with ``rate`` it becomes another, all others alike.
    """
    n = len(frequencies)
    possible = genotypes_of(n)
    total = 0.0
    sums = [[0.0] * len(possible) for _ in likelihoods]
    mutated = dict.fromkeys(parents, 0.0)
    for chosen in product(range(len(possible)), repeat=len(likelihoods)):
        weight, old = 1.0, {}
        for person, index in enumerate(chosen):
            weight *= likelihoods[person][index]
            if person not in parents:
                weight *= hardy_weinberg(possible[index], frequencies)
                continue
            whole = plain = 0.0
            for first, second in product(*(possible[chosen[parent]] for parent in parents[person])):
                for one, other in product(range(n), repeat=2):
                    if tuple(sorted((one, other))) != possible[index]:
                        continue
                    ways = 0.25
                    for taken, given in ((first, one), (second, other)):
                        ways *= 1 - rate if taken == given else rate / (n - 1)
                    whole += ways
                    # Unless both alleles came as they were.
                    plain += ways if (first, second) == (one, other) else 0.0
            weight *= whole
            old[person] = plain / whole if whole else 0.0
        total += weight
        for person, index in enumerate(chosen):
            sums[person][index] += weight
        for child, share in old.items():
            mutated[child] += weight * (1 - share)
    return (
        [[each / total for each in own] for own in sums],
        {child: weight / total for child, weight in mutated.items()},
    )
