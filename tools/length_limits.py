"""How well homopolymers could be called: a caller that knows how the reads err, beside VCFs of the same reads.

    python tools/length_limits.py --reads work/reads/r10_held_out --profile work/reads/profile.NAME.npz --calls a.vcf.gz

For simulated reads alone, whose error profile is known. In each homopolymer every read that spans it tells a length;
the genotype with the fewest expected errors is taken, by Bayes, from how often homopolymers of that length have each
genotype (in all others of the set) and how often a read of an allele shows each length (the profile, averaged over its
classes of reads and over strands). Reads are not phased, so a network that sees haplotypes may do better.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from cyclopts import App
from numpy.typing import NDArray
from rich.table import Table

from dvplug.genome.bed import read_bed
from dvplug.simulate.genome import encode, find_tracts
from dvplug.simulate.learn.context import LONGEST_RUN, MOST_CHANGE, ContextProfile, alignments, long_runs
from dvplug.simulate.sample import read_fasta
from dvplug.system.console import stdout
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")

Genotype = tuple[int, int]
"""Changes of length of both haplotypes, ascending."""
REFERENCE: Genotype = (0, 0)
FARTHEST = 5
"""Alleles are at most so many bp from the reference."""
FEWEST_READS = 5
FLANK = 15
"""Homopolymers with another variant within so many bp are left out."""
LEAST_P = 1e-4
"""Of any length of a read: what the profile does not know of."""
LENGTHS = (10, 12, 14, 16, 18)
"""Rows of the table begin at these."""


@dataclass(frozen=True)
class Run:
    """A homopolymer: its base, its length, how far each read is from it, and what is true."""

    contig: str
    anchor: int
    """1-based position of the base before, where its indels are written."""
    base: int
    length: int
    changes: NDArray[np.int64]
    truth: Genotype


@app.default
def compare(*, reads: Path, profile: Path, calls: list[Path]) -> None:
    """Count errors (FP + FN; a wrong genotype is both) of the best caller and of others.

    Parameters
    ----------
    reads
        Folder of a simulated set, with ref.fa, reads.bam, truth.vcf.gz and confident.bed.
    profile
        What it was simulated with.
    calls
        VCFs of these reads.
    """
    runs = find_runs(reads)
    called = [genotypes(path) for path in calls]
    best = best_genotypes(runs, ContextProfile.load(profile))
    names = [path.name.removesuffix(".vcf.gz") for path in calls]
    table = Table("length, bp", "homopolymers", "varied", "best caller", *names)
    for low, high in zip(LENGTHS, (*LENGTHS[1:], LONGEST_RUN), strict=True):
        chosen = [i for i, run_ in enumerate(runs) if low <= run_.length < high]
        columns = [
            sum(errors(runs[i].truth, best[i]) for i in chosen),
            *(
                sum(
                    errors(runs[i].truth, found.get((runs[i].contig, runs[i].anchor), REFERENCE))
                    for i in chosen
                )
                for found in called
            ),
        ]
        varied = sum(runs[i].truth != REFERENCE for i in chosen)
        table.add_row(f"{low}-{high - 1}", str(len(chosen)), str(varied), *map(str, columns))
    stdout.print(table)


def find_runs(folder: Path) -> list[Run]:
    """Find the confident homopolymers that have no other variant near and that enough reads span."""
    seen: dict[tuple[str, int], list[int]] = defaultdict(list)
    for one in alignments(folder / "reads.bam", folder / "ref.fa"):
        for start, change in long_runs(one.read, one.reference, one.position, LENGTHS[0]):
            seen[one.contig, start].append(change)
    files = (folder / name for name in ("ref.fa", "truth.vcf.gz", "confident.bed"))
    return [
        Run(contig, at, base, length, np.array(seen[contig, at], np.int64), truth)
        for contig, at, base, length, truth in confident_runs(*files, shortest=LENGTHS[0])
        if length < LONGEST_RUN and len(seen[contig, at]) >= FEWEST_READS
    ]


def confident_runs(
    ref: Path, truth: Path, confident: Path, *, shortest: int
) -> Iterator[tuple[str, int, int, int, Genotype]]:
    """Yield contig, start, base code, bp and genotype of the confident homopolymers without another variant near."""
    contigs = read_fasta(ref)
    intervals = read_bed(confident, {contig: len(sequence) for contig, sequence in contigs.items()})
    known = genotypes(truth, all_filters=True)
    for contig, sequence in contigs.items():
        codes = encode(sequence)
        variants = np.array([position for of, position in known if of == contig], np.int64)
        inside = np.zeros(len(codes) + 1, bool)
        for _, start, end in (interval for interval in intervals if interval[0] == contig):
            inside[start:end] = True
        tracts = find_tracts(codes, {1: shortest})
        for at, length in zip(tracts.start.tolist(), tracts.length.tolist(), strict=True):
            near = (variants > at - FLANK) & (variants <= at + length + FLANK) & (variants != at)
            if inside[max(at - 1, 0) : at + length + 1].all() and not near.any():
                yield contig, at, int(codes[at]), length, known.get((contig, at), REFERENCE)


def genotypes(vcf: Path, *, all_filters: bool = False) -> dict[tuple[str, int], Genotype]:
    """Read changes of length of the called alleles, by contig and 1-based position; what did not pass is no call."""
    found = {}
    with pysam.VariantFile(str(vcf)) as records:
        for record in records:
            if all_filters or set(record.filter.keys()) <= {"PASS"}:
                called = record.samples[0]["GT"]
                one, *rest = sorted(len(record.alleles[i or 0]) - len(record.ref) for i in called)
                found[record.contig, record.pos] = (one, rest[0] if rest else one)
    return found


def errors(truth: Genotype, called: Genotype) -> int:
    """FP + FN: a wrong genotype of a variant is both."""
    return 0 if truth == called else (truth != REFERENCE) + (called != REFERENCE)


def best_genotypes(runs: list[Run], profile: ContextProfile) -> list[Genotype]:
    """Return the genotype of each homopolymer that has the fewest expected errors."""
    read_as = np.diff(profile.run_change, axis=-1, prepend=0).mean(axis=0)  # [base, length, change]
    read_as = (read_as + read_as[::-1]) / 2  # codes of complements add up to 3
    offsets = range(-FARTHEST, FARTHEST + 1)
    candidates = [(one, other) for one in offsets for other in offsets if one <= other]
    cost = np.array([[errors(truth, called) for truth in candidates] for called in candidates])
    known = Counter((run_.length // 2, run_.truth) for run_ in runs)
    best = []
    for run_ in runs:
        p_read = {
            offset: _p_reads(read_as[run_.base], run_.length, run_.changes, offset) for offset in offsets
        }
        # its own truth is not told; a genotype that no other has is unlikely, not impossible
        prior = np.array([known[run_.length // 2, g] - (g == run_.truth) + 0.02 for g in candidates])
        told = np.array([np.log((p_read[one] + p_read[other]) / 2).sum() for one, other in candidates])
        p = prior * np.exp(told - told.max())
        p /= p.sum()
        best.append(candidates[int(np.argmin(cost @ p))])
    return best


def _p_reads(
    read_as: NDArray[np.float64], length: int, changes: NDArray[np.int64], offset: int
) -> NDArray[np.float64]:
    """P(each read | an allele so much longer than the reference)."""
    of_allele = np.clip(changes - offset, -MOST_CHANGE, MOST_CHANGE) + MOST_CHANGE
    return np.maximum(read_as[int(np.clip(length + offset, 1, LONGEST_RUN)), of_allele], LEAST_P)


if __name__ == "__main__":
    run(app)
