"""An empirical Illumina error profile: whole quality strings of real pairs and where those reads erred.

No truth is used: sites where so many reads agree on another allele that they may be variants are masked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.errors import InputError
from dvplug.sequence.codes import encode_bases
from dvplug.sequence.error_rates import smoothed_rates
from dvplug.sequence.tracts import find_tracts
from dvplug.simulate.genome import COMPLEMENT, Codes
from dvplug.simulate.learn.after_runs import Passed, RunsOf, passed_run, runs_of
from dvplug.simulate.learn.folds import FoldCounts, Folds
from dvplug.simulate.learn.mates import MateErrors
from dvplug.simulate.learn.observed_alleles import (
    ALIGNED,
    NOT_COUNTED,
    ObservedAlleles,
    blocks,
    count_alleles,
    covered_intervals,
    molecule_of,
    molecules_alike,
    reference_codes,
)
from dvplug.simulate.learn.states import FOREIGN, RANDOM, RIGHT, WRONG, is_elsewhere

LONGEST_TRACT = 40
"""Tandem repeats longer than this, in bp, count as this long."""
RATE_TRACTS = {1: 1, 2: 6, 3: 9, 4: 12}
"""bp from which a run of a unit of so many bp has a rate of its own; every base is a homopolymer of 1 bp or more."""
MASKED_FRACTION, MASKED_READS = 0.15, 3
"""At 50-90x, noise in 15 % of the reads is rarer than a heterozygote that shows so little."""
RECURRENT_MOLECULES = 3
"""So many molecules whose reads err alike at a place err because of it."""


_Template = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Qualities and states of one read, in sequencing order."""


@dataclass(frozen=True)
class Profile:
    """What `dvplug.simulate.short_reads` needs to write reads like those of a BAM.

    Rates of deletions and insertions are per read, by unit and length of the tandem repeat in bp; unit 1 of any length
    stands for all sequence.
    """

    quality: NDArray[np.uint8]  # [pairs, 2, longest], phred, in sequencing order
    state: NDArray[np.uint8]  # [pairs, 2, longest], of `dvplug.simulate.learn.states`
    length: NDArray[np.int64]  # [pairs, 2], bp
    fragment: NDArray[np.int64]  # [pairs], bp
    substitution: NDArray[np.float64]  # [4, 4], P(read as | true base), cumulative
    deletion_p: NDArray[np.float64]  # [5, LONGEST_TRACT + 1]
    insertion_p: NDArray[np.float64]  # [5, LONGEST_TRACT + 1]
    recurrent_q: NDArray[np.uint8]  # [n], qualities of errors at sites where several reads err alike
    discordant_p: float  # share of pairs whose reads do not belong together
    slips_shared: float = 0.0  # of slips, those that all reads of a fragment have, its copies' too
    wrong_shared: float = 0.0  # of misread bases of sure quality, those that all reads of a fragment have
    copies: float = 0.0  # share of fragments that are copies of another, and not marked as such
    fold_share: float = 0.0  # of begins that are of elsewhere, those of the other strand nearby
    fold_distance: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(0, np.int64)
    )  # [k], see `Folds`
    after_run: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((0, 4), np.int64)
    )  # [m, 4], reads that passed a repeat: its units, the pair, which read of it, the first base after
    after_run_share: float = 1.0  # of repeats, those behind which reads go on as after such

    def save(self, path: Path) -> None:
        """Write as .npz."""
        np.savez_compressed(path, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> Profile:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as data:
            columns: dict[str, Any] = {f.name: data[f.name] for f in fields(cls)}
        numbers = {name: float(found) for name, found in columns.items() if not found.ndim}
        return cls(**(columns | numbers))

    @property
    def folds(self) -> Folds:
        """How begins of reads are of the other strand nearby."""
        return Folds(self.fold_share, self.fold_distance)

    def scaled(self, *, clip: float, indel: float, rng: np.random.Generator, copies: float = 1.0) -> Profile:
        """Return the profile with a share ``clip`` of the clipped ends and pairs that do not belong together,
        with indel rates times ``indel``, and with a share ``copies`` of the copies."""
        state = self.state.copy()
        mended = rng.random(state.shape[:2]) >= clip
        state[mended[:, :, None] & is_elsewhere(state)] = RIGHT
        return replace(
            self,
            state=state,
            deletion_p=self.deletion_p * indel,
            insertion_p=self.insertion_p * indel,
            discordant_p=self.discordant_p * clip,
            copies=self.copies * copies,
        )


@dataclass
class _Region:
    """What is known of one stretch of the BAM, ``[start, start + n)``."""

    start: int
    reference: Codes  # uint8[n]
    counts: ObservedAlleles
    masked: NDArray[np.bool_]  # [n], perhaps variants
    recurrent: NDArray[np.bool_]  # [n], sites where errors recur
    runs: RunsOf


def learn_profile(bam: Path, fasta: Path) -> Profile:
    """Learn a profile from the primary, mapped pairs of a small BAM.

    Parameters
    ----------
    bam
        Coordinate-sorted, indexed; 20x or deeper over 50 kb or more.
    fasta
        Its reference, indexed.

    Raises
    ------
    InputError
        There are too few pairs.
    """
    regions = _surveyed(bam, fasta)
    with pysam.AlignmentFile(str(bam)) as reads:
        pairs, discordant = _pairs(reads)
    kept, fragment, after_run = list[list[_Template]](), list[int](), list[tuple[int, int, int, int]]()
    spectrum, mates, begins = np.ones((4, 4)), MateErrors(), FoldCounts()
    recurrent_q: list[int] = []
    for first, second in pairs:
        templates = [
            found
            for read in (first, second)
            if (found := _template(read, regions, spectrum, recurrent_q, begins))
        ]
        if len(templates) < 2:
            continue
        _compare(mates, (first, second), templates, regions)
        for mate, passed in _passed((first, second), regions):
            templates[mate][1][passed.base :] = passed.state
            after_run.append((passed.units, len(fragment), mate, passed.base))
        kept.append(templates)
        fragment.append(abs(first.template_length))
    if not fragment:
        raise InputError(
            f"no profile can be learnt from {bam}",
            cause="it has no mapped pairs in a stretch of 500 bp or more at 10x or deeper",
            repair="Take reads that cover some place well.",
        )
    np.fill_diagonal(spectrum, 0)
    deletion_p, insertion_p = _indel_rates([one for on_contig in regions.values() for one in on_contig])
    length = np.array([[len(quality) for quality, _ in pair] for pair in kept])
    return Profile(
        _padded([[quality for quality, _ in pair] for pair in kept], length.max()),
        _padded([[state for _, state in pair] for pair in kept], length.max()),
        length,
        np.array(fragment),
        np.cumsum(spectrum / spectrum.sum(axis=1, keepdims=True), axis=1),
        deletion_p,
        insertion_p,
        np.array(recurrent_q or [30], dtype=np.uint8),
        discordant / max(len(pairs) + discordant, 1),
        *mates.shared(),
        _copies(pairs),
        *begins.folds(),
        np.array(after_run, np.int64).reshape(-1, 4),
    )


def _surveyed(bam: Path, fasta: Path) -> dict[str, list[_Region]]:
    """Survey the stretches that are covered well, by contig."""
    regions: dict[str, list[_Region]] = defaultdict(list)
    for contig, start, end in covered_intervals(bam):
        regions[contig].append(_survey(bam, fasta, contig, start, end))
    return regions


def _copies(pairs: list[tuple[pysam.AlignedSegment, pysam.AlignedSegment]]) -> float:
    """Share of the fragments that lie exactly as another: begin, end, and which read is of which strand."""
    distinct = {(first.reference_name, molecule_of(first), first.template_length > 0) for first, _ in pairs}
    return 1 - len(distinct) / max(len(pairs), 1)


def _compare(
    mates: MateErrors,
    pair: tuple[pysam.AlignedSegment, pysam.AlignedSegment],
    templates: list[_Template],
    regions: dict[str, list[_Region]],
) -> None:
    """Count what the reads of a pair have wrong alike."""
    region = _region_of(pair[0], regions)
    if region is None or region is not _region_of(pair[1], regions):
        return
    first, second = (
        (state[::-1] if read.is_reverse else state) == WRONG
        for read, (_, state) in zip(pair, templates, strict=True)
    )
    mates.add(pair, (first, second), region.start, region.masked)


def _passed(
    pair: tuple[pysam.AlignedSegment, pysam.AlignedSegment], regions: dict[str, list[_Region]]
) -> Iterator[tuple[int, Passed]]:
    """Yield which reads of a pair pass a repeat, 0 or 1, and how they go on."""
    for mate, read in enumerate(pair):
        region = _region_of(read, regions)
        if region is None:
            continue
        if passed := passed_run(read, region.runs, region.reference, region.start):
            yield mate, passed


def _region_of(read: pysam.AlignedSegment, regions: dict[str, list[_Region]]) -> _Region | None:
    """The stretch that a read lies in, None where none holds all of it."""
    for region in regions[read.reference_name]:
        if region.start <= read.reference_start and read.reference_end <= region.start + len(
            region.reference
        ):
            return region
    return None


def _padded(rows: list[list[NDArray[np.uint8]]], longest: int) -> NDArray[np.uint8]:
    table = np.zeros((len(rows), 2, longest), dtype=np.uint8)
    for i, pair in enumerate(rows):
        for mate in (0, 1):
            table[i, mate, : len(pair[mate])] = pair[mate]
    return table


def _survey(bam: Path, fasta: Path, contig: str, start: int, end: int) -> _Region:
    """Count alleles and decide what may be a variant and what recurs without being one."""
    reference = reference_codes(fasta, contig, start, end)
    counts = count_alleles(bam, contig, start, end, min_mapq=5)
    others = counts.bases.copy()
    known = np.flatnonzero(reference < 4)
    others[known, reference[known]] = 0
    depth = np.maximum(counts.depth, 1)
    most = others.max(axis=1)
    masked = (most >= MASKED_READS) & (most >= MASKED_FRACTION * depth)
    for (place, _), count in counts.indels.items():
        if count >= MASKED_READS and count >= MASKED_FRACTION * depth[min(place, len(depth) - 1)]:
            masked[max(place - 10, 0) : place + 40] = True
    for place in np.flatnonzero((counts.clips >= 4) & (counts.clips >= 0.1 * depth)).tolist():
        masked[max(place - 10, 0) : place + 10] = True
    recurrent = (most >= RECURRENT_MOLECULES) & ~masked
    places = np.flatnonzero(recurrent)
    of_others = replace(counts, bases=others)
    recurrent[places] = molecules_alike(bam, of_others, places) >= RECURRENT_MOLECULES
    runs = runs_of(reference, others, counts.depth)
    return _Region(start, reference, counts, masked, recurrent, runs)


def _pairs(reads: pysam.AlignmentFile) -> tuple[list[tuple[pysam.AlignedSegment, pysam.AlignedSegment]], int]:
    """Return the pairs that map together as (first, second), and how many do not."""
    waiting: dict[str, pysam.AlignedSegment] = {}
    pairs, discordant = [], 0
    for read in reads:
        if read.flag & NOT_COUNTED or read.mapping_quality < 20 or read.query_qualities is None:
            continue
        if not read.is_proper_pair or abs(read.template_length) > 1500:
            discordant += read.is_read1
            continue
        mate = waiting.pop(read.query_name, None)
        if mate is None:
            waiting[read.query_name] = read
        elif read.is_read1 != mate.is_read1:
            pairs.append((read, mate) if read.is_read1 else (mate, read))
    return pairs, discordant


def _template(
    read: pysam.AlignedSegment,
    regions: dict[str, list[_Region]],
    spectrum: NDArray[np.float64],
    recurrent_q: list[int],
    begins: FoldCounts,
) -> _Template | None:
    """Return a read's qualities and states in sequencing order; counts its errors, and what it begins with."""
    region = _region_of(read, regions)
    if region is None:
        return None
    codes = encode_bases(read.query_sequence.encode())
    quality = np.frombuffer(read.query_qualities, dtype=np.uint8)
    state = np.full(len(codes), RIGHT, dtype=np.uint8)
    for operation, at, ref, length in blocks(read):
        place = ref - region.start
        if operation in ALIGNED:
            truth = region.reference[place : place + length]
            called = codes[at : at + length]
            wrong = (truth != called) & (truth < 4) & ~region.masked[place : place + length]
            recurs = wrong & region.recurrent[place : place + length]
            recurrent_q += quality[at : at + length][recurs].tolist()
            wrong &= ~recurs
            state[at : at + length][wrong] = WRONG
            counted = wrong & (called < 4)
            a, b = truth[counted], called[counted]
            np.add.at(spectrum, (COMPLEMENT[a], COMPLEMENT[b]) if read.is_reverse else (a, b), 1)
        elif operation == pysam.CSOFT_CLIP:
            of_clip = _clip_state(read, region, at, place, length, quality)
            state[at : at + length] = of_clip
            if of_clip == FOREIGN:
                begins.add(read, at, length, region.reference, region.start)
    if read.is_reverse:
        quality, state = quality[::-1], state[::-1]
    return quality, state


def _clip_state(
    read: pysam.AlignedSegment, region: _Region, at: int, place: int, length: int, quality: NDArray[np.uint8]
) -> int:
    """Say why an aligner clipped: adapter and variant ends are made elsewhere, the rest is copied."""
    at_3_prime = (at == 0) == read.is_reverse
    if at_3_prime and abs(read.template_length) < len(quality):
        return RIGHT
    if region.masked[min(max(place, 0), len(region.masked) - 1)]:
        return RIGHT
    if length < 12:
        return WRONG if quality[at : at + length].mean() < 20 else FOREIGN
    return RANDOM if quality[at : at + length].mean() < 15 else FOREIGN


def _indel_rates(regions: list[_Region]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return per-read deletion and insertion rates by unit and tract length, float64[5, LONGEST_TRACT + 1].

    Smoothed towards `_prior_rates`, for each unit by itself: a library whose homopolymers slip more than others' need
    not slip more in repeats of longer units.
    """
    prior = _prior_rates()
    reads = np.zeros(prior[0].shape, np.int64)
    counts = np.zeros((2, *prior[0].shape), np.int64)
    for region in regions:
        tracts = find_tracts(region.reference, RATE_TRACTS)
        owner = np.full(len(region.reference) + 1, -1)
        for i in np.argsort(tracts.unit, kind="stable").tolist():
            owner[tracts.start[i] : tracts.start[i] + tracts.length[i]] = i
        length = np.minimum(tracts.length, LONGEST_TRACT)
        good = ~region.masked[tracts.start]
        np.add.at(reads, (tracts.unit[good], length[good]), region.counts.depth[tracts.start[good]])
        for (place, allele), count in region.counts.indels.items():
            i = owner[min(place + 1, len(owner) - 1)]
            if i >= 0 and good[i]:
                counts[int(not allele.startswith("-")), tracts.unit[i], length[i]] += count
    rates = np.zeros(counts.shape)
    for kind, unit in product((0, 1), RATE_TRACTS):
        rates[kind, unit] = smoothed_rates(counts[kind, unit], reads[unit], prior[kind][unit]).p
    return rates[0], rates[1]


def _prior_rates() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Deletion 1e-3 x 1.45^(length - 8) in homopolymers (feasibility study), insertion half of it.

    Repeats of longer units slip about as often as a homopolymer of as many copies and two more.
    """
    deletion = np.zeros((5, LONGEST_TRACT + 1))
    length = np.arange(LONGEST_TRACT + 1)
    deletion[1] = np.clip(1e-3 * 1.45 ** (length - 8.0), 2e-6, 0.25)
    for unit in (2, 3, 4):
        deletion[unit] = np.clip(1e-3 * 1.45 ** (length / unit + 2 - 8.0), 2e-6, 0.25)
    return deletion, deletion / 2
