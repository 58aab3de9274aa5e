"""The alleles of all samples united: each variant has one place and one form, and those of one place are one site.

Sites whose reference bases overlap make a cluster: whether ``*`` is an allele of a site depends on the sites before it
in its cluster, and on nothing else. A cluster belongs to the region in which it begins, wherever the genome was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dvplug.joint.gvcfs import SYMBOLS, SampleRecord
from dvplug.line.region import Region
from dvplug.sequence.alleles import normalised

SPANNING = "*"
MOST_SHIFT = 200
"""bp by which an indel of a file may be moved to the left."""
SUPPORT_Q = 10
"""An allele takes part if some sample has a genotype with it that is at most so much less likely, in phred, than the
best without it."""
MAX_ALTS = 8
"""Alts of a site; of more the best supported are kept. Genotypes of families grow with the third power."""


class UnitedAllele(NamedTuple):
    """A variant, minimal and as far to the left as it goes."""

    start: int
    ref: str
    alt: str

    @property
    def end(self) -> int:
        """Where its reference bases end, exclusive."""
        return self.start + len(self.ref)

    @property
    def first_deleted(self) -> int:
        """The first reference base that it lacks; `end` where it lacks none."""
        return self.start + len(self.alt) if self.ref.startswith(self.alt) else self.end


@dataclass(frozen=True)
class OwnRecord:
    """A record of a sample, and what its alleles are.

    Attributes
    ----------
    alleles
        Of each alt: an `UnitedAllele`; ``*``; or None for the symbol and what cannot be read.
    """

    record: SampleRecord
    alleles: tuple[UnitedAllele | str | None, ...]


@dataclass(frozen=True)
class UnitedSite:
    """One place: its reference bases and its alts, minimal but for the bases that the longest REF needs."""

    start: int
    alleles: tuple[UnitedAllele, ...]

    @property
    def end(self) -> int:
        """Where its reference bases end, exclusive."""
        return max(allele.end for allele in self.alleles)


class Normaliser:
    """Normalises alleles of one stretch of the reference, each of them once."""

    def __init__(self, bases: str, offset: int) -> None:
        self._bases, self._offset = bases, offset
        self._known: dict[tuple[int, str, str], UnitedAllele | None] = {}

    def own(self, record: SampleRecord) -> OwnRecord:
        """Find what a record's alleles are."""
        return OwnRecord(record, tuple(self._allele(record.start, record.ref, alt) for alt in record.alts))

    def reference_of(self, record: SampleRecord) -> str | None:
        """The reference bases where a record has others as its REF, as far as both are known; else None."""
        at = max(record.start, self._offset)
        ref = record.ref[at - record.start :]
        here = self._bases[at - self._offset : at - self._offset + len(ref)]
        differ = here != ref and any(
            one != other for one, other in zip(ref, here, strict=False) if one in "ACGT" and other in "ACGT"
        )
        return here if differ else None

    def _allele(self, start: int, ref: str, alt: str) -> UnitedAllele | str | None:
        if alt == SPANNING:
            return SPANNING
        key = start, ref, alt
        if key not in self._known:
            readable = alt not in SYMBOLS and alt.isalpha() and alt != ref
            self._known[key] = (
                UnitedAllele(*normalised(start, ref, alt, self._bases, self._offset, MOST_SHIFT))
                if readable
                else None
            )
        return self._known[key]


def supported(records: Iterable[OwnRecord]) -> dict[UnitedAllele, int]:
    """Return the alleles that take part, with the least phred by which a sample prefers a genotype without them."""
    found: dict[UnitedAllele, int] = {}
    for own in records:
        pl, haploid = own.record.pl, own.record.haploid
        if not pl or own.record.dp == 0 or not any(pl):
            continue
        for number, allele in enumerate(own.alleles, 1):
            if not isinstance(allele, UnitedAllele):
                continue
            having = _with_allele(number, len(own.alleles) + 1, haploid)
            best_with = min(pl[i] for i in having)
            best_without = min((q for i, q in enumerate(pl) if i not in having), default=0)
            less = best_with - best_without
            if less <= SUPPORT_Q and less < found.get(allele, SUPPORT_Q + 1):
                found[allele] = less
    return found


_HAVING: dict[tuple[int, int, bool], frozenset[int]] = {}


def _with_allele(number: int, n: int, haploid: bool) -> frozenset[int]:
    """Indexes of the genotypes that have this allele, of n."""
    key = number, n, haploid
    if key not in _HAVING:
        pairs = [(a, a) for a in range(n)] if haploid else [(a, b) for b in range(n) for a in range(b + 1)]
        _HAVING[key] = frozenset(i for i, pair in enumerate(pairs) if number in pair)
    return _HAVING[key]


def clusters_of(support: Mapping[UnitedAllele, int], region: Region) -> list[list[UnitedSite]]:
    """Return the clusters that begin in the region, each as its sites in order.

    Parameters
    ----------
    support
        The alleles that take part, of all that overlap the region or lie behind it as far as its last cluster goes.
    """
    at: dict[int, list[UnitedAllele]] = {}
    for allele in sorted(support):
        at.setdefault(allele.start, []).append(allele)
    found: list[list[UnitedSite]] = []
    end, mine = 0, False
    for start in sorted(at):
        # What crosses the first base of the region from the left has begun before it.
        site = UnitedSite(start, _most_supported(at[start], support))
        if start >= end:
            mine = region.start <= start < region.end
            if start >= region.end:
                break
            if mine:
                found.append([])
        if mine:
            found[-1].append(site)
        end = max(
            end, *(allele.end for allele in at[start])
        )  # of all: which are kept, not every region can tell
    return found


def _most_supported(
    alleles: Sequence[UnitedAllele], support: Mapping[UnitedAllele, int]
) -> tuple[UnitedAllele, ...]:
    best = sorted(alleles, key=lambda allele: (support[allele], allele))[:MAX_ALTS]
    return tuple(sorted(best))
