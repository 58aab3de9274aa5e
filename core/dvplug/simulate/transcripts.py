"""Spliced reads: genes are laid on a contig, and their transcripts are sequenced in its place.

Each gene has an expression of its own, several transcripts (an exon left out, not spliced, edited), and its two copies
are not expressed alike. Reads of transcripts are mapped to the contig, so that they skip what was spliced out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.simulate.balance import AlleleBalance
from dvplug.simulate.depths import DepthBlocks
from dvplug.simulate.genome import Codes, N
from dvplug.simulate.spliced import SplicedLibrary
from dvplug.simulate.variants import PhasedVariant

A, C, G, T = range(4)
SHORTEST_EXON, SHORTEST_INTRON = 25, 70
EDITED_WINDOW = 300
"""bp in which the edited bases of a gene lie: an inverted repeat of its last exon."""
LEAST_DEPTH = 5.0
"""Expected reads of all transcripts over a base from which on it is labelled."""
FLANK = 12
"""bp of introns beside exons that are labelled, unless something varies there: reads are aligned into them wrongly."""
_TAIL = 2_000  # bp of N behind the last transcript: no fragment begins there
_EXON_SD, _INTRON_SD, _DEPTH_SD = 0.6, 1.2, 0.3  # of natural logarithms


class Gene(NamedTuple):
    """Where its exons lie, and on which strand."""

    exons: NDArray[np.int64]  # [exons, 2], ascending
    reverse: bool


class Transcript(NamedTuple):
    """One kind of molecules of a gene."""

    exons: NDArray[np.int64]  # [exons, 2], ascending
    depth: float  # of both copies together
    first_share: float  # of it, that of the first copy
    edits: tuple[PhasedVariant, ...] = ()  # on the contig


class Transcriptome(NamedTuple):
    """The transcripts of a contig, one behind the other, as a contig of their own."""

    codes: Codes  # uint8[bp]
    variants: list[PhasedVariant]
    blocks: DepthBlocks
    ends: NDArray[np.int64]  # [transcripts], bp where each ends
    balance: tuple[AlleleBalance, AlleleBalance]


def draw_genes(
    codes: Codes, start: int, end: int, library: SplicedLibrary, rng: np.random.Generator
) -> Iterator[Gene]:
    """Lay genes on a stretch, one behind the other, on either strand; introns begin with GT and end with AG."""
    at = start + int(rng.exponential(library.gene_spacing / 4))
    while at < end:
        reverse = bool(rng.random() < 0.5)
        gene = _draw_gene(codes[:end], at, reverse, library, rng)
        if gene is None:
            return
        if not any((codes[low:high] == N).any() for low, high in gene.exons.tolist()):
            yield gene
        at = int(gene.exons[-1, 1]) + int(rng.exponential(library.gene_spacing / 2)) + 200


def _draw_gene(
    codes: Codes, at: int, reverse: bool, library: SplicedLibrary, rng: np.random.Generator
) -> Gene | None:
    """One that begins at a place; None where the sequence ends before it."""
    count = int(rng.geometric(1 / library.exons))
    # Of the reverse strand the reference shows CT ... AC.
    left, right = ((C, T), (A, C)) if reverse else ((G, T), (A, G))
    exons = []
    for number in range(count):
        is_last = number == (0 if reverse else count - 1)
        median = library.exon_median * (5 if is_last else 1)
        size = max(int(median * np.exp(_EXON_SD * rng.standard_normal())), SHORTEST_EXON)
        stop = at + size if number == count - 1 else _next(codes, at + size, left)
        if stop is None or stop > len(codes):
            return None
        exons.append((at, stop))
        if number < count - 1:
            skipped = max(
                int(library.intron_median * np.exp(_INTRON_SD * rng.standard_normal())), SHORTEST_INTRON
            )
            found = _next(codes, stop + skipped, right)
            if found is None:
                return None
            at = found + 2
    return Gene(np.array(exons, np.int64), reverse)


def _next(codes: Codes, at: int, pair: tuple[int, int]) -> int | None:
    """Where two bases follow on one another, from a place on, within 1,000 bp."""
    part = codes[at : at + 1_000]
    found = np.flatnonzero((part[:-1] == pair[0]) & (part[1:] == pair[1]))
    return at + int(found[0]) if len(found) else None


def draw_transcripts(
    codes: Codes,
    variants: Sequence[PhasedVariant],
    genes: Sequence[Gene],
    depth: float,
    library: SplicedLibrary,
    rng: np.random.Generator,
) -> list[Transcript]:
    """Draw what is transcribed of each gene; the genes' median depth is ``depth``."""
    taken = np.zeros(len(codes), bool)
    for variant in variants:
        taken[max(variant.start - 2, 0) : variant.end + 2] = True
    found: list[Transcript] = []
    for gene in genes:
        whole = depth * float(np.exp(library.expression_sd * rng.standard_normal()))
        share = float(np.clip(rng.normal(0.5, library.allele_sd), 0.02, 0.98))
        if rng.random() < library.one_sided:
            share = abs(int(rng.integers(2)) - float(rng.uniform(0.02, 0.2)))
        spliced = whole * (1 - library.unspliced)
        kinds = [Transcript(gene.exons, spliced, share)]
        if len(gene.exons) > 2 and rng.random() < library.exon_skipped:
            without = np.delete(gene.exons, int(rng.integers(1, len(gene.exons) - 1)), axis=0)
            lacking = float(rng.uniform(0.1, 0.9))
            kinds = [
                Transcript(gene.exons, spliced * (1 - lacking), share),
                Transcript(without, spliced * lacking, share),
            ]
        if len(gene.exons) > 1 and library.unspliced:
            span = np.array([[gene.exons[0, 0], gene.exons[-1, 1]]])
            kinds.append(Transcript(span, whole * library.unspliced, share))
        if rng.random() < library.edited:
            edits = _draw_edits(codes, gene, taken, library, rng)
            kinds = [part for kind in kinds for part in _edited(kind, edits, float(rng.beta(1.0, 2.0)), rng)]
        found += kinds
    return found


def _draw_edits(
    codes: Codes, gene: Gene, taken: NDArray[np.bool_], library: SplicedLibrary, rng: np.random.Generator
) -> list[PhasedVariant]:
    """Choose bases of the gene's last exon that are edited, none where something varies: ``taken``, bool[bp]."""
    low, high = gene.exons[0 if gene.reverse else -1].tolist()
    begin = low + int(rng.random() * max(high - low - EDITED_WINDOW, 1))
    true, letters = (T, "TC") if gene.reverse else (A, "AG")
    part = slice(begin, min(begin + EDITED_WINDOW, high) - 1)
    free = begin + np.flatnonzero((codes[part] == true) & ~taken[part])
    count = min(int(rng.geometric(1 / library.edited_sites)), len(free))
    chosen = np.sort(rng.choice(free, count, replace=False)) if count else free[:0]
    return [PhasedVariant(place, letters[0], (letters[1],), (1, 1)) for place in chosen.tolist()]


def _edited(
    transcript: Transcript, edits: list[PhasedVariant], share: float, rng: np.random.Generator
) -> list[Transcript]:
    """Part a transcript: a share of the molecules is edited, at some of the sites, in two ways."""
    if not edits:
        return [transcript]
    ways = rng.integers(1, 4, len(edits))  # of the first half of them, of the second, of both
    parts = [transcript._replace(depth=transcript.depth * (1 - share))]
    for way in (1, 2):
        own = tuple(edit for edit, of in zip(edits, ways.tolist(), strict=True) if of & way)
        parts.append(transcript._replace(depth=transcript.depth * share / 2, edits=own))
    return parts


def transcribe(
    codes: Codes,
    variants: Sequence[PhasedVariant],
    transcripts: Sequence[Transcript],
    rng: np.random.Generator,
) -> Transcriptome:
    """Join the transcripts' sequence, with the variants that lie within their exons, and plan how deep each exon is."""
    pieces, moved, ends = [], list[PhasedVariant](), []
    starts, depths, shares, at = [], [], [], 0
    for transcript in transcripts:
        shares.append((at, transcript.first_share))
        own = sorted([*variants_within(variants, transcript.exons), *transcript.edits], key=lambda v: v.start)
        placed = iter(own)
        variant = next(placed, None)
        for low, high in transcript.exons.tolist():
            while variant is not None and variant.start < high:
                if variant.start >= low:
                    moved.append(replace(variant, start=variant.start - low + at))
                variant = next(placed, None)
            pieces.append(codes[low:high])
            starts.append(at)
            depths.append(transcript.depth * float(np.exp(_DEPTH_SD * rng.standard_normal())))
            at += high - low
        ends.append(at)
    pieces.append(np.full(_TAIL, N, np.uint8))
    starts, depths = [*starts, at], [*depths, 0.0]
    place, first = np.array([s for s, _ in shares] or [0]), np.array([f for _, f in shares] or [0.5])
    return Transcriptome(
        np.concatenate(pieces).astype(np.uint8),
        moved,
        DepthBlocks(np.array(starts), np.array(depths)),
        np.array(ends, np.int64),
        (AlleleBalance(place, 2 * first), AlleleBalance(place, 2 * (1 - first))),
    )


def variants_within(variants: Sequence[PhasedVariant], exons: NDArray[np.int64]) -> list[PhasedVariant]:
    """Return those that lie in one exon, with a base of it on either side."""
    starts = np.array([v.start for v in variants], np.int64)
    found: list[PhasedVariant] = []
    for low, high in exons.tolist():
        first, last = np.searchsorted(starts, (low + 1, high))
        found += [v for v in variants[first:last] if v.end < high]
    return found


def labelled(
    length: int, variants: Sequence[PhasedVariant], transcripts: Sequence[Transcript]
) -> NDArray[np.bool_]:
    """Tell of each base of a contig whether enough reads are expected to label it, bool[length].

    Beside exons `FLANK` bp are labelled too, where nothing varies. What varies across the edge of an exon is not.
    """
    depth, flank = np.zeros(length), np.zeros(length, bool)
    for transcript in transcripts:
        for low, high in transcript.exons.tolist():
            depth[low:high] += transcript.depth
    read = depth >= LEAST_DEPTH
    edges = np.flatnonzero(np.diff(read.astype(np.int8), prepend=0, append=0))
    for low, high in edges.reshape(-1, 2).tolist():
        flank[max(low - FLANK, 0) : low] = flank[high : high + FLANK] = True
    flank &= ~read
    inside = read.copy()
    for variant in variants:
        around = slice(max(variant.start - 1, 0), variant.end + 1)
        flank[max(variant.start - FLANK, 0) : variant.end + FLANK] = False
        if not read[around].all():
            inside[around] = False
    return inside | flank
