"""The profile of a run in the header of its VCF: two lines, for people and for the report."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from dvplug.line.run_profile import NO_QUALITY, TRACTS, RunProfile

KEY = "dvplugRunProfile"
SHOWN_UNITS = (4, 6, 8, 10, 12, 16, 20)
"""Lengths of homopolymers whose errors are written, in bp."""
_FIELD = re.compile(r'(\w+)=(?:"([^"]*)"|([^,"]*))(?:,|$)')


class ShownQuality(NamedTuple):
    """What a reported base quality means in a run."""

    reported: int | None  # None of reads without QUAL
    empirical: float
    bases: int


class ShownProfile(NamedTuple):
    """What a header says of a run.

    Attributes
    ----------
    facts
        Of the reads, by name.
    qualities
        Ascending, those of reads without QUAL last.
    misread
        Share of the reads that show a homopolymer longer or shorter than it is, by its kind and bp.
    """

    facts: dict[str, str]
    qualities: list[ShownQuality]
    misread: dict[str, dict[int, float]]


def profile_lines(profile: RunProfile) -> Iterator[str]:
    """Yield the lines, without their ends."""
    reads = {
        "Reads": f"{profile.reads}",
        "Bases": f"{profile.bases}",
        "Places": f"{profile.places}",
        "Depth": f"{profile.depth:g}",
        "DepthSD": f"{profile.depth_spread:g}",
        "ReadLength": f"{profile.read_length[2]:g}",
        "FragmentLength": f"{profile.fragment_length:g}",
        "FragmentLengthSD": f"{profile.fragment_spread:g}",
        "Paired": f"{profile.paired:.4g}",
        "Inward": f"{profile.inward:.4g}",
        "ReverseStrand": f"{profile.reverse_strand:.4g}",
        "DistinctFragments": f"{profile.distinct_fragments:.4g}",
        "SoftClippedBases": f"{profile.soft_clipped_bases:.4g}",
        "LowMappingQuality": f"{profile.low_mapping_quality:.4g}",
        "DifferingPositions": f"{profile.differing_positions:.4g}",
    }
    yield _line("reads", reads)
    qualities = (
        f"{'none' if q == NO_QUALITY else q}:{profile.empirical_quality(q):.1f}:{profile.base_counts[q, 0]}"
        for q in profile.counted_qualities()
    )
    errors = {
        "Insertions": f"{profile.insertion_p:.3g}",
        "Deletions": f"{profile.deletion_p:.3g}",
        "AsUsual": _quoted(profile.by_default),
        "Quality": _quoted(qualities),
    }
    for kind, name in enumerate(TRACTS[:2]):
        misread = (f"{units}:{profile.misread_p(kind, units):.2g}" for units in SHOWN_UNITS)
        errors[f"Homopolymer{name.replace('/', '')}"] = _quoted(misread)
    yield _line("errors", errors)


def _line(which: str, named: dict[str, str]) -> str:
    return f"##{KEY}=<ID={which},{','.join(f'{name}={value}' for name, value in named.items())}>"


def _quoted(values: Iterable[str]) -> str:
    return f'"{"|".join(values)}"'


def read_profile_lines(header: Iterable[str]) -> ShownProfile | None:
    """Read what `profile_lines` wrote; None where a header has none, or another's."""
    facts: dict[str, str] = {}
    for line in header:
        if line.startswith(f"##{KEY}=<ID=") and line.endswith(">"):
            inside = line[len(KEY) + 4 : -1]
            facts |= {one[1]: one[2] if one[2] is not None else one[3] for one in _FIELD.finditer(inside)}
    try:
        misread = {
            name: {
                int(units): float(p) for units, p in _pairs(facts.pop(f"Homopolymer{name.replace('/', '')}"))
            }
            for name in TRACTS[:2]
        }
        qualities = [
            ShownQuality(None if q == "none" else int(q), float(empirical), int(bases))
            for q, empirical, bases in _pairs(facts.pop("Quality"))
        ]
    except (KeyError, ValueError):
        return None
    facts.pop("ID")
    return ShownProfile(facts, qualities, misread)


def _pairs(text: str) -> Iterator[list[str]]:
    return (one.split(":") for one in text.split("|") if one)
