"""How many false candidates a BAM shows, and at which allele fractions: real against simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
from numpy.typing import NDArray

from dvplug.simulate.genome import Codes
from dvplug.simulate.learn.observed_alleles import ObservedAlleles, count_alleles, reference_codes

FRACTION_EDGES = np.array([0.03, 0.06, 0.09, 0.12, 0.15, 0.2, 0.3, 0.5, 1.01])


@dataclass
class Noise:
    """Counts of false alleles of 2 reads or more by allele fraction, bins of `FRACTION_EDGES`; `str` gives rates."""

    bases: int
    mean_depth: float
    snps: NDArray[np.int64]  # [bins]
    indels: NDArray[np.int64]  # [bins]

    def __str__(self) -> str:
        edges = "  ".join(f"{e:6.2f}" for e in FRACTION_EDGES[:-1])
        rows = [f"{self.bases} bp at {self.mean_depth:.1f}x; per 100 kb by fraction from", f"       {edges}"]
        for name, counts, least in (("SNP", self.snps, 3), ("indel", self.indels, 1)):
            rate = counts * 1e5 / self.bases
            cells = "  ".join(f"{v:6.1f}" for v in rate)
            rows.append(f"{name:6} {cells}   total over threshold {rate[least:].sum():.1f}")
        return "\n".join(rows)


def away_from_truth(
    truth: Path | None, contig: str, start: int, end: int, flank: int = 12
) -> NDArray[np.bool_]:
    """Return bool[end - start], False within ``flank`` bp of a true variant."""
    keep = np.ones(end - start, dtype=bool)
    if truth is not None:
        with pysam.VariantFile(str(truth)) as records:
            for record in records.fetch(contig, start, end):
                keep[max(record.start - flank - start, 0) : max(record.stop + flank - start, 0)] = False
    return keep


def measure_noise(
    bam: Path,
    fasta: Path,
    intervals: Sequence[tuple[str, int, int]],
    truth: Path | None,
    *,
    min_depth: int = 10,
) -> Noise:
    """Count false alleles by the fraction of the reads that show them.

    They are those of two reads or more at positions of ``min_depth`` or more that lie away from true variants (at all
    positions where ``truth`` is None).
    """
    snps, indels = [], []
    bases, depth = 0, 0.0
    for contig, start, end in intervals:
        counts = count_alleles(bam, contig, start, end)
        reference = reference_codes(fasta, contig, start, end)
        keep = away_from_truth(truth, contig, start, end) & (counts.depth >= min_depth) & (reference < 4)
        bases += int(keep.sum())
        depth += float(counts.depth[keep].sum())
        snps.append(_snp_fractions(counts, reference, keep))
        indels.append(_indel_fractions(counts, keep))
    tables = [np.histogram(np.concatenate(part), FRACTION_EDGES)[0] for part in (snps, indels)]
    return Noise(bases=bases, mean_depth=depth / max(bases, 1), snps=tables[0], indels=tables[1])


def _snp_fractions(counts: ObservedAlleles, reference: Codes, keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    others = counts.bases.copy()
    others[np.arange(len(reference))[reference < 4], reference[reference < 4]] = 0
    fraction = others / np.maximum(counts.bases.sum(axis=1), 1)[:, None]
    return fraction[keep[:, None] & (others >= 2)]


def _indel_fractions(counts: ObservedAlleles, keep: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.array(
        [count / max(counts.depth[p], 1) for (p, _), count in counts.indels.items() if count >= 2 and keep[p]]
    )
