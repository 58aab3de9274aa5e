"""How samples are related by their genotypes, beside what the sheet says.

The estimate is KING-robust, for samples of whatever populations (Manichaikul et al. 2010, Bioinformatics 26:2867,
equation 11; plink2's --make-king-table prints the same). With N of SNPs at which both have a genotype, of samples i and
j, of which i has fewer heterozygotes:

    kinship = (N[both het] - 2 N[homozygous for different alleles]) / (2 N[het in i])
              + 1/2 - (N[het in i] + N[het in j]) / (4 N[het in i])

It is 1/2 of a sample with itself, 1/4 of parent and child and of siblings, 1/8 in the second degree, and 0, or below
where populations differ, of those who are not related.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Genotypes = npt.NDArray[np.int8]
"""[samples, SNPs]: copies of the alternate allele; `NO_CALL` where it is not known."""
NO_CALL = -1
DEGREES = ("same", "first degree", "second degree", "third degree", "unrelated")
_LOWEST = (2**-1.5, 2**-2.5, 2**-3.5, 2**-4.5)
"""Of kinship in the first four: geometric means of what is expected of neighbours, as KING has them."""
FEWEST_HET = 100
"""Heterozygotes of the sample that has fewer, below which nothing is said: the estimate's SD is about 0.05 then."""


class Relation(NamedTuple):
    """Two samples.

    Attributes
    ----------
    snps
        At which both have a genotype.
    ibs0
        Share of them at which they have no allele in common.
    kinship
        None where there are too few heterozygotes to tell.
    expected
        Kinship by the sheet.
    """

    one: str
    other: str
    snps: int
    ibs0: float
    kinship: float | None
    expected: float

    @property
    def degree(self) -> str:
        """By the genotypes; empty where they cannot tell."""
        return "" if self.kinship is None else degree_of(self.kinship)

    @property
    def is_as_expected(self) -> bool:
        """Whether genotypes and sheet agree; from the third degree on they are not told apart."""
        if self.kinship is None:
            return True
        found, wanted = DEGREES.index(self.degree), DEGREES.index(degree_of(self.expected))
        return found == wanted or min(found, wanted) >= DEGREES.index("third degree")


def degree_of(kinship: float) -> str:
    """Say what a kinship is."""
    return next((name for name, least in zip(DEGREES, _LOWEST, strict=False) if kinship > least), DEGREES[-1])


def relations(
    names: Sequence[str], genotypes: Genotypes, expected: Mapping[tuple[str, str], float]
) -> list[Relation]:
    """Return all pairs, in the order of the names.

    Parameters
    ----------
    expected
        Kinship by the sheet, of pairs in the order of the names; those that are not there are not related.
    """
    counts = PairCounts.of(genotypes)
    found = []
    for i, j in combinations(range(len(names)), 2):
        snps, different = int(counts.both[i, j]), int(counts.different[i, j])
        pair = names[i], names[j]
        found.append(
            Relation(
                *pair, snps, different / snps if snps else 0.0, counts.kinship(i, j), expected.get(pair, 0.0)
            )
        )
    return found


@dataclass(frozen=True)
class PairCounts:
    """Of each pair of samples, at SNPs at which both have a genotype: int64[samples, samples] all."""

    both: npt.NDArray[np.int64]
    het: npt.NDArray[np.int64]  # of the first of the pair
    both_het: npt.NDArray[np.int64]
    different: npt.NDArray[np.int64]  # homozygous for different alleles

    @classmethod
    def of(cls, genotypes: Genotypes) -> PairCounts:
        """Count all pairs at once."""
        known, none, one, two = (
            (genotypes >= 0).astype(np.float32), *((genotypes == n).astype(np.float32) for n in range(3))
        )  # fmt: skip
        apart = none @ two.T
        return cls(
            *(
                np.rint(x).astype(np.int64)
                for x in (known @ known.T, one @ known.T, one @ one.T, apart + apart.T)
            )
        )

    def kinship(self, i: int, j: int) -> float | None:
        """Of a pair; None where there are too few heterozygotes."""
        fewer, more = sorted((int(self.het[i, j]), int(self.het[j, i])))
        if fewer < FEWEST_HET:
            return None
        shared = int(self.both_het[i, j]) - 2 * int(self.different[i, j])
        return shared / (2 * fewer) + 0.5 - (fewer + more) / (4 * fewer)


def expected_kinship(
    names: Sequence[str], parents: Mapping[str, tuple[str, str]]
) -> dict[tuple[str, str], float]:
    """Return the kinship of all related pairs by a pedigree, in the order of the names.

    That of two persons is the mean of that of the one with the parents of the other, who must not be an ancestor of
    the one; of a person with itself half of 1 plus that of its parents (Lange, Mathematical and Statistical Methods for
    Genetic Analysis, chapter 5). Unknown parents are related to nobody.

    Parameters
    ----------
    parents
        Father and mother by child, without circles; an unknown one is empty.
    """

    @cache
    def depth(name: str) -> int:
        return 1 + max((depth(parent) for parent in parents.get(name, ()) if parent), default=0)

    @cache
    def kinship(one: str, other: str) -> float:
        if not one or not other:
            return 0.0
        father, mother = parents.get(one, ("", ""))
        if one == other:
            return (1 + kinship(father, mother)) / 2
        if depth(one) < depth(other):
            return kinship(other, one)
        return (kinship(father, other) + kinship(mother, other)) / 2 if father or mother else 0.0

    related = [
        name for name in names if any(parents.get(name, ())) or any(name in p for p in parents.values())
    ]
    pairs = combinations(related, 2)
    return {pair: found for pair in pairs if (found := kinship(*pair))}
