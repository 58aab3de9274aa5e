"""What the reads of a run are like, measured before the first region is called: the same wherever one calls.

A fixed share of all files together, so that lanes are measured as their merge is. `dvplug.calling.familiarity` compares
it with what a model was trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pysam
from pydantic import Field

from dvplug.genome.reference import Reference
from dvplug.images.features.differences import FEWEST_DIFFERENT, ONE_IN, count_differences
from dvplug.inputs.sampled_reads import WINDOW, SampledReads
from dvplug.line.read_batch import REVERSE, ReadBatch
from dvplug.line.region import Region
from dvplug.line.run_profile import NO_QUALITY
from dvplug.reads.groups import ReadSource
from dvplug.reads.same_bases import with_bases_of_reference
from dvplug.sequence.arrays import distinct, median
from dvplug.sequence.codes import UNKNOWN_BASE
from dvplug.system.htslib import isolated_htslib
from dvplug.system.locations import Location
from dvplug.technology import Frozen, ReadFilter
from dvplug_registry.manifest import RunMeasure

MOST_BASE_QUALITY, MOST_MAPPING_QUALITY = 40, 60
"""Higher ones count as these: no channel or feature of the engine shows more."""
_PLACES = 5
_READS, _BASES = 1_000, 3_000_000  # per place
_MOST_WINDOWS = 50  # per place
_FEWEST = 100  # reads; of fewer no shares are told


class RunSample(Frozen):
    """What a sample of the reads of a run shows.

    Attributes
    ----------
    measures
        ``with_fragment_length``: share of reads with a TLEN. ``read_length``: median, bp. ``base_quality``: of the
        median base, phred, at most 40. ``mapping_quality``: of the median read, at most 60. ``reverse_strand``: share
        of reads. ``distinct_starts``: positions at which reads start, of their number. ``differing_positions``: per
        1,000 of those with reads, where three reads or more, and a fifth of all, have another base than the reference;
        of the median window. What cannot be told is left out.
    fragment_length
        Median TLEN of those that have one, bp; 0 where none has.
    base_quality, mapping_quality
        Share of bases by phred 0 to 40, share of reads by phred 0 to 60.
    """

    reads: int = 0
    measures: dict[RunMeasure, float] = Field(default_factory=dict)
    fragment_length: int = 0
    base_quality: tuple[float, ...] = ()
    mapping_quality: tuple[float, ...] = ()


def sample_run(sources: Sequence[ReadSource], reference: Location, read_filter: ReadFilter) -> RunSample:
    """Measure reads that pass the filter at five places of the genome, whatever regions will be called.

    Parameters
    ----------
    sources
        Files of one sample, checked already.
    reference
        FASTA that CRAM is decoded with.

    Raises
    ------
    InputError
        A file breaks off or cannot be decoded.
    """
    with SampledReads(sources, reference, read_filter) as sampled, Reference.open(reference) as genome:
        return measure_sample(sampled, genome, read_filter.missing_base_quality)


def measure_sample(sampled: SampledReads, genome: Reference, missing_base_quality: int) -> RunSample:
    """Measure open files, as `sample_run`; reads without QUAL count as of the quality given."""
    parts: list[ReadBatch] = []
    differing: list[float] = []
    seen: set[Region] = set()
    for contig, start in _places(sampled):
        for window, reads in _at(sampled, contig, start, seen):
            parts.append(reads)
            differing += _differing(reads, window, genome)
    return _measured(parts, differing, missing_base_quality)


def _places(sampled: SampledReads) -> list[tuple[str, int]]:
    """Positions on the five contigs that have most reads, by the indexes, or several on each of fewer."""
    lengths = dict(zip(sampled.alignments[0].references, sampled.alignments[0].lengths, strict=True))
    mapped = _mapped(sampled.alignments) or Counter(dict(sampled.contigs))
    fullest = sorted(mapped, key=lambda contig: (-mapped[contig], contig))[:_PLACES]
    each = -(-_PLACES // len(fullest)) if fullest else 0
    return [
        (contig, int((k + 1 / 3) / each * lengths.get(contig, 0))) for contig in fullest for k in range(each)
    ]


@isolated_htslib()
def _mapped(files: Sequence[pysam.AlignmentFile]) -> Counter[str]:
    """Reads by contig; empty where an index does not count them, as that of CRAM."""
    mapped = Counter[str]()
    if all(file.is_bam for file in files):
        for file in files:
            mapped.update({one.contig: one.mapped for one in file.get_index_statistics() if one.mapped})
    return mapped


def _at(
    sampled: SampledReads, contig: str, start: int, seen: set[Region]
) -> Iterator[tuple[Region, ReadBatch]]:
    """Yield windows from a position on that were not seen before, with the reads that start there, up to enough."""
    reads, bases = 0, 0
    first = sampled.next_read(contig, start)
    position = first if first is not None else sampled.next_read(contig, 0)
    for _ in range(_MOST_WINDOWS):
        if position is None or reads >= _READS or bases >= _BASES:
            return
        begin = position // WINDOW * WINDOW
        window = Region(contig, begin, begin + WINDOW)
        batch = sampled.window(window)
        own = np.flatnonzero((batch.start >= window.start) & (batch.start < window.end))
        batch = batch.part(int(own[0]), int(own[-1]) + 1) if len(own) else batch.part(0, 0)
        reads, bases = reads + len(batch), bases + len(batch.qual)
        if window not in seen:
            seen.add(window)
            yield window, batch
        position = sampled.next_read(contig, window.end)


def _differing(reads: ReadBatch, window: Region, genome: Reference) -> Iterator[float]:
    """Yield, per 1,000, at how many positions reads differ; nothing where the reference is not known, or no read is."""
    if window.contig not in genome.lengths or not len(reads):
        return
    codes = genome.codes(window.contig, window.start, window.end)
    own = with_bases_of_reference(reads, codes, window.start)
    _, mismatches, depth = count_differences(own.arrays(), codes, window.start)
    known = (depth >= FEWEST_DIFFERENT) & (codes < UNKNOWN_BASE)
    if known.sum() >= _FEWEST:
        differs = (mismatches >= FEWEST_DIFFERENT) & (ONE_IN * mismatches >= depth)
        yield 1000 * float(differs[known].mean())


def _measured(parts: Sequence[ReadBatch], differing: Sequence[float], missing_base_quality: int) -> RunSample:
    parts = [part for part in parts if len(part)]
    if not parts:
        return RunSample()
    reads = sum(map(len, parts))
    fragment = np.abs(np.concatenate([part.fragment_length for part in parts]))
    length = np.concatenate([np.diff(part.base_offset) for part in parts])
    claimed = np.arange(256, dtype=np.uint8)
    claimed[NO_QUALITY] = missing_base_quality
    base_quality = sum(_counts(claimed[part.qual], MOST_BASE_QUALITY) for part in parts)
    mapping_quality = sum(_counts(part.mapping_quality, MOST_MAPPING_QUALITY) for part in parts)
    assert not isinstance(base_quality, int)
    assert not isinstance(mapping_quality, int)
    measures: dict[RunMeasure, float] = {
        "with_fragment_length": float((fragment > 0).mean()),
        "read_length": median(length),
        "base_quality": _median(base_quality),
        "mapping_quality": _median(mapping_quality),
    }
    if reads >= _FEWEST:
        measures["reverse_strand"] = sum(int((part.flag & REVERSE != 0).sum()) for part in parts) / reads
        measures["distinct_starts"] = sum(len(distinct(part.start)) for part in parts) / reads
    if differing:
        measures["differing_positions"] = median(differing)
    return RunSample(
        reads=reads,
        measures={name: round(value, 4) for name, value in measures.items()},
        fragment_length=int(median(fragment[fragment > 0])) if fragment.any() else 0,
        base_quality=tuple(base_quality / base_quality.sum()),
        mapping_quality=tuple(mapping_quality / mapping_quality.sum()),
    )


def _counts(quality: npt.NDArray[np.uint8], most: int) -> npt.NDArray[np.int64]:
    """How many there are of each quality, int64[most + 1]; higher ones count as the most."""
    return np.bincount(np.minimum(quality, most), minlength=most + 1)


def _median(counts: npt.NDArray[np.int64]) -> float:
    """The median of values from 0 on, of int64[values] counts."""
    return float(np.searchsorted(np.cumsum(counts), counts.sum() / 2))
