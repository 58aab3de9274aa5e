"""What a BAM or CRAM file tells of its reads: header fields, and measurements of a sample.

No judgement and no technology's name in here; `dvplug.inputs.recognition` compares this with the rules of the
technologies.
"""

from __future__ import annotations

import os
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pysam

from dvplug.genome.reference import Reference
from dvplug.inputs.bare_reads import BareReads, bare_reads
from dvplug.inputs.reference_fit import mismatch_share
from dvplug.reads.alignments import header_of
from dvplug.reads.groups import EVERYTHING, ReadGroups
from dvplug.sequence.arrays import distinct, median
from dvplug.system.htslib import isolated_htslib
from dvplug.system.locations import is_remote

EXAMINED = 400  # reads that are looked at closely
_MOST_READS, _MOST_BASES = 50_000, 10_000_000  # read for the shape of the depth: half a second
_PLACES = 5
_FEWEST_READS, _FEWEST_WINDOWS = 500, 40  # fewer show no shape
_WINDOW = 500  # bp
NO_QUALITY = -1  # of a read without
_GAP = 200_000  # bp without reads: another slice begins
_CAPTURED, _WHOLE = (
    0.2,
    0.3,
)  # half of the bases lie in less, in more of the windows: see `Evidence.concentration`
_DEEP = 5  # a few reads per window lie unevenly by chance
_USABLE_MAPPING_QUALITY = 20
_NOT_PRIMARY = 0xF04  # unmapped, secondary, QC fail, duplicate, supplementary
# Names of samples and dates say nothing of the sequencing, or the wrong thing.
_FIELDS = {"RG": ("PL", "PM", "DS", "ID", "LB", "PU", "CN", "FO", "KS", "PG"), "PG": ("ID", "PN", "CL", "DS")}


@dataclass(frozen=True)
class Evidence:
    """What one file tells. None or empty: it does not.

    Attributes
    ----------
    header
        Fields of @RG and @PG, such as ``"@RG PL:ILLUMINA"``, each once.
    platforms
        Values of @RG PL.
    reads
        Primary alignments that were examined.
    names
        Their names.
    tags
        Share of them that has each tag.
    tag_medians
        Median of each numeric tag.
    read_length, base_quality
        Median of the lengths, bases, and of the reads' median qualities, phred.
    difference
        Median of mismatches and indels (each counted once, whatever its length) per aligned base and indel, by NM, by
        the CIGAR's ``=`` and ``X``, or by the given reference.
    paired
        Share of reads that are of a pair.
    spliced
        Share of reads that skip some of the reference: N in the CIGAR.
    concentration
        Smallest share of windows of 500 bp, in stretches that have reads, that holds half of the aligned bases: 0.4
        to 0.5 for whole genomes, below 0.15 for captures and amplicons.
    depth
        Depth that the average base is at.
    contig_depths
        The same of each contig, with the aligned bases there that were looked at.
    same_quality
        The one quality that all bases of the examined reads have, phred; -1 where no read has any.
    same_mapping_quality
        The one mapping quality of all reads that were looked at.
    mismatches
        Of examined reads that can be compared with the given reference: the share of aligned bases that differ.
    """

    header: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    reads: int = 0
    names: tuple[str, ...] = ()
    tags: Mapping[str, float] = field(default_factory=dict)
    tag_medians: Mapping[str, float] = field(default_factory=dict)
    read_length: int | None = None
    base_quality: int | None = None
    difference: float | None = None
    paired: float | None = None
    spliced: float | None = None
    concentration: float | None = None
    depth: float | None = None
    contig_depths: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    same_quality: int | None = None
    same_mapping_quality: int | None = None
    mismatches: tuple[float, ...] = ()

    @property
    def captured(self) -> bool | None:
        """Whether depth is that of a capture; None where it does not show."""
        if self.concentration is None or self.depth is None or _CAPTURED <= self.concentration < _WHOLE:
            return None
        if self.concentration >= _WHOLE:
            return False
        return True if self.depth >= _DEEP else None


def gather(
    alignments: pysam.AlignmentFile, groups: ReadGroups = EVERYTHING, reference: Reference | None = None
) -> Evidence:
    """Examine one open `pysam.AlignmentFile`.

    A small file is read as a whole, up to 50,000 reads or 10 million bases; of a large one as many, from one third of
    each of the five contigs that have most reads on: the ends of chromosomes have repeats and few usable reads, and
    any one place may be odd. Concentration and depth are those of the median place. Only reads of these read groups
    are looked at, and only their lines of the header; they are compared with the reference, if there is one.

    Raises
    ------
    OSError, ValueError
        The file breaks off or cannot be decoded.
    """
    header = dict(header_of(os.fsdecode(alignments.filename), alignments))
    header["RG"] = [g for g in header.get("RG", []) if groups.everything or groups.has(g.get("ID"))]
    places = _places(alignments)
    samples = [
        _sample(_of_groups(reads, groups), len(places), _following(alignments, groups, place is None))
        for place, reads in _reads_at(alignments, places)
    ]
    if alignments.has_index() and not any(sample.examined for sample in samples):
        samples = [_sample(_of_groups(alignments.fetch(), groups), 1)]  # there may be reads elsewhere
    examined = [read for sample in samples for read in sample.examined]
    shares = [mismatch_share(read, reference) for read in examined] if reference else []
    concentrations = [s.concentration for s in samples if s.concentration is not None]
    depths = [s.depth for s in samples if s.depth is not None]
    return Evidence(
        header=tuple(_header_fields(header)),
        platforms=tuple(dict.fromkeys(str(g["PL"]).strip() for g in header.get("RG", []) if g.get("PL"))),
        concentration=statistics.median(concentrations) if concentrations else None,
        depth=statistics.median(depths) if depths else None,
        contig_depths={
            alignments.get_reference_name(contig): depth
            for s in samples
            for contig, depth in s.contig_depths.items()
        },
        same_mapping_quality=_the_one(set().union(*(s.mapping_qualities for s in samples))),
        mismatches=tuple(share for share in shares if share is not None),
        **_measurements(examined, shares or [None] * len(examined)),
    )


def _following(
    alignments: pysam.AlignmentFile, groups: ReadGroups, whole: bool
) -> Callable[[int], Iterator[BareReads]] | None:
    """What gives the reads that follow one on its contig, or in the whole file; None where pysam has to."""
    if not alignments.is_bam or not groups.everything or is_remote(os.fsdecode(alignments.filename)):
        return None
    return lambda contig: bare_reads(alignments, None if whole else contig)


@isolated_htslib()
def read_groups_seen(alignments: pysam.AlignmentFile) -> Counter[str | None]:
    """Count the primary alignments of each read group at the places that `gather` looks at; None: without one."""
    seen: Counter[str | None] = Counter()
    places = _places(alignments)
    for _, reads in _reads_at(alignments, places):
        for read in islice(reads, 2 * _MOST_READS // len(places)):
            if not read.flag & _NOT_PRIMARY:
                seen[_group(read)] += 1
    return seen


def _group(read: pysam.AlignedSegment) -> str | None:
    return read.get_tag("RG") if read.has_tag("RG") else None


def _of_groups(reads: Iterator[pysam.AlignedSegment], groups: ReadGroups) -> Iterator[pysam.AlignedSegment]:
    """The reads that count by their read group."""
    return reads if groups.everything else (read for read in reads if groups.has(_group(read)))


class _Sample(NamedTuple):
    """Reads of one place that are looked at closely, and the shape of the depth there."""

    examined: list[pysam.AlignedSegment]
    mapping_qualities: set[int]
    concentration: float | None
    depth: float | None
    contig_depths: dict[int, tuple[float, float]]


def _the_one(values: set[int]) -> int | None:
    """The only value of a set that has one."""
    return next(iter(values)) if len(values) == 1 else None


def _sample(
    reads: Iterable[pysam.AlignedSegment],
    places: int,
    following: Callable[[int], Iterator[BareReads]] | None = None,
) -> _Sample:
    """Take the share of one of so many places.

    ``following`` gives, after a read of a contig, those that follow it, where more is not asked of them.
    """
    examined: list[pysam.AlignedSegment] = []
    rows: list[tuple[int, int, int, int]] = []
    count = bases = 0
    for read in islice(reads, _MOST_READS // places):
        count += 1
        if read.flag & _NOT_PRIMARY or not (end := read.reference_end):  # once: it adds up the CIGAR
            continue
        start, mapping_quality = read.reference_start, read.mapping_quality
        wanted = len(examined) < EXAMINED // places and mapping_quality >= _USABLE_MAPPING_QUALITY
        if wanted and read.query_sequence:
            examined.append(read)
        rows.append((read.reference_id, start, end, mapping_quality))
        bases += end - start
        if bases > _MOST_BASES // places or (following and len(examined) == EXAMINED // places):
            break
    found = [np.array(rows, np.int64).reshape(-1, 4)]
    if following and rows:
        left = _MOST_READS // places - count, _MOST_BASES // places - bases
        found += _positions(following(rows[-1][0]), *left)
    contig, start, end, mapping_quality = np.concatenate(found).T
    return _Sample(examined, set(distinct(mapping_quality).tolist()), *_depth_shape(contig, start, end))


def _positions(parts: Iterator[BareReads], most: int, most_bases: int) -> Iterator[npt.NDArray[np.int64]]:
    """Yield contig, start, end and mapping quality of primary alignments, int64[n, 4].

    Of so many alignments, or of fewer once the primary ones have more than so many bases.
    """
    while most > 0 and most_bases >= 0 and (part := next(parts, None)) is not None:
        part, most = part.part(most), most - len(part.start)
        rows = np.column_stack((part.contig, part.start, part.end, part.mapping_quality))
        rows = rows[(part.flag & _NOT_PRIMARY == 0) & (part.end > 0)]
        passed = np.cumsum(rows[:, 2] - rows[:, 1])
        rows = rows[: int(np.searchsorted(passed, most_bases, side="right")) + 1]
        most_bases -= int((rows[:, 2] - rows[:, 1]).sum())
        yield rows


def _header_fields(header: Mapping[str, Any]) -> Iterable[str]:
    return dict.fromkeys(
        f"@{kind} {key}:{line[key]}"
        for kind, keys in _FIELDS.items()
        for line in header.get(kind, [])
        for key in keys
        if line.get(key)
    )


def _places(alignments: pysam.AlignmentFile) -> list[str | None]:
    """Return the contigs in which reads are looked at; None stands for the whole file.

    A small file, or one without index, is looked at from its beginning.
    """
    mapped: dict[str, int] = {}
    if alignments.has_index() and alignments.is_bam:  # the index of CRAM does not count reads
        mapped = {s.contig: s.mapped for s in alignments.get_index_statistics()}
    if not alignments.has_index() or (mapped and sum(mapped.values()) <= 2 * _MOST_READS):
        return [None]
    lengths: dict[str, int] = dict(zip(alignments.references, alignments.lengths, strict=True))
    fullest = sorted(lengths, key=lambda c: mapped.get(c, lengths[c]), reverse=True)[:_PLACES]
    return [contig for contig in fullest if mapped.get(contig, 1)]


def _reads_at(
    alignments: pysam.AlignmentFile, places: Sequence[str | None]
) -> Iterator[tuple[str | None, Iterator[pysam.AlignedSegment]]]:
    """Yield each place and the reads from there on; they have to be read before the next one is asked for.

    A CRAM that is open has one place at which it is read, and whoever fetches moves it.
    """
    if alignments.is_bam:
        alignments.reset()  # something may have been read before
    for place in places:
        if place is None:
            yield place, alignments.fetch(until_eof=True)
        else:
            yield place, alignments.fetch(place, alignments.get_reference_length(place) // 3)


def _measurements(
    reads: Sequence[pysam.AlignedSegment], mismatches: Sequence[float | None]
) -> dict[str, Any]:
    if not reads:
        return {}
    tags: Counter[str] = Counter()
    values: dict[str, list[float]] = {}
    for read in reads:
        for tag, value in _tags(read):
            tags[tag] += 1
            if isinstance(value, int | float):
                values.setdefault(tag, []).append(value)
    qualities = [median(read.query_qualities) for read in reads if read.query_qualities is not None]
    differences = [
        d
        for read, share in zip(reads, mismatches, strict=True)
        if (d := _difference(read, share)) is not None
    ]
    return {
        "reads": len(reads),
        "names": tuple(read.query_name for read in reads),
        "tags": {tag: count / len(reads) for tag, count in tags.items()},
        "tag_medians": {tag: statistics.median(v) for tag, v in values.items()},
        "read_length": int(statistics.median(read.query_length for read in reads)),
        "base_quality": int(statistics.median(qualities)) if qualities else None,
        "same_quality": _the_one({end for read in reads for end in _quality_ends(read)}),
        "difference": statistics.median(differences) if differences else None,
        "paired": sum(read.is_paired for read in reads) / len(reads),
        "spliced": sum("N" in (read.cigarstring or "") for read in reads) / len(reads),
    }


def _quality_ends(read: pysam.AlignedSegment) -> tuple[int, ...]:
    """The least and the highest quality of a read's bases."""
    qualities = read.query_qualities
    if qualities is None:
        return (NO_QUALITY,)
    own = np.asarray(qualities)
    return (int(own.min()), int(own.max())) if len(own) else ()


def _tags(read: pysam.AlignedSegment) -> list[tuple[str, Any]]:
    try:
        tags: list[tuple[str, Any]] = read.get_tags()
    except KeyError as error:  # of a tag whose type no specification knows
        raise ValueError(f"read {read.query_name}: {error.args[0]}") from error
    return tags


def _difference(read: pysam.AlignedSegment, mismatch_share: float | None) -> float | None:
    """Mismatches and indels per aligned base and indel, of the NM tag or the CIGAR's = and X.

    Where neither is there, the given share of aligned bases is taken for that of mismatches; None where it is too.
    """
    bases, operations = read.get_cigar_stats()
    matches, insertions, deletions = bases[0], bases[1], bases[2]
    indels = operations[1] + operations[2]
    aligned = matches + bases[7] + bases[8]
    edits = read.get_tag("NM") if read.has_tag("NM") else None
    if "=" in (read.query_sequence or ""):  # NM of a CRAM counts each of them as a mismatch
        placed = read.get_reference_positions(full_length=True)  # get_aligned_pairs counts padding as bases
        mismatches = sum(
            base != "=" for base, at in zip(read.query_sequence, placed, strict=True) if at is not None
        )
    elif isinstance(edits, int):
        mismatches = max(0, edits - insertions - deletions)
    elif matches == 0:
        mismatches = bases[8]
    elif mismatch_share is not None:
        mismatches = mismatch_share * aligned
    else:
        return None
    return float((mismatches + indels) / (aligned + indels)) if aligned + indels else None


def _depth_shape(
    contig: npt.NDArray[np.int64], start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]
) -> tuple[float | None, float | None, dict[int, tuple[float, float]]]:
    """Concentration, depth and depths of contigs (see `Evidence`) of reads in order of contig and start.

    All are int64[reads].
    """
    step, other = np.diff(start), np.diff(contig) != 0
    if not len(start) or (step < 0)[~other].any():  # not sorted
        return None, None, {}
    first = np.flatnonzero(np.concatenate(([True], other | (step > _GAP))))
    stretches: dict[int, list[npt.NDArray[np.float64]]] = {}
    for a, b in zip(first, [*first[1:], len(start)], strict=True):
        stretches.setdefault(int(contig[a]), []).append(_covered(start[a:b] - start[a], end[a:b] - start[a]))
    contigs = {number: np.concatenate(parts) for number, parts in stretches.items()}
    depths = {number: (float(of.sum()), _mean_depth(of)) for number, of in contigs.items()}
    covered = np.concatenate(list(contigs.values()))
    total, depth = covered.sum(), _mean_depth(covered)
    if len(start) < _FEWEST_READS or len(covered) < _FEWEST_WINDOWS:
        return None, depth, depths
    running = np.cumsum(np.sort(covered)[::-1])
    return float((np.searchsorted(running, total / 2) + 1) / len(covered)), depth, depths


def _mean_depth(covered: npt.NDArray[np.float64]) -> float:
    """Depth that the average base is at, of aligned bases per window, float64[windows]."""
    return float((covered**2).sum() / covered.sum() / _WINDOW)


def depth_together(files: Sequence[Evidence]) -> float | None:
    """Depth of a sample whose reads lie in these files: of contigs that several have, the sum.

    The median contig's, weighted by the bases that were looked at; of a single file what it says itself. Chance makes
    depth uneven, which the depth at the average base shows: each thin lane adds up to half a read too many.
    """
    if len(files) == 1:
        return files[0].depth
    bases, depths = Counter[str](), Counter[str]()
    for file in files:
        for contig, (looked_at, depth) in file.contig_depths.items():
            bases[contig] += looked_at  # type: ignore[assignment]
            depths[contig] += depth  # type: ignore[assignment]
    half, passed = bases.total() / 2, 0.0
    for contig in sorted(depths, key=lambda c: depths[c]):
        passed += bases[contig]
        if passed >= half:
            return float(depths[contig])
    return None


def _covered(start: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Aligned bases per window, float64[windows], of reads from 0 on."""
    first, last = start // _WINDOW, (end - 1) // _WINDOW
    bases = np.zeros(int(last.max()) + 2)
    np.add.at(bases, first, _WINDOW)  # each window from the first to the last is full,
    np.add.at(bases, last + 1, -_WINDOW)
    bases = np.cumsum(bases)
    np.add.at(
        bases, first, -(start - first * _WINDOW).astype(float)
    )  # but for what is left and right of the read
    np.add.at(bases, last, -((last + 1) * _WINDOW - end).astype(float))
    return bases[:-1]
