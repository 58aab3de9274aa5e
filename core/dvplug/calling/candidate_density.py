"""Watch how dense candidates lie while calling: reads that do not fit the reference make every third base one.

The limits were measured on 29 sets of reads, each with its reference: real ones had a candidate at up to 0.7 % of the
bases under reads, ones with a SNP every 30 bp at 3 %. A wrong reference gives about 35 %.
"""

from __future__ import annotations

from dvplug.errors import RefusedRun
from dvplug.line.result import Counts
from dvplug.system.console import warn

WRONG, DOUBTFUL = 0.2, 0.1
"""Candidates per base under reads, beyond which the reference is another one; beyond which there is reason to doubt."""
FEWEST_BASES = 2000
"""Bp under reads of a contig; fewer may be one odd place."""
ENOUGH_BASES = 100_000
"""Bp under reads after which a contig need not be called to its end."""


class CandidateDensity:
    """The candidates of the contig that is being called.

    Parameters
    ----------
    reference
        Its name.
    force
        Warn in place of an error.
    """

    def __init__(self, reference: str, *, force: bool) -> None:
        self.reference, self.force = reference, force
        self.contig, self.counts, self.is_told = "", Counts(), False

    def add(self, contig: str, counts: Counts) -> None:
        """Note what the next partition gave; raises RefusedRun where the contig cannot be that of the reads."""
        if contig != self.contig:
            self.finish()
            self.contig, self.counts, self.is_told = contig, Counts(), False
        self.counts.found += counts.found
        self.counts.covered += counts.covered
        if self.counts.covered >= ENOUGH_BASES:
            self._judge(WRONG)

    def finish(self) -> None:
        """Judge the contig that was called to its end; raises as `add`."""
        if self.counts.covered >= FEWEST_BASES:
            self._judge(DOUBTFUL)

    def _judge(self, least: float) -> None:
        density = self.counts.found / self.counts.covered
        if density < least or self.is_told:
            return
        self.is_told = True
        error = RefusedRun(
            f"The reads do not fit contig '{self.contig}' of {self.reference}",
            cause=f"{density:.0%} of the bases under them are candidates for variants ({self.counts.found:,} of "
            f"{self.counts.covered:,} bp): it is another build or another genome, the index of the file is old, or the "
            "reads err that often",
            repair="Use the reference of the alignment, indexed anew with `samtools faidx`, or call with this one all "
            "the same with --force.",
        )
        if density < WRONG:
            warn(
                f"{density:.0%} of the bases under reads on contig '{self.contig}' are candidates for variants: check "
                "that the reference is that of the alignment."
            )
        elif self.force:
            warn(f"{error.problem}: {error.cause}. Called all the same (--force).")
        else:
            raise error
