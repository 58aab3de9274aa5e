"""`VcfRecord`: one site, as it is called."""

from __future__ import annotations

from typing import NamedTuple

REF_CALL, NO_CALL = "RefCall", "NoCall"


class VcfRecord(NamedTuple):
    """One site, minimal: records sort by contig name, start, ref and alts.

    Attributes
    ----------
    contig, start, ref, alts
        Where (0-based) and what; `ref` and `alts` share no suffix, nor a prefix beyond the anchor base.
    qual
        phred of P(0/0), 0 to 99.
    filter
        PASS, RefCall (genotype 0/0, however sure), LowQual and LowGQ (joined by ``;`` if both), or NoCall (proposed,
        and no read tells of it).
    gt
        Allele indexes, smaller first; a single one where the sample is haploid; empty where there is no call.
    gq
        phred of P(the genotype is another), 0 to 99.
    dp
        Reads at the site.
    ad
        Reads that support ref and each alt.
    vaf
        Fraction of `dp` that supports each alt.
    pl
        phred likelihood per genotype in VCF order, smallest 0.
    proposed
        Indexes of the alts that the user asked for.
    """

    contig: str
    start: int
    ref: str
    alts: tuple[str, ...]
    qual: float
    filter: str
    gt: tuple[int, ...]
    gq: int
    dp: int
    ad: tuple[int, ...]
    vaf: tuple[float, ...]
    pl: tuple[int, ...]
    proposed: tuple[int, ...] = ()
