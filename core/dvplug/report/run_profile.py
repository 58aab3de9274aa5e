"""What a report shows of the reads of a run: how they err, and what they are like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dvplug.records.profile_lines import ShownProfile, read_profile_lines
from dvplug.report.page import Axis, Item, Point, facts, points

_FEW = 1000
"""Bases of a quality, below which its point is drawn hollow: it rests on what its neighbours show."""
_LABELS = {
    "Reads": "reads looked at",
    "Bases": "their bases",
    "Places": "places of the genome",
    "Depth": "depth, median",
    "DepthSD": "depth, SD",
    "ReadLength": "read length, median bp",
    "FragmentLength": "fragment length, median bp",
    "FragmentLengthSD": "fragment length, SD bp",
    "Paired": "share of paired reads",
    "Inward": "share of pairs that face each other",
    "ReverseStrand": "share on the reverse strand",
    "DistinctFragments": "fragments that lie apart, of all",
    "SoftClippedBases": "share of soft-clipped bases",
    "LowMappingQuality": "share of low mapping quality",
    "DifferingPositions": "positions that differ, of 1,000",
    "Insertions": "insertions per base, beside repeats",
    "Deletions": "deletions per base, beside repeats",
    "AsUsual": "too few to tell, so as usual for the technology",
}


def profile_items(header: Sequence[str]) -> Iterator[Item]:
    """Yield the items on the reads of a run that the ``##`` lines of its VCF describe; nothing without them."""
    found = read_profile_lines(header)
    if found is None:
        return
    rows: dict[str, object] = {
        label: found.facts[name].replace("|", ", ")
        for name, label in _LABELS.items()
        if found.facts.get(name)
    }
    for name, by_length in found.misread.items():
        shown = ", ".join(f"{bp} bp {p:.2%}" for bp, p in by_length.items())
        rows[f"homopolymers of {name} misread"] = shown
    yield facts("reads", "What the reads are like", rows)
    if len(found.qualities) > 1:
        yield _quality_chart(found)


def _quality_chart(found: ShownProfile) -> Item:
    drawn = []
    for one in found.qualities:
        if one.reported is not None:
            lines = [f"reported {one.reported}", f"measured {one.empirical:g}", f"{one.bases:,} bases"]
            drawn.append(Point(one.reported, one.empirical, lines, weak=one.bases < _FEW or None))
    most = max(10.0, *(max(point.x, point.y) for point in drawn)) if drawn else 10.0
    return points(
        "qualities",
        "What base qualities mean",
        Axis("reported", 0, most),
        Axis("measured", 0, most),
        {"bases": drawn},
        diagonal=True,
        note="By mismatches where the sample is plainly as the reference. Hollow points rest on few bases.",
    )
