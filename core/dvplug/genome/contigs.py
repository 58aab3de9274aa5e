"""Contig names and intervals that a user gives, checked against those of the reference."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from dvplug.errors import InputError, near_misses
from dvplug.line.region import Region
from dvplug_registry.safe_text import visible

# VCF 4.3, section 1.4.7, as SAM, section 1.2.1: no blanks, commas, quotes or brackets, which end a name in a header.
_NAME = re.compile(r"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")


def contig_hint(name: str, known: Iterable[str]) -> str:
    """Say which known contig was probably meant: first another naming style (chr1/1, chrM/MT)."""
    known = list(known)
    bare = name.removeprefix("chr")
    aliases = [bare, f"chr{bare}", *(("MT", "chrM", "M") if bare in ("M", "MT") else ())]
    for alias in aliases:
        if alias != name and alias in known:
            return f"Did you mean '{alias}'?"
    return near_misses(name, known)


def and_more(contigs: Sequence[str]) -> str:
    """Say that the same is wrong with other contigs."""
    rest = contigs[1:]
    if not rest:
        return ""
    named = ", ".join(f"'{contig}'" for contig in rest[:5]) + (", ..." if len(rest) > 5 else "")
    return f" (and {len(rest)} more alike: {named})"


def require_contig(contig: str, source: str, lengths: Mapping[str, int]) -> None:
    """Refuse a contig that the reference has not; raises InputError, which says that ``source`` names it."""
    if contig not in lengths:
        raise InputError(
            f"Unknown contig '{contig}' in {source}" if source != contig else f"Unknown contig '{contig}'",
            cause="the reference has no contig of that name",
            repair=contig_hint(contig, lengths),
        )


def require_inside(region: Region, source: str, lengths: Mapping[str, int]) -> None:
    """Refuse a region that is empty or not within its contig; raises InputError, which says that it is ``source``."""
    contig, start, end = region
    if start < 0 or end > lengths[contig]:
        raise InputError(
            f"{source} is outside '{contig}'",
            cause=f"the contig has {lengths[contig]} bp in this reference",
            repair="Check the coordinates and that they belong to this build.",
        )
    if start >= end:
        raise InputError(
            f"{source} is empty", cause="its end is not after its start", repair="Check the coordinates."
        )


def require_names_of_vcf(names: Iterable[str], source: str) -> None:
    """Refuse contigs whose names a VCF cannot have; raises InputError, which says that ``source`` has them."""
    wrong = [name for name in names if not _NAME.fullmatch(name)]
    if wrong:
        more = f" (and {len(wrong) - 1} more names alike)" if wrong[1:] else ""
        raise InputError(
            f"Contig '{visible(wrong[0])}' of {source} cannot be written to VCF{more}",
            cause="names have no blanks, commas, quotes, brackets or characters beyond ASCII (VCF 4.3, section 1.4.7)",
            repair="Rename it in the reference, and in the reads with `samtools reheader`.",
        )
