"""Variants with genotypes, as a comparison needs them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from pysam import VariantFile, VariantRecord

from dvplug.errors import InputError
from dvplug.evaluate.haplotypes import TrimmedAllele
from dvplug.system.htslib import isolated_htslib
from dvplug.system.indexes import ends_by_indexes
from dvplug.system.locations import StrPath, require_file

BASES = re.compile(r"[ACGTUNRYKMSWBDHV]+")
"""An allele in letters, upper-case."""
SPANNING_DELETION = "*"
NO_GENOTYPE = "no genotype"
BEYOND = "beyond the reference"
"""Reason to leave a record aside: its contig is not in the reference, or has ended."""


def trimmed(start: int, ref: str, alt: str) -> TrimmedAllele | None:
    """Allele without the bases shared with `ref`, first from the right, then from the left; None if equal.

    Not `sequence.alleles.trim`, which leaves each allele a base, as records need.
    """
    if ref == alt:
        return None
    right = 0
    limit = min(len(ref), len(alt))
    while right < limit and ref[-1 - right] == alt[-1 - right]:
        right += 1
    left = 0
    while left < limit - right and ref[left] == alt[left]:
        left += 1
    return TrimmedAllele(start + left, start + len(ref) - right, alt[left : len(alt) - right])


class Allelic(Protocol):
    """What stands in a place of a contig and changes bases: reference bases [start, end), some of which it changes."""

    @property
    def start(self) -> int:
        """First reference base, 0-based."""

    @property
    def end(self) -> int:
        """End of the reference bases, exclusive."""

    @property
    def ref(self) -> str:
        """Reference bases, upper-case."""

    @property
    def changed_start(self) -> int:
        """First reference base that is changed."""

    @property
    def changed_end(self) -> int:
        """End of the reference bases that are changed."""


@dataclass(frozen=True)
class Variant:
    """One record with a called non-reference genotype.

    Attributes
    ----------
    start, ref
        As in the record, 0-based, upper-case.
    alleles
        The two alleles of the genotype, trimmed; None is the reference. A haploid genotype is taken as
        homozygous; the missing half of a half call and `*` are taken as the reference.
    is_snp
        Whether every called alt puts one base in the place of one, once the bases that it shares with the reference
        allele at either end are dropped: padding makes no SNP an indel.
    record
        Number of the record in its file, from 0.
    """

    start: int
    ref: str
    alleles: tuple[TrimmedAllele | None, TrimmedAllele | None]
    is_snp: bool
    record: int = 0

    @property
    def end(self) -> int:
        """End of the record's reference bases, exclusive."""
        return self.start + len(self.ref)

    @cached_property
    def changed_start(self) -> int:
        """First reference base that a called allele changes."""
        return min(allele.start for allele in self.alleles if allele)

    @cached_property
    def changed_end(self) -> int:
        """End of the reference bases that the called alleles change."""
        return max(allele.end for allele in self.alleles if allele)

    @classmethod
    def called(cls, start: int, ref: str, texts: Sequence[str], record: int = 0) -> Variant | None:
        """Variant from the called allele texts, upper-case, one or two; None when they change nothing."""
        pair = (texts[0], texts[-1])
        first, second = (None if t == SPANNING_DELETION else trimmed(start, ref, t) for t in pair)
        if first is None and second is None:
            return None
        is_snp = all(is_substitution(allele) for allele in (first, second) if allele)
        return cls(start, ref, (first, second), is_snp, record)


def is_substitution(allele: TrimmedAllele) -> bool:
    """Whether one base stands in the place of one."""
    return allele.end - allele.start == 1 == len(allele.alt)


@dataclass(frozen=True)
class Callset:
    """Variants per contig, ordered by what they change, and how many records were left aside, by reason.

    Attributes
    ----------
    no_calls
        (contig, start, end) of the records without a genotype, blocks of a gVCF among them.
    """

    path: Path
    contigs: tuple[str, ...]
    variants: dict[str, list[Variant]]
    left_aside: dict[str, int]
    no_calls: tuple[tuple[str, int, int], ...] = ()


@isolated_htslib()  # which complains of what a header does not declare
def load_callset(
    path: StrPath,
    *,
    all_filters: bool = False,
    only_contigs: Container[str] | None = None,
    lengths: Mapping[str, int] | None = None,
) -> Callset:
    """Read the variants of a one-sample VCF (plain, bgzipped or BCF).

    Records whose FILTER is neither PASS nor `.` are left aside unless `all_filters`; homozygous reference,
    missing, RefCall and symbolic ones always are, and those that begin beyond the reference, whose contigs have these
    `lengths`. Other records of other contigs than `only_contigs` are passed over.

    Raises
    ------
    InputError
        Missing or unreadable file, or not exactly one sample.
    """
    variants: dict[str, list[Variant]] = {}
    left_aside: Counter[str] = Counter()
    no_calls: list[tuple[str, int, int]] = []
    with unreadable(path), open_vcf(path) as records:
        contigs = dict.fromkeys(records.header.contigs)
        for number, record in enumerate(records):
            contigs.setdefault(record.chrom)
            if lengths is not None and record.start >= lengths.get(record.chrom, 0):
                left_aside[BEYOND] += 1
                continue
            if only_contigs is not None and record.chrom not in only_contigs:
                continue
            variant = variant_of(record, number, all_filters)
            if isinstance(variant, str):
                left_aside[variant] += 1
                if variant == NO_GENOTYPE:
                    no_calls.append((record.chrom, record.start, record.stop))
            else:
                variants.setdefault(record.chrom, []).append(variant)
    for found in variants.values():
        found.sort(key=lambda v: (v.changed_start, v.changed_end))
    return Callset(Path(path), tuple(contigs), variants, dict(left_aside), tuple(no_calls))


class LostAllele(ValueError):
    """A genotype has an allele that its record has not."""


@contextmanager
def unreadable(path: StrPath) -> Iterator[None]:
    """Raise InputError where reading a VCF fails before its end."""
    try:
        yield
    except LostAllele as error:
        raise InputError(
            f"'{path}' has a genotype without its allele",
            cause=str(error),
            repair="A tool took the allele away, as some do that lift variants to another assembly: give the file that "
            "it was made of, or lift it with another tool.",
        ) from error
    except (OSError, ValueError, IndexError) as error:  # the last: a record without its sample
        raise InputError(
            f"'{path}' cannot be read to its end",
            cause=str(error),
            repair="It is damaged, or a line is no VCF: `bcftools view` says which.",
        ) from error


def open_vcf(path: StrPath) -> VariantFile:
    """Open a VCF of one sample; raises InputError when there is none or more."""
    require_file(path, "VCF")
    ends_by_indexes(str(path))
    try:
        with isolated_htslib():  # else it would complain of a missing index on stderr
            records = VariantFile(str(path))
            samples = list(records.header.samples)
    except (ValueError, OSError, NotImplementedError) as error:  # the last: of a compression not known
        raise InputError(f"'{path}' is not a readable VCF", cause=str(error)) from error
    if len(samples) != 1:
        raise InputError(
            f"'{path}' has {len(samples)} samples, one is needed",
            cause=", ".join(samples[:5]),
            repair="Choose one with `bcftools view -s SAMPLE`" if samples else "It needs a GT column",
        )
    return records


def variant_of(record: VariantRecord, number: int, all_filters: bool) -> Variant | str:
    """The variant of a record of one sample, or the reason to leave it aside; see `load_callset`.

    Raises
    ------
    LostAllele
        Its genotype has an allele that the record has not.
    """
    filters = set(record.filter.keys()) - {"PASS", "."}
    if "RefCall" in filters:
        return "RefCall"
    if filters and not all_filters:
        return "filtered"
    genotype = record.samples[0].get("GT") or ()
    if None in genotype:
        refuse_lost_alleles(record, 0)
    ref = record.ref.upper()
    texts = [record.alleles[index].upper() for index in genotype if index is not None]
    if not texts:
        return NO_GENOTYPE
    if len(genotype) > 2:
        return "polyploid"
    if not all(text == SPANNING_DELETION or BASES.fullmatch(text) for text in texts):
        return "symbolic"
    if len(texts) < len(genotype):
        texts.append(ref)
    return Variant.called(record.start, ref, texts, number) or "no called alt"


def refuse_lost_alleles(record: VariantRecord, sample: int) -> None:
    """Raise `LostAllele` if what pysam takes for missing of a sample, by its number, has a number in the file."""
    if "GT" not in record.format:
        return
    told = str(record).rstrip("\n").split("\t")[9 + sample].split(":")[list(record.format).index("GT")]
    n_alts = len(record.alts or ())
    if any(int(index) > n_alts for index in re.findall(r"\d+", told)):
        alts = ",".join(record.alts or ".")
        raise LostAllele(f"{record.chrom}:{record.pos} has GT {told} and ALT {alts}")


class TruthSet:
    """Truth variants by contig, for repeated region queries.

    Parameters
    ----------
    variants
        Per contig, in any order.
    """

    def __init__(self, variants: Mapping[str, Iterable[Variant]]) -> None:
        self._variants = {
            contig: sorted(found, key=lambda v: (v.changed_start, v.changed_end))
            for contig, found in variants.items()
        }
        self._starts = {contig: [v.changed_start for v in found] for contig, found in self._variants.items()}
        self._longest = {
            contig: max((v.changed_end - v.changed_start for v in found), default=0)
            for contig, found in self._variants.items()
        }

    @classmethod
    def from_vcf(cls, path: StrPath, *, only_contigs: Container[str] | None = None) -> TruthSet:
        """Load the passing variants of a one-sample truth VCF; raises InputError as `load_callset` does."""
        return cls(load_callset(path, only_contigs=only_contigs).variants)

    @property
    def contigs(self) -> list[str]:
        """Contigs that have a variant."""
        return list(self._variants)

    def __len__(self) -> int:
        return sum(map(len, self._variants.values()))

    def overlapping(self, contig: str, start: int, end: int) -> Iterator[Variant]:
        """Variants that change, or insert at, a place in [start, end), in order."""
        found = self._variants.get(contig, [])
        starts = self._starts.get(contig, [])
        for at in range(bisect_left(starts, start - self._longest.get(contig, 0)), bisect_left(starts, end)):
            if max(found[at].changed_end, found[at].changed_start + 1) > start:
                yield found[at]
