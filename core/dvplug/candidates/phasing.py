"""Read-based phasing: which of the two haplotypes of its neighbourhood each read comes from.

Heterozygous-looking SNP candidates are visited from left to right; each is oriented by the reads that it shares with
those before it, then all are visited again until none turns. As DeepVariant's and longphase's, this serves long,
accurate reads; the labels 1 and 2 mean nothing beyond a block of reads that overlap.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dvplug.kernel import kernel, subkernel
from dvplug.line.candidate_batch import CandidateBatch, ReadSupport
from dvplug.line.contexts import PhaseContext
from dvplug.line.read_batch import ReadBatch
from dvplug.sequence.arrays import Int64s, UInt8s

# Of the alt, among reads that tell: outside, a site is no heterozygote.
MIN_FRACTION, MAX_FRACTION = 0.25, 0.75
MIN_READS = 3  # of either allele
MIN_INFORMATIVE = 0.85  # of the reads over a site that have one of the two alleles
MIN_VOTES = 2  # by which reads must agree to link a site with those before it
MIN_AGREEMENT = 0.85  # of the reads at a site with the rest of their haplotype, else it is no heterozygote
MOST_ROUNDS = 10
# bp beside a region whose candidates are phased along: a small region has few heterozygotes of its own, and at the edge
# of a large one half of those that a read lies over are missing.
PHASING_MARGIN = 20_000


def phase_in_context(context: PhaseContext) -> UInt8s:
    """Return the haplotype of each read, uint8[reads] (see `dvplug.hookspecs.Phase`)."""
    return phase_reads(context.reads, context.candidates).haplotype


def phase_reads(reads: ReadBatch, candidates: CandidateBatch) -> ReadBatch:
    """Return the reads with their haplotypes: 1, 2, or 0 where it is not known."""
    sites = heterozygous_sites(candidates)
    return replace(reads, haplotype=assign_haplotypes(len(reads), sites, candidates.support()))


def heterozygous_sites(candidates: CandidateBatch) -> Int64s:
    """Indexes of the SNP candidates with one alt that look heterozygous by counts alone."""
    if not len(candidates):
        return np.zeros(0, np.int64)
    ref, alt = candidates.allele_depths[:, 0], candidates.allele_depths[:, 1]
    told = np.maximum(ref + alt, 1)
    over = np.diff(candidates.read_offset)
    is_snp = np.array(
        [
            len(r) == 1 and len(a) == 1 and len(a[0]) == 1
            for r, a in zip(candidates.refs, candidates.alts, strict=True)
        ]
    )
    fraction = alt / told
    good = is_snp & (ref >= MIN_READS) & (alt >= MIN_READS) & (told >= MIN_INFORMATIVE * over)
    return np.flatnonzero(good & (fraction >= MIN_FRACTION) & (fraction <= MAX_FRACTION))


@kernel
def assign_haplotypes(n_reads: int, sites: Int64s, support: ReadSupport) -> UInt8s:
    """Haplotype of each read, uint8[reads], from its alleles at these sites.

    Parameters
    ----------
    sites
        int64[s], indexes of the sites in ``support``.
    """
    score = np.zeros(n_reads, np.int64)  # sites that speak for haplotype 1, less those for 2
    turn = np.zeros(len(sites), np.int64)  # 1: the alt is on haplotype 1; -1: on 2; 0: not used
    for i in range(len(sites)):
        vote = _vote(score, support, sites[i])[0]
        turn[i] = -1 if vote <= -MIN_VOTES else 1  # without a link a new block begins
        _add(score, turn[i], support, sites[i])
    for _ in range(MOST_ROUNDS):
        turned = False
        for i in range(len(sites)):
            _add(score, -turn[i], support, sites[i])
            vote, voters = _vote(score, support, sites[i])
            wanted = turn[i]
            if voters >= MIN_VOTES:
                wanted = 1 if vote > 0 else -1
                if (voters + abs(vote)) / (2 * voters) < MIN_AGREEMENT:
                    wanted = 0
            turned |= wanted != turn[i]
            turn[i] = wanted
            _add(score, turn[i], support, sites[i])
        if not turned:
            break
    haplotype = np.zeros(n_reads, np.uint8)
    for read in range(n_reads):
        haplotype[read] = 1 if score[read] > 0 else 2 if score[read] < 0 else 0
    return haplotype


@subkernel
def _vote(score: Int64s, support: ReadSupport, site: int) -> tuple[int, int]:
    """Sum of what phased reads say of the site (1: its alt is on haplotype 1, -1: on 2), and how many they are.

    ``score`` int64[reads]: above 0 for reads of haplotype 1, below for those of 2, 0 where it is not known.
    """
    vote, voters = 0, 0
    for k in range(support.offset[site], support.offset[site + 1]):
        if support.allele[k] < 0 or score[support.read[k]] == 0:
            continue
        side = 1 if score[support.read[k]] > 0 else -1
        vote += side if support.allele[k] == 1 else -side
        voters += 1
    return vote, voters


@subkernel
def _add(score: Int64s, turn: int, support: ReadSupport, site: int) -> None:
    """Add the site, turned so, to the score, int64[reads], of its reads."""
    for k in range(support.offset[site], support.offset[site + 1]):
        if support.allele[k] == 1:
            score[support.read[k]] += turn
        elif support.allele[k] == 0:
            score[support.read[k]] -= turn
