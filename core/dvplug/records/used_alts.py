"""Records without the alts that their genotype does not use."""

from __future__ import annotations

from dvplug.line.record import VcfRecord
from dvplug.records.merge import genotypes
from dvplug.sequence.alleles import trim


def with_used_alts(record: VcfRecord) -> VcfRecord:
    """Drop the alts that are neither called nor proposed, and what REF needed only for them.

    An alt that nobody has makes REF as long as the longest deletion among them, so that the record lies over its
    neighbours and seems to contradict them. A record without a called alt keeps all: they are what was ruled out.
    QUAL, GQ and FILTER stay, since the alts that go were weighed too; of PL those remain that the alts left have.
    """
    n_alts = len(record.alts)
    kept = [alt for alt in range(n_alts) if 1 + alt in record.gt or alt in record.proposed]
    if n_alts == 1 or not any(record.gt) or len(kept) == n_alts:
        return record
    start, ref, alts = trim(record.start, record.ref, [record.alts[alt] for alt in kept])
    number = {0: 0} | {1 + alt: 1 + new for new, alt in enumerate(kept)}
    possible = [(a, b) for a, b in genotypes(n_alts) if a == b or len(record.pl) > 1 + n_alts]
    pl = [q for q, (a, b) in zip(record.pl, possible, strict=True) if a in number and b in number]
    return record._replace(
        start=start,
        ref=ref,
        alts=alts,
        gt=tuple(number[allele] for allele in record.gt),
        ad=(record.ad[0], *(record.ad[1 + alt] for alt in kept)),
        vaf=tuple(record.vaf[alt] for alt in kept),
        pl=tuple(pl),
        proposed=tuple(number[1 + alt] - 1 for alt in record.proposed),
        notes=tuple(note.of_alts(kept) for note in record.notes),
    )
