"""`dvplug profile`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from dvplug.cli.parameters import Json, Several

if TYPE_CHECKING:
    from dvplug.line.run_profile import RunProfile

MOST_ROWS = 12
"""Qualities that are shown; of more, those with most bases."""


def profile(
    reads: Annotated[
        list[str], Several, Parameter(help="Aligned reads: sorted, indexed BAM or CRAM, of one sample.")
    ],
    *,
    ref: Annotated[str, Parameter(help="Reference FASTA that the reads were aligned to.")],
    tech: Annotated[str, Parameter(help="Technology, whose read filter is used.")] = "auto",
    sample: Annotated[str | None, Parameter(help="The sample, where the reads are of several.")] = None,
    read_group: Annotated[list[str] | None, Several, Parameter(help="Read groups to use.")] = None,
    as_json: Json = False,
) -> None:
    """Print how the reads of a sample err and what they are like, as measured before calling.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    from dvplug.calling.read_profile import profile_reads
    from dvplug.system.rich_console import stdout

    found = profile_reads(ref, reads, tech=tech, sample=sample, read_group=read_group or ())
    if as_json:
        stdout.out(json.dumps(found.summary(), indent=2))
        return
    stdout.print("\n".join(_lines(found)), markup=False, highlight=False)


def _lines(found: RunProfile) -> Iterator[str]:
    yield f"{found.reads:,} reads from {found.places:,} places, {found.bases:,} bases"
    if found.by_default:
        yield f"too few to tell, so as usual for the technology: {', '.join(found.by_default)}"
    yield f"depth {found.depth:g} (SD {found.depth_spread:.1f}); reads of {found.read_length[2]:,.0f} bp"
    if found.with_fragment_length:
        pair = f"{found.paired:.0%} are paired, {found.inward:.0%} of the pairs face each other"
        yield f"fragments of {found.fragment_length:.0f} bp (SD {found.fragment_spread:.0f}); {pair}"
    if found.distinct_fragments:
        yield f"{found.distinct_fragments:.1%} of the fragments lie apart from all others"
    yield f"soft-clipped bases {found.soft_clipped_bases:.2%}; low mapping quality {found.low_mapping_quality:.2%}"
    yield f"beside repeats, insertions {found.insertion_p:.1e} and deletions {found.deletion_p:.1e} per base"
    yield from _qualities(found)
    yield from _lengths(found)


def _qualities(found: RunProfile) -> Iterator[str]:
    from dvplug.line.run_profile import NO_QUALITY

    counted = found.counted_qualities()
    often = sorted(counted, key=lambda q: -found.base_counts[q, 0])[:MOST_ROWS]
    if counted:
        yield ""
        yield "base quality   measured        bases   mismatches"
    for q in sorted(often):
        bases, mismatches = found.base_counts[q].tolist()
        name = "none" if q == NO_QUALITY else str(q)
        yield f"{name:>12}   {found.empirical_quality(q):8.1f} {bases:12,} {mismatches:12,}"


def _lengths(found: RunProfile) -> Iterator[str]:
    from dvplug.line.run_profile import MOST_CHANGE, MOST_UNITS, TRACTS

    yield ""
    yield "tract            units        reads   shorter    longer"
    for kind, name in enumerate(TRACTS):
        for units in found.counted_units(kind):
            if units % 2 == 0 or units < 4:
                p = found.length_p[kind, units]
                shorter, longer = p[:MOST_CHANGE].sum(), p[MOST_CHANGE + 1 :].sum()
                reads = int(found.length_counts[kind, units].sum())
                more = "+" if units == MOST_UNITS else " "
                yield f"{name:<14} {units:>6}{more} {reads:12,} {shorter:9.3%} {longer:9.3%}"
