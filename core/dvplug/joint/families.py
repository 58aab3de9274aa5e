"""Genotypes of families by Mendel's laws: what each knows is passed on as messages until all know it.

Persons are variables; father, mother and their children are a factor (Elston and Stewart 1971, doi:10.1159/000152448,
written as the sum-product algorithm). In a pedigree without a loop the posteriors are exact; with one (cousins who have
children) the messages go round a few times, and they are approximate.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from dvplug.joint.frequencies import genotype_prior
from dvplug.joint.likelihoods import genotype_pairs
from dvplug.sequence.arrays import Bools, Float64s

MOST_ROUNDS = 6
"""Of messages: as many as the families between the two ends of a pedigree, or more."""


class Nuclear(NamedTuple):
    """Father, mother and their children by index among the persons."""

    father: int
    mother: int
    children: tuple[int, ...]


@dataclass(frozen=True)
class Kinship:
    """Families over the samples, and behind those over parents who were not sequenced.

    Attributes
    ----------
    persons
        How many there are: samples first.
    families
        Each pair of parents once.
    parents
        Father and mother of each child.
    where
        The families of each person, by index.
    """

    persons: int
    families: tuple[Nuclear, ...]
    parents: dict[int, tuple[int, int]]
    where: dict[int, tuple[int, ...]]

    @classmethod
    def of(cls, children: dict[int, tuple[int, int]], samples: int) -> Kinship:
        """Make it of each child's father and mother; -1 is one who is unknown."""
        persons = samples
        by_pair: dict[tuple[int, int], list[int]] = {}
        for child, (father, mother) in sorted(children.items()):
            key = father, mother
            if -1 in key:
                key = (persons if father < 0 else father, persons if mother < 0 else mother)
                persons += 1
            by_pair.setdefault(key, []).append(child)
        families = tuple(Nuclear(*pair, tuple(own)) for pair, own in by_pair.items())
        where: dict[int, tuple[int, ...]] = {}
        for number, family in enumerate(families):
            for person in (family.father, family.mother, *family.children):
                where[person] = (*where.get(person, ()), number)
        return cls(persons, families, {c: (f.father, f.mother) for f in families for c in f.children}, where)

    @property
    def rounds(self) -> int:
        """How often messages go round: once where no family touches another."""
        return MOST_ROUNDS if any(len(families) > 1 for families in self.where.values()) else 1


class FamilyPosteriors(NamedTuple):
    """Of samples at a site."""

    genotypes: Float64s  # [n, g]
    new: dict[int, float]  # by child: the probability that it has a new mutation


@cache
def gametes(n_alleles: int, rate: float) -> tuple[Float64s, Float64s]:
    """Chance of each allele in a gamete of each genotype, float64[g, a]: without a mutation, and by one."""
    kept = np.zeros((len(genotype_pairs(n_alleles)), n_alleles))
    for index, pair in enumerate(genotype_pairs(n_alleles)):
        for allele in pair:
            kept[index, allele] += 0.5
    mutated = (1 - kept) * rate / (n_alleles - 1)
    return kept * (1 - rate), mutated


@cache
def transmission(n_alleles: int, rate: float, haploid: str = "") -> tuple[Float64s, Float64s]:
    """Chance of a child's genotype for its parents', float64[father g, mother g, child g]: in all, and by a mutation.

    Parameters
    ----------
    haploid
        Whose the one copy of the child is, ``mother`` or ``father``; empty where it has two.
    """
    kept, mutated = gametes(n_alleles, rate)
    any_ = kept + mutated
    g = len(kept)
    both, old = np.zeros((g, g, g)), np.zeros((g, g, g))
    for index, (a, b) in enumerate(genotype_pairs(n_alleles)):
        if haploid:
            if a != b:
                continue
            for table, of in ((both, any_), (old, kept)):
                one = of[:, a]
                table[:, :, index] = one[None, :] if haploid == "mother" else one[:, None]
            continue
        for first, second in {(a, b), (b, a)}:
            both[:, :, index] += np.outer(any_[:, first], any_[:, second])
            old[:, :, index] += np.outer(kept[:, first], kept[:, second])
    return both, both - old


class _Site(NamedTuple):
    """What messages are made of."""

    evidence: Float64s  # [persons, g], with the prior of founders
    tables: dict[int, tuple[Float64s, Float64s]]  # by child


def family_posteriors(
    kinship: Kinship, likelihoods: Float64s, known: Bools, haploid: Bools, frequencies: Float64s, rate: float
) -> FamilyPosteriors:
    """Return each sample's genotype probabilities, and children's of a new mutation.

    Parameters
    ----------
    likelihoods, known, haploid
        float64[n, g] as `scaled` gives them, and bool[n], by sample.
    frequencies
        float64[a] of alleles, for those whose parents are unknown.
    rate
        Of new mutations, see `dvplug.joint.DE_NOVO_RATE`.
    """
    n, g = likelihoods.shape
    evidence = np.ones((kinship.persons, g))
    evidence[:n] = likelihoods
    one, two = genotype_prior(frequencies, haploid=True), genotype_prior(frequencies, haploid=False)
    for person in range(kinship.persons):
        if person not in kinship.parents:
            evidence[person] *= one if person < n and haploid[person] else two
    tables = {
        child: transmission(len(frequencies), rate, _origin(child, parents, known, haploid))
        for child, parents in kinship.parents.items()
    }
    site = _Site(evidence, tables)
    messages: dict[tuple[int, int], Float64s] = {}
    for _ in range(kinship.rounds):
        for number, family in enumerate(kinship.families):
            messages |= _sent(kinship, site, messages, number, family)
    beliefs = np.array([_belief(kinship, site, messages, person) for person in range(n)])
    return FamilyPosteriors(beliefs, _new(kinship, site, messages))


def _origin(child: int, parents: tuple[int, int], known: Bools, haploid: Bools) -> str:
    """Whose copy a child with one has: the mother's, but on Y, where the father has one and she none."""
    if not haploid[child]:
        return ""
    father, mother = parents
    of_father = father < len(known) and known[father] and haploid[father]
    has_mother = mother < len(known) and known[mother]
    return "father" if of_father and not has_mother else "mother"


def _belief(
    kinship: Kinship,
    site: _Site,
    messages: dict[tuple[int, int], Float64s],
    person: int,
    without: int = -1,
) -> Float64s:
    """What a person knows by itself and from all families but one, float64[g], of sum 1."""
    belief = site.evidence[person].copy()
    for number in kinship.where.get(person, ()):
        if number != without:
            belief *= messages.get((number, person), 1.0)
    return belief / max(belief.sum(), 1e-300)


def _sent(
    kinship: Kinship, site: _Site, messages: dict[tuple[int, int], Float64s], number: int, family: Nuclear
) -> dict[tuple[int, int], Float64s]:
    """The messages of a family to its members."""
    father, mother, *children = (
        _belief(kinship, site, messages, person, number)
        for person in (family.father, family.mother, *family.children)
    )
    upward = [site.tables[c][0] @ own for c, own in zip(family.children, children, strict=True)]
    both = np.outer(father, mother)
    sent = {}
    for which, child in enumerate(family.children):
        others = np.prod(
            [each for i, each in enumerate(upward) if i != which] or [np.ones_like(both)], axis=0
        )
        sent[number, child] = _to_one(np.einsum("fm,fmc->c", both * others, site.tables[child][0]))
    of_children = np.prod(upward, axis=0)
    sent[number, family.father] = _to_one(of_children @ mother)
    sent[number, family.mother] = _to_one(father @ of_children)
    return sent


def _new(kinship: Kinship, site: _Site, messages: dict[tuple[int, int], Float64s]) -> dict[int, float]:
    """Each child's probability that a gamete of its parents mutated."""
    found = {}
    for number, family in enumerate(kinship.families):
        father, mother, *children = (
            _belief(kinship, site, messages, person, number)
            for person in (family.father, family.mother, *family.children)
        )
        for which, child in enumerate(family.children):
            weight = np.outer(father, mother)
            for other, own in zip(family.children, children, strict=True):
                if other != child:
                    weight = weight * (site.tables[other][0] @ own)
            total, mutated = (np.einsum("fm,fmc,c->", weight, t, children[which]) for t in site.tables[child])
            found[child] = float(mutated / max(total, 1e-300))
    return found


def _to_one(message: Float64s) -> Float64s:
    return np.asarray(message / max(message.max(), 1e-300))
