"""On which contigs there are reads at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

import pysam

from dvplug.reads.groups import ReadSource
from dvplug.reads.opened import OpenedReads
from dvplug.system.htslib import isolated_htslib
from dvplug.system.locations import Location


def without_reads(sources: Sequence[ReadSource], reference: Location, contigs: Iterable[str]) -> set[str]:
    """Return those of the contigs on which no file has an alignment, found as alignments are found to be called.

    Only BAM files are asked, which answer in microseconds; with a CRAM file among them none is said to be empty.
    """
    empty = set(contigs)
    for source in sources:
        with closing(OpenedReads.open(source, reference)) as file:
            if not file.alignments.is_bam:
                return set()
            empty = _empty(file.alignments, empty)
    return empty


@isolated_htslib()
def _empty(file: pysam.AlignmentFile, contigs: set[str]) -> set[str]:
    """Only where the index counts none is the file asked, so that of one on a server nothing is fetched."""
    counted = {one.contig for one in file.get_index_statistics() if one.total}
    return {contig for contig in contigs - counted if not _has_reads(file, contig)}


def _has_reads(file: pysam.AlignmentFile, contig: str) -> bool:
    """Whether a contig has an alignment, or a place that cannot be read."""
    try:
        return file.get_tid(contig) >= 0 and next(file.fetch(contig), None) is not None
    except OSError:
        return True
