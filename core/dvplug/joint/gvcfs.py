"""What one gVCF says of a region: records, and blocks as arrays. Files of dvplug, DeepVariant and GATK are read."""

from __future__ import annotations

import math
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pysam

from dvplug.errors import InputError
from dvplug.line.region import Region
from dvplug.sequence.arrays import Bools, Int32s
from dvplug.system.htslib import isolated_htslib
from dvplug.system.indexes import indexes_of

SYMBOLS = ("<*>", "<NON_REF>")
"""Alleles that stand for all that are not listed: of dvplug, DeepVariant and bcftools, and of GATK."""
OPEN_FILES = 128
"""gVCFs that a process keeps open, with their indexes, or half as many as it may have open; others are opened again for
each region."""
MISSING = -1
UNSEEN_Q = 10 * math.log10(2)
"""phred per read that none of them shows one of the two alleles."""
MOST_AGAINST_Q = 3
"""Most by which a block of one base speaks for the allele of another sample: it does not say which it saw."""
DOUBTFUL_Q = 3
"""Most by which a block prefers the reference if some base of it prefers another allele."""


MOST_PHRED = 10_000_000
"""Higher likelihoods are taken for this: some hundreds of them can be added up."""


_NO_NUMBER = 1 << 31  # from here on VCF has none


class SampleBlocks(NamedTuple):
    """Reference blocks of one sample, by position."""

    start: Int32s  # [b], 0-based
    end: Int32s  # [b], exclusive
    dp: Int32s  # [b], least depth
    pl: Int32s  # [b, 3], phred of no, one and two copies of what is not the reference
    haploid: Bools  # [b]


class SampleRecord(NamedTuple):
    """A record with alts.

    Attributes
    ----------
    start, ref, alts
        0-based; alts as they are written, with ``*`` and the symbol for those that are not listed.
    dp
        Reads; `MISSING` where the file does not say.
    ad
        Reads of each allele; empty where the file does not say.
    pl
        phred likelihoods, in VCF order of one or two copies; empty where nothing is known.
    phase
        Of a phased heterozygote its alleles, first that before the bar; else empty.
    phase_set
        Its PS as it is written; ``.`` without one.
    """

    start: int
    ref: str
    alts: tuple[str, ...]
    dp: int
    ad: tuple[int, ...]
    pl: tuple[int, ...]
    phase: tuple[int, ...] = ()
    phase_set: str = "."

    @property
    def haploid(self) -> bool:
        """Whether PL is of one copy."""
        return len(self.pl) == len(self.alts) + 1

    @property
    def end(self) -> int:
        """Where its reference bases end, exclusive."""
        return self.start + len(self.ref)


def index_of(path: str) -> Path | None:
    """The index beside a gVCF."""
    return next(iter(indexes_of(path)), None)


class GvcfFiles:
    """The samples' files, of which a bounded number is open."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = list(paths)
        self._most = max(1, min(OPEN_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2))
        self._open: dict[int, tuple[pysam.TabixFile, frozenset[str]]] = {}

    @isolated_htslib()
    def read(self, sample: int, region: Region) -> tuple[list[SampleRecord], SampleBlocks]:
        """Return records and blocks that overlap the region; raises InputError of a damaged file."""
        path = self._paths[sample]
        try:
            file, contigs = self._file(sample)
            lines = list(file.fetch(*region)) if region.contig in contigs else []
            if sample not in self._open:
                file.close()
            return parsed(lines)
        except (OSError, ValueError, IndexError, OverflowError) as error:
            raise InputError(
                f"gVCF {path} cannot be read at {region}",
                cause=str(error) or type(error).__name__,
                repair="Check it with `bcftools view`, and index it again: `bcftools index -t`.",
            ) from error

    def _file(self, sample: int) -> tuple[pysam.TabixFile, frozenset[str]]:
        if sample in self._open:
            return self._open[sample]
        path = self._paths[sample]
        file = pysam.TabixFile(path, index=str(index_of(path)))
        found = file, frozenset(file.contigs)
        if len(self._open) < self._most:
            self._open[sample] = found
        return found


def parsed(lines: Sequence[str]) -> tuple[list[SampleRecord], SampleBlocks]:
    """Read lines of a gVCF of one sample; raises ValueError where one is none."""
    records: list[SampleRecord] = []
    spans: list[tuple[int, int, int, bool]] = []
    likelihoods: list[tuple[int, ...]] = []
    fields: dict[str, dict[str, int]] = {}
    for line in lines:
        _, pos, _, ref, alt, _, _, info, names, sample = line.split("\t")
        at = fields.get(names) or fields.setdefault(names, {n: i for i, n in enumerate(names.split(":"))})
        values = sample.split(":")
        if alt in SYMBOLS or alt == ".":
            start = int(pos) - 1
            end = _end(info, start + len(ref))
            dp, pl, haploid = _of_block(values, at)
            spans.append((start, end, dp, haploid))
            likelihoods.append(_of_others(pl, dp, end - start))
        else:
            records.append(_record(int(pos) - 1, ref.upper(), alt, values, at))
    columns = np.array(spans, np.int32).reshape(-1, 4)
    start, end, dps, haploids = columns.T
    pls = np.array(likelihoods, np.int32).reshape(-1, 3)
    return records, SampleBlocks(start, end, dps, pls, haploids.astype(np.bool_))


def _value(values: Sequence[str], at: dict[str, int], *names: str) -> str:
    """The first of these fields that is there and not missing, or nothing."""
    for name in names:
        where = at.get(name, len(values))
        if where < len(values) and values[where] not in (".", ""):
            return values[where]
    return ""


def _end(info: str, otherwise: int) -> int:
    if info.startswith("END="):
        return int(info[4:].split(";", 1)[0])
    for item in info.split(";"):
        if item.startswith("END="):
            return int(item[4:])
    return otherwise


def _depth(text: str, otherwise: int) -> int:
    """A number of reads as a file has it, if it does; raises ValueError where it is none."""
    if text in ("", "."):
        return otherwise
    depth = int(text)
    if not 0 <= depth < _NO_NUMBER:
        raise ValueError(f"a depth of {text}")
    return depth


def _certainty(values: Sequence[str], at: dict[str, int]) -> int:
    """GQ, 0 where there is none; raises ValueError or OverflowError where it is no number."""
    (gq,) = _phreds([str(max(int(float(_value(values, at, "GQ") or 0)), 0))])
    return gq


def _phreds(told: Sequence[str]) -> tuple[int, ...]:
    """Likelihoods as a file has them; raises ValueError where one is none."""
    numbers = tuple(map(int, told))
    if min(numbers) < 0 or max(numbers) >= _NO_NUMBER:
        raise ValueError(f"PL or GQ of {','.join(told)}")
    return tuple(min(each, MOST_PHRED) for each in numbers)


def _of_block(values: Sequence[str], at: dict[str, int]) -> tuple[int, tuple[int, ...], bool]:
    """Least depth, three likelihoods, and whether there is one copy; all likelihoods 0 where nothing is known."""
    dp = _depth(_value(values, at, "MIN_DP", "DP"), MISSING)
    genotype = values[at["GT"]] if "GT" in at else "0/0"
    haploid = len(genotype) == 1
    told = _value(values, at, "PL")
    pl = _phreds(told.split(",")) if told and "." not in told.split(",") else ()
    if len(pl) == 2 or (haploid and len(pl) == 3):
        pl, haploid = (pl[0], pl[-1], pl[-1]), True
    if len(pl) == 3:
        return dp, pl, haploid
    gq = _certainty(values, at) if genotype[0] == "0" else 0
    return dp, (0, gq, gq), haploid


def _of_others(pl: tuple[int, ...], dp: int, bases: int) -> tuple[int, ...]:
    """Likelihoods of a block for what another sample has at one of its bases.

    A block has those of its least sure base. Where reads of that base speak against the reference, those of others need
    not: what is certain is that they do not say much. Where it is the only base, they may speak for anything.
    """
    if pl[0] == 0 or dp == 0:
        return pl
    if bases == 1:
        return min(pl[0], MOST_AGAINST_Q), *pl[1:]
    het = min(round(UNSEEN_Q * max(dp, 1)), DOUBTFUL_Q)
    return 0, het, 10 * het


def _record(start: int, ref: str, alt: str, values: Sequence[str], at: dict[str, int]) -> SampleRecord:
    alts = tuple(each if each[0] in "<*" else each.upper() for each in alt.split(","))
    n = len(alts) + 1
    told = _value(values, at, "AD").split(",")
    ad = tuple(_depth(each, 0) for each in told) if len(told) == n else ()
    dp = _depth(_value(values, at, "DP", "MIN_DP"), sum(ad) if ad else MISSING)
    called = _value(values, at, "GT").replace("|", "/").split("/")
    if len(called) > 2 or any(int(each) >= n for each in called if each not in (".", "")):
        raise ValueError(f"GT of position {start + 1} is {'/'.join(called)}, of {n} alleles")
    told = _value(values, at, "PL").split(",")
    phased = _phase(values, at)
    if told == [""] or "." in told:
        return SampleRecord(start, ref, alts, dp, ad, _by_genotype(values, at, n), *phased)
    if len(told) not in (n, n * (n + 1) // 2):
        raise ValueError(f"PL of position {start + 1} has {len(told)} values for {n} alleles")
    return SampleRecord(start, ref, alts, dp, ad, _phreds(told), *phased)


def _phase(values: Sequence[str], at: dict[str, int]) -> tuple[tuple[int, ...], str]:
    """Alleles of a phased heterozygote, and its block."""
    called = _value(values, at, "GT").split("|")
    if len(called) != 2 or called[0] == called[1] or not all(each.isdigit() for each in called):
        return (), "."
    return tuple(map(int, called)), _value(values, at, "PS") or "."


def _by_genotype(values: Sequence[str], at: dict[str, int], n: int) -> tuple[int, ...]:
    """Likelihoods where a file has none: the genotype's is 0, all others have GQ."""
    called = _value(values, at, "GT").replace("|", "/").split("/")
    if not all(each.isdigit() for each in called) or len(called) > 2:
        return ()
    gq = _certainty(values, at)
    copies = sorted(map(int, called))
    which = copies[0] if len(copies) == 1 else copies[1] * (copies[1] + 1) // 2 + copies[0]
    size = n if len(copies) == 1 else n * (n + 1) // 2
    return tuple(0 if each == which else gq for each in range(size))
