"""The first variants of a run from a position on, for the table of its page."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from dvplug.serve import indexed_vcf
from dvplug.serve.command import FILES

MOST = 100
LONGEST = 24
"""Bases of an allele that are shown."""


class ShownSite(NamedTuple):
    """A record, as a table shows it."""

    place: str
    alleles: str
    gt: str
    gq: str
    dp: str
    filter: str


def first_sites(folder: Path, names: set[str], place: str) -> tuple[list[ShownSite], str]:
    """Return some records, and the place from which on the next ones are; empty where there are none.

    Parameters
    ----------
    folder, names
        Of the outputs of a run.
    place
        contig:position from which on; one that cannot be read is the beginning.
    """
    if FILES["vcf"] not in names:
        return [], ""
    path = folder / FILES["vcf"]
    found = list(islice(_shown(path, *_parsed(place)), MOST + 1))
    return found[:MOST], found[MOST].place if len(found) > MOST else ""


def _parsed(place: str) -> tuple[str | None, int]:
    contig, colon, position = place.strip().rpartition(":")
    digits = position.replace(",", "")
    if not colon or not digits.isascii() or not digits.isdigit() or len(digits) > 10:
        return None, 0
    return contig, max(0, int(digits) - 1)


def _shown(path: Path, contig: str | None, start: int) -> Iterator[ShownSite]:
    known = indexed_vcf.contig_names(path)
    if contig not in known:
        yield from map(_site, indexed_vcf.records(path, None, 0, None))
        return
    assert contig is not None
    for name in known[known.index(contig) :]:
        for line in indexed_vcf.records(path, name, start if name == contig else 0, None):
            site = _site(line)
            if name != contig or int(site.place.rpartition(":")[2]) > start:
                yield site


def _site(line: bytes) -> ShownSite:
    chrom, pos, _, ref, alts, _, why, _, keys, values = line.decode(errors="replace").split("\t")[:10]
    given = dict(zip(keys.split(":"), values.split(":"), strict=False))
    alleles = f"{_short(ref)} → {', '.join(map(_short, alts.split(',')))}"
    return ShownSite(
        f"{chrom}:{pos}", alleles, given.get("GT", ""), given.get("GQ", ""), given.get("DP", ""), why
    )


def _short(allele: str) -> str:
    return allele if len(allele) <= LONGEST else f"{allele[: LONGEST - 4]}… ({len(allele)})"
