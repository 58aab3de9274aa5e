"""Where worlds of a user's genome lie: pieces of it, variants drawn on them, a quarter of each kept to tune on.

Pieces lie on a grid of the genome, and which quarter of one is kept does not depend on any seed. So all sets that are
simulated of one genome agree on what is trained on and what is tuned on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dvplug.errors import InputError
from dvplug.evaluate.variants import open_vcf
from dvplug.genome.bed import read_bed
from dvplug.genome.reference import Reference
from dvplug.simulate.crowded_variants import with_crowds
from dvplug.simulate.drawn_variants import RUN, VariantModel, drawn_variants
from dvplug.simulate.genome import Codes, N
from dvplug.simulate.sample import real_variants
from dvplug.simulate.usual_variants import usual_variants
from dvplug.simulate.variants import PhasedVariant
from dvplug.simulate.world import World
from dvplug.simulate.world_reads import WorldPerson, usual_stretch
from dvplug.system.htslib import isolated_htslib

PIECE = 1_000_000
"""bp of a piece, about."""
IN_A_WORLD = 3_000_000
"""bp of the pieces that a world's reads are mapped to."""
SMALLEST = 40_000
"""bp of the smallest piece; shorter contigs are left out."""
READS_IN_PIECE = 12
"""Mean lengths of reads that a piece has at the least: where reads end, nothing is labelled."""
MOST_UNKNOWN = 0.2
LEARNT = 20_000_000
"""bp of the truth that variants are learnt from."""
FEWEST_VARIANTS = 500


class Piece(NamedTuple):
    """A stretch of a contig that is a contig of a world."""

    contig: str
    start: int
    end: int
    name: str


def pieces_of(lengths: Mapping[str, int], contigs: Sequence[str], read_length: float) -> list[Piece]:
    """Cut contigs into pieces, all about as long.

    Parameters
    ----------
    lengths
        Of the contigs of the genome.
    contigs
        Those to use; all where none is named.
    read_length
        Mean of single reads, bp; 0 of short pairs.

    Raises
    ------
    InputError
        A contig is unknown, or all are too short.
    """
    if unknown := [name for name in contigs if name not in lengths]:
        raise InputError(
            f"--contigs {' '.join(unknown)}: not in the genome",
            cause=f"it has {', '.join(list(lengths)[:10])}{', ...' if len(lengths) > 10 else ''}",
            repair="Name contigs that it has.",
        )
    least = max(SMALLEST, int(READS_IN_PIECE * read_length))
    size = max(PIECE, least)
    found = []
    for name in contigs or lengths:
        length = lengths[name]
        if length < least:
            continue
        edges = np.linspace(0, length, max(1, round(length / size)) + 1).astype(int).tolist()
        for start, end in pairwise(edges):
            whole = end - start == length
            found.append(Piece(name, start, end, name if whole else f"{name}_{start + 1}-{end}"))
    if not found:
        raise InputError(
            f"no contig has {least:,} bp",
            cause=f"the longest has {max(lengths[name] for name in contigs or lengths):,}, too few for stretches to "
            "train on and to tune on",
            repair="Give a genome with longer contigs, such as one of a related species.",
        )
    return found


def draw_pieces(pieces: Sequence[Piece], genome: Reference, rng: np.random.Generator) -> dict[str, Codes]:
    """Choose pieces of known sequence for a world, by name; raises InputError where there is none."""
    chosen: dict[Piece, Codes] = {}
    for at in rng.permutation(len(pieces)).tolist():
        piece = pieces[at]
        codes = genome.codes(piece.contig, piece.start, piece.end)
        if (codes == N).mean() <= MOST_UNKNOWN:
            chosen[piece] = codes
        if sum(map(len, chosen.values())) >= IN_A_WORLD:
            break
    if not chosen:
        raise InputError(
            f"too much of {genome.path} is unknown",
            cause=f"no piece of its contigs has fewer than {MOST_UNKNOWN:.0%} N",
            repair="Give a genome of which more is known.",
        )
    return {piece.name: chosen[piece] for piece in sorted(chosen)}


def draw_person(
    contigs: dict[str, Codes], model: VariantModel, world: World, rng: np.random.Generator
) -> WorldPerson:
    """Draw the variants of a world's person; the last quarter of each contig is to tune on."""
    variants = {
        name: with_crowds(codes, drawn_variants(codes, model, rng), world.person, rng)
        for name, codes in contigs.items()
    }
    whole = {name: codes != N for name, codes in contigs.items()}
    tune = tuple((name, 3 * (len(codes) // 4), len(codes)) for name, codes in contigs.items())
    return WorldPerson(contigs, variants, whole, tune)


def stretch_of(contigs: Mapping[str, Codes], world: World, mean_length: float) -> int:
    """Return how many bp to sequence in one piece, so that one of them fits into a quarter of the smallest contig.

    ``mean_length`` of single reads is in bp, 0 of pairs. Stretches lie on a grid, where the last quarter begins too.
    """
    quarter = min(map(len, contigs.values())) // 4
    usual = usual_stretch(world, mean_length)
    return quarter // max(quarter // usual, 1)


def variant_model(genome: Reference, truth: Path | None, confident: Path | None) -> VariantModel:
    """Learn how a person varies from a truth set, or return the usual model where there is none.

    Parameters
    ----------
    truth
        VCF of one sample, indexed, on this genome.
    confident
        BED of where it is whole; None for everywhere.

    Raises
    ------
    InputError
        A file cannot be used, does not belong to the genome, or has too few variants.
    """
    if truth is None:
        if confident is not None:
            raise InputError(
                "--confident is given without --truth", repair="Name the VCF that it belongs to with --truth."
            )
        return usual_variants()
    contig, start, end = _learnt_from(genome, truth, confident)
    codes = genome.codes(contig, start, end)
    variants = [
        PhasedVariant(v.start - start, v.ref.upper(), tuple(a.upper() for a in v.alts), v.genotype)
        for v in _variants_of(truth, contig)
        if start <= v.start and v.end <= end and _is_sequence(v)
    ]
    _require_of_genome(variants, codes, genome, truth)
    whole = None
    if confident is not None:
        of_bed = (r for r in read_bed(confident, genome.lengths) if r.contig == contig)
        whole = [
            (max(r.start - start, 0), min(r.end, end) - start)
            for r in of_bed
            if start < r.end and r.start < end
        ]
    model = VariantModel.learn(codes, variants, whole)
    if len(variants) < FEWEST_VARIANTS or len(model.others) <= 2 * RUN:
        raise InputError(
            f"--truth {truth} has only {len(variants)} variants on {contig}",
            cause=f"it takes {FEWEST_VARIANTS} to tell how a genome varies",
            repair="Give a whole truth set; or leave --truth out: variants are then drawn as in a human genome.",
        )
    return model


def _learnt_from(genome: Reference, truth: Path, confident: Path | None) -> tuple[str, int, int]:
    """The stretch to learn variants from: of the contig of which most is known to be whole."""
    with open_vcf(truth) as records, isolated_htslib():
        if records.index is None:
            raise InputError(
                f"--truth {truth} has no index", repair=f"Index it: bcftools index -t {truth} (after bgzip)."
            )
        named = [name for name in records.index if name in genome.lengths]
    if not named:
        raise InputError(
            f"--truth {truth} is not of the genome {genome.path}",
            cause="they have no contig in common",
            repair="Give the truth set of this very genome.",
        )
    if confident is None:
        contig = max(named, key=lambda name: genome.lengths[name])
        return contig, 0, min(genome.lengths[contig], LEARNT)
    regions = [r for r in read_bed(confident, genome.lengths) if r.contig in named]
    if not regions:
        raise InputError(
            f"--confident {confident} has no interval on the contigs of --truth {truth}",
            repair="Give the BED file that belongs to it.",
        )
    known = {name: sum(r.end - r.start for r in regions if r.contig == name) for name in named}
    contig = max(named, key=lambda name: known[name])
    start = min(r.start for r in regions if r.contig == contig)
    end = max(r.end for r in regions if r.contig == contig)
    return contig, start, min(end, start + LEARNT)


@isolated_htslib()
def _variants_of(truth: Path, contig: str) -> list[PhasedVariant]:
    return real_variants(truth, contig, np.random.default_rng(1))


def _is_sequence(variant: PhasedVariant) -> bool:
    """Whether no allele is symbolic, a spanning deletion, or has unknown bases."""
    return all(set(allele.upper()) <= set("ACGT") for allele in (variant.ref, *variant.alts))


def _require_of_genome(
    variants: Sequence[PhasedVariant], codes: Codes, genome: Reference, truth: Path
) -> None:
    """Refuse a truth set of another build."""
    letters = np.frombuffer(b"ACGTN", np.uint8)
    wrong = sum(letters[codes[v.start : v.end]].tobytes().decode() != v.ref for v in variants)
    if wrong > len(variants) / 100:
        raise InputError(
            f"--truth {truth} is not of the genome {genome.path}",
            cause=f"REF differs from it at {wrong:,} of {len(variants):,} variants",
            repair="Give the truth set of this very genome.",
        )
