"""The simulated person: real variants on real sequence, and decoys that resemble it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pysam

from dvplug.sequence.tracts import find_tracts
from dvplug.simulate.genome import Codes, N
from dvplug.simulate.variants import PhasedVariant, fits_both_haplotypes

OTHER_HAPLOTYPE = 0.03
"""Share of heterozygotes whose alt lies on the haplotype that is otherwise the one like the reference there."""
HAPLOTYPES_TURN = 30_000
"""bp over which it is forgotten which haplotype that is. With both, 94 % of the heterozygotes 100 bp apart have their
alts on one haplotype, and 85 % of those 7 kb apart: as in NA12878's phased truth and in HG003's HiFi reads."""

DIVERGENCE, LONGEST_DECOY = (0.005, 0.05), 10_000
"""Of copies that the reference has: differences per base, and bp."""


def read_fasta(path: Path) -> dict[str, str]:
    """Return the contigs of a FASTA file, in order, upper case."""
    with pysam.FastaFile(str(path)) as fasta:
        return {name: fasta.fetch(name).upper() for name in fasta.references}


def real_variants(truth: Path, contig: str, rng: np.random.Generator) -> list[PhasedVariant]:
    """Read a truth VCF, give a phase to what has none, drop what then overlaps on a haplotype.

    Alts of neighbours mostly lie on one haplotype, so that a read has many differences or none; spread over both at
    random, they would make a read with many look like one of another place.
    """
    variants: list[PhasedVariant] = []
    differs, at = 0, 0  # which haplotype is the one unlike the reference, and where
    with pysam.VariantFile(str(truth)) as records:
        for record in records.fetch(contig):
            sample = record.samples[0]
            genotype = sample["GT"]
            if None in genotype or len(genotype) != 2 or not any(genotype):
                continue
            if not sample.phased and genotype[0] != genotype[1]:
                if rng.random() < (1 - np.exp((at - record.start) / HAPLOTYPES_TURN)) / 2:
                    differs = 1 - differs
                at = record.start
                on = differs if rng.random() >= OTHER_HAPLOTYPE else 1 - differs
                genotype = tuple(sorted(genotype, reverse=on == 0))
            variants.append(PhasedVariant(record.start, record.ref, tuple(record.alts), tuple(genotype)))
    return fits_both_haplotypes(variants)


def mutated(codes: Codes, divergence: float, rng: np.random.Generator) -> Codes:
    """Return a diverged copy; nine differences in ten are substitutions, the rest indels of 1-6 bp."""
    copy = codes.copy()
    swap = np.flatnonzero((rng.random(len(copy)) < 0.9 * divergence) & (copy < N))
    copy[swap] = (copy[swap] + rng.integers(1, 4, len(swap))) % 4
    pieces, at = [], 0
    for place in np.flatnonzero(rng.random(len(copy)) < 0.1 * divergence).tolist():
        if place < at:
            continue
        size = int(min(rng.geometric(0.4), 6))
        pieces.append(copy[at:place])
        if rng.random() < 0.5:
            pieces.append(rng.integers(0, 4, size).astype(np.uint8))
            at = place
        else:
            at = place + size
    return np.concatenate([*pieces, copy[at:]])


def decoys(
    contigs: dict[str, Codes],
    share: float,
    hidden: float,
    rng: np.random.Generator,
    *,
    divergence: tuple[float, float] = DIVERGENCE,
    longest: int = LONGEST_DECOY,
) -> tuple[Codes, Codes, Codes]:
    """Make copies of segments, so that some reads are mapped to the wrong place.

    Duplications: copies of 1 kb to ``longest`` bp that diverged by 0.5-5 %, or as ``divergence`` says. Families, like
    those of interspersed repeats: for a segment of 0.2-2 kb the sample alone has a near relative (2-5 % away), amid
    other sequence, and the reference has two relatives of that one (5-9 % away from it). Its reads map to the segment
    as false alleles; the others lower their mapping quality, and further mismatches and clips betray them, while the
    segment's own reads keep theirs: what a network must learn to tell from heterozygotes.

    Parameters
    ----------
    share
        bp of duplications over bp of the contigs.
    hidden
        bp of members that only the sample has, over bp of the contigs.

    Returns
    -------
    reference, sample, hidden
        The contig of copies in the mapping reference, the same in the sample (0.1 % other), and the contig of
        what only the sample has; segments are parted by 1000 N.
    """
    total = sum(int((codes < N).sum()) for codes in contigs.values())
    spacer = np.full(1000, N, dtype=np.uint8)
    shown, kept_back = [spacer], [spacer]
    for segment in _segments(contigs, share * total, 1000, longest, rng):
        shown += [mutated(segment, _between(*divergence, rng), rng), spacer]
    for segment in _segments(contigs, hidden * total, 200, 2000, rng):
        relative = mutated(segment, _between(0.02, 0.05, rng), rng)
        for _ in range(2):
            shown += [mutated(relative, _between(0.05, 0.09, rng), rng), spacer]
        left, right = (rng.integers(0, 4, 400).astype(np.uint8) for _ in range(2))
        kept_back += [left, relative, right, spacer]
    reference = np.concatenate(shown)
    return reference, mutated(reference, 0.001, rng), np.concatenate(kept_back)


def duplicated(
    contigs: dict[str, Codes], *, word: int = 31, window: int = 1000, share: float = 0.25
) -> list[tuple[str, int, int]]:
    """Return windows in which many words of ``word`` bp occur elsewhere in the contigs: segmental duplications.

    Truth sets of real genomes leave them out of their confident regions, as no short read can be placed there.
    """
    hashes, known = [], []
    for codes in contigs.values():
        value, whole = np.zeros(len(codes) - word + 1, np.uint64), np.ones(len(codes) - word + 1, bool)
        for i in range(word):  # 2 bits a base: 31 of them fit
            part = codes[i : len(codes) - word + 1 + i]
            value = value << np.uint64(2) | np.minimum(part, 3).astype(np.uint64)
            whole &= part < N
        hashes.append(value)
        known.append(whole)
    words, count = np.unique(np.concatenate(hashes)[np.concatenate(known)], return_counts=True)
    repeated = words[count > 1]
    found = []
    for (name, codes), value, whole in zip(contigs.items(), hashes, known, strict=True):
        again = np.zeros(len(codes), bool)
        again[: len(value)] = whole & np.isin(value, repeated)
        for start in range(0, len(codes), window):
            if again[start : start + window].mean() >= share:
                found.append((name, start, min(start + window, len(codes))))
    return found


def _segments(
    contigs: dict[str, Codes], wanted: float, shortest: int, longest: int, rng: np.random.Generator
) -> Iterator[Codes]:
    """Draw known segments, log-uniform in length, until they hold ``wanted`` bp."""
    names = list(contigs)
    known = np.array([(contigs[name] < N).sum() for name in names])
    while wanted > 0:
        codes = contigs[names[int(rng.choice(len(names), p=known / known.sum()))]]
        size = int(_between(shortest, longest, rng))
        start = int(rng.integers(0, len(codes) - size))
        segment = codes[start : start + size]
        if not (segment == N).any():
            wanted -= size
            yield segment


def _between(low: float, high: float, rng: np.random.Generator) -> float:
    """Draw log-uniformly."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def subtract(
    intervals: list[tuple[str, int, int]], holes: list[tuple[str, int, int]]
) -> list[tuple[str, int, int]]:
    """Return sorted intervals less the holes."""
    for contig, low, high in holes:
        cut = []
        for name, start, end in intervals:
            if name != contig or end <= low or start >= high:
                cut.append((name, start, end))
                continue
            cut += [(name, a, b) for a, b in ((start, low), (high, end)) if a < b]
        intervals = cut
    return intervals


def within(intervals: list[tuple[str, int, int]], window: tuple[str, int, int]) -> list[tuple[str, int, int]]:
    """Return the parts of intervals that lie in a window."""
    contig, low, high = window
    return [(n, max(s, low), min(e, high)) for n, s, e in intervals if n == contig and s < high and e > low]


def around_runs(
    intervals: Sequence[tuple[str, int, int]], contigs: dict[str, Codes], least: int, margin: int = 2
) -> list[tuple[str, int, int]]:
    """Return the parts of intervals that lie within ``margin`` bp of a run of ``least`` equal bases or more."""
    found = []
    for name, codes in contigs.items():
        runs = find_tracts(codes, {1: least})
        near, inside = np.zeros(len(codes), bool), np.zeros(len(codes), bool)
        for start, length in zip(runs.start.tolist(), runs.length.tolist(), strict=True):
            near[max(start - margin, 0) : start + length + margin] = True
        for contig, start, end in intervals:
            if contig == name:
                inside[start:end] = True
        steps = np.flatnonzero(np.diff((near & inside).astype(np.int8), prepend=0, append=0))
        found += [(name, int(start), int(end)) for start, end in steps.reshape(-1, 2)]
    return found
