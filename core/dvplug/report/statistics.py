"""Statistics of a VCF of one sample, read once, line by line, as text: about 7 us per record."""

from __future__ import annotations

import gzip
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from dvplug.errors import InputError
from dvplug.evaluate.variants import trimmed
from dvplug.system.locations import StrPath

SNP, INSERTION, DELETION, OTHER = TYPES = ("SNP", "insertion", "deletion", "other")
HET, HET_ALTS, HOM_ALT, HAPLOID, HOM_REF, NO_GENOTYPE = GENOTYPES = (
    "het 0/1", "het 1/2", "hom 1/1", "haploid", "ref 0/0", "none",
)  # fmt: skip
TRANSITIONS = frozenset(("A>G", "G>A", "C>T", "T>C"))
MOST = 100
"""GQ and QUAL from here on are counted together."""
MOST_READS = 10_000_000
VAF_BINS = 50
_GZIP = b"\x1f\x8b"


class Kind(NamedTuple):
    """What a record's alleles and genotype amount to.

    Attributes
    ----------
    type
        Of `TYPES`, of the called alts, or of all alts of a record without any.
    genotype
        Of `GENOTYPES`.
    called
        1-based numbers of the alts that were called.
    substitutions
        Such as ``A>G``, of the called alts.
    lengths
        Inserted (positive) or deleted bases, of the called alts.
    """

    type: str
    genotype: str
    called: tuple[int, ...]
    substitutions: tuple[str, ...]
    lengths: tuple[int, ...]


@dataclass
class CallStatistics:
    """Counts of records by FILTER and other keys; every key begins with the FILTER.

    Attributes
    ----------
    header
        The ## lines.
    records
        By FILTER, type, genotype and contig.
    gq, qual, depth
        By FILTER, type and value; QUAL rounded down, both it and GQ at most `MOST`.
    vaf
        By FILTER, genotype and bin of `VAF_BINS`, of each called alt, or of all alts where none was called.
    substitutions, lengths
        Of called alts; lengths by FILTER, genotype and length.
    without_spelt_alt
        Records that are not counted, as no alternate allele is spelt out: blocks of a gVCF, ``<DEL>``, ``*``.
    """

    sample: str = ""
    header: list[str] = field(default_factory=list)
    records: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    gq: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    qual: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    depth: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    vaf: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    substitutions: Counter[tuple[str, str]] = field(default_factory=Counter)
    lengths: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    without_spelt_alt: int = 0

    @property
    def filters(self) -> list[str]:
        """FILTER values of the records, PASS first."""
        return sorted({key[0] for key in self.records}, key=lambda name: (name not in ("PASS", "."), name))

    @property
    def contigs(self) -> list[str]:
        """Contigs that have records, in order."""
        return list(dict.fromkeys(key[3] for key in self.records))

    def add(self, line: str) -> None:
        """Count one record."""
        contig, _, _, ref, alts, qual, filter_, _, keys, values = line.rstrip("\n").split("\t")
        found = dict(zip(_keys(keys), values.split(":"), strict=False))
        kind = classify(ref.upper(), alts.upper(), found.get("GT", "."))
        if kind is None:
            self.without_spelt_alt += 1
            return
        self.records[filter_, kind.type, kind.genotype, contig] += 1
        for name, counter, text, most in (
            ("QUAL", self.qual, qual, MOST),
            ("GQ", self.gq, found.get("GQ", "."), MOST),
            ("DP", self.depth, found.get("DP", "."), MOST_READS),
        ):
            if (number := _whole(name, text, most)) is not None:
                counter[filter_, kind.type, number] += 1
        fractions = found.get("VAF", ".").split(",")
        for alt in kind.called or range(1, len(fractions) + 1):
            if alt <= len(fractions):
                bin_ = _whole("VAF", fractions[alt - 1], VAF_BINS - 1, VAF_BINS)
                if bin_ is not None:
                    self.vaf[filter_, kind.genotype, bin_] += 1
        for substitution in kind.substitutions:
            self.substitutions[filter_, substitution] += 1
        for length in kind.lengths:
            self.lengths[filter_, kind.genotype, length] += 1


def _whole(name: str, text: str, most: int, times: int = 1) -> int | None:
    """A number of a record, so many times, as a whole one up to ``most``; None where it is missing, or NaN."""
    if text == "." or math.isnan(number := float(text)):
        return None
    if number < 0:
        raise ValueError(f"{name} is {text}")
    return int(min(number * times, most))


def read_statistics(vcf: StrPath) -> CallStatistics:
    """Count the records of a VCF of one sample, plain or compressed.

    Raises
    ------
    InputError
        The file is missing, damaged, not a VCF, or not of one sample.
    """
    path, statistics, records = Path(vcf), CallStatistics(), 0
    try:
        for line in _lines(path):
            if not line.startswith("#"):
                _require_header(path, statistics)
                records += 1
                statistics.add(line)
            elif line.startswith("##"):
                statistics.header.append(line.rstrip("\n"))
            else:
                statistics.sample = _sample(path, line)
        _require_header(path, statistics)
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise InputError(
            f"VCF {path} cannot be read", cause=str(error), repair="Check the path, or make the file again."
        ) from error
    except ValueError as error:
        raise InputError(
            f"Record {records:,} of {path} is not one of a VCF of one sample",
            cause=str(error),
            repair="Make the file again.",
        ) from error
    return statistics


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP
    text = {"encoding": "utf-8", "errors": "backslashreplace"}  # VCF 4.2 says nothing of encodings
    with gzip.open(path, "rt", **text) if compressed else path.open(**text) as lines:  # type: ignore[call-overload]
        yield from lines


def _sample(path: Path, line: str) -> str:
    samples = line.rstrip("\n").split("\t")[9:]
    if len(samples) != 1:
        raise InputError(
            f"VCF {path} has {len(samples)} samples, one is needed",
            cause=", ".join(samples[:5]),
            repair="Choose one with `bcftools view -s SAMPLE`" if samples else "It needs a GT column",
        )
    return samples[0]


def _require_header(path: Path, statistics: CallStatistics) -> None:
    if not statistics.sample:
        raise InputError(
            f"{path} is not a VCF", cause="it has no line #CHROM", repair="Name a .vcf or .vcf.gz."
        )


@cache
def _keys(text: str) -> tuple[str, ...]:
    return tuple(text.split(":"))


@lru_cache(maxsize=2**16)
def classify(ref: str, alts: str, genotype: str) -> Kind | None:
    """Say what a record is; None if it has no alternate allele that is spelt out.

    Parameters
    ----------
    ref, alts
        As in the VCF, upper-case.
    genotype
        GT as in the VCF.
    """
    alleles = alts.split(",")
    spelt = {k for k, alt in enumerate(alleles, 1) if alt.isalpha()}
    if not spelt:
        return None
    numbers = [int(n) for n in genotype.replace("|", "/").split("/") if n != "."]
    called = tuple(sorted(set(numbers) & spelt))
    changes = [trimmed(0, ref, alleles[k - 1]) for k in called or sorted(spelt)]
    types, substitutions, lengths = set(), [], []
    for change in changes:
        if change is None:
            continue
        removed, added = ref[change.start : change.end], change.alt
        types.add(_type(len(removed), len(added)))
        if len(removed) == 1 == len(added):
            substitutions.append(f"{removed}>{added}")
        elif len(removed) != len(added):
            lengths.append(len(added) - len(removed))
    type_ = types.pop() if len(types) == 1 else OTHER
    if not called:
        substitutions, lengths = [], []
    return Kind(type_, _genotype(numbers), called, tuple(substitutions), tuple(lengths))


def _type(removed: int, added: int) -> str:
    if removed == 1 == added:
        return SNP
    if removed == 0:
        return INSERTION
    return DELETION if added == 0 else OTHER


def _genotype(numbers: Iterable[int]) -> str:
    alleles = list(numbers)
    if not alleles:
        return NO_GENOTYPE
    if not any(alleles):
        return HOM_REF
    if len(alleles) == 1:
        return HAPLOID
    if len(set(alleles)) == 1:
        return HOM_ALT
    return HET if 0 in alleles else HET_ALTS
