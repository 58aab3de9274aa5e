"""`VcfRecord`: one site, as it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

REF_CALL, NO_CALL = "RefCall", "NoCall"


class Notes(NamedTuple):
    """What an annotation adds to a record, by ID.

    Attributes
    ----------
    info, format
        A value, a sequence of them where the field has several, True of a flag. None, or a field that is left out: not
        known.
    filters
        Those that the record does not pass.
    """

    info: Mapping[str, Any] = {}
    format: Mapping[str, Any] = {}
    filters: tuple[str, ...] = ()


class Note(NamedTuple):
    """One field that an annotation added to a record.

    Attributes
    ----------
    column, id, number
        INFO or FORMAT, its name, and how many values it has, as the header says.
    values
        As text; none of a flag.
    """

    column: str
    id: str
    number: str
    values: tuple[str, ...]

    def of_alts(self, kept: Sequence[int]) -> Note:
        """Return it with the values of these alts alone."""
        if self.number not in ("A", "R"):
            return self
        first = self.number == "R"
        return self._replace(values=(*self.values[:first], *(self.values[first + alt] for alt in kept)))


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
        Allele indexes, smaller first; a single one where the sample is haploid; empty where there is no call. Where it
        is phased: first that of haplotype 1.
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
    notes
        What annotations of plugins added.
    phased
        Whether it is known which allele is on which haplotype.
    phase_set
        Of a phased record, its block: the position of the block's first record, 1-based as in a VCF, or what the tag PS
        of the reads says. None where reads have haplotypes and no blocks.
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
    notes: tuple[Note, ...] = ()
    phased: bool = False
    phase_set: int | None = None
