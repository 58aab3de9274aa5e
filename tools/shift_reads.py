"""Change reads as other sequencers, aligners and tools would have written them; the variants stay the same.

    python tools/shift_reads.py quality-flat20 sample.bam flat.bam
    python tools/shift_reads.py single flat.bam flat_single.bam

`measure_shifts.py` measures what that costs.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug_lab.script import run
from dvplug_lab.shifts.reads import SHIFTS, shift_reads

app = App(help=f"{__doc__}\nShifts: {', '.join(SHIFTS)}.", help_format="plaintext")


@app.default
def main(shift: str, reads: Path, out: Path) -> None:
    """Write the reads under a shift.

    Parameters
    ----------
    shift
        Which one.
    reads
        A sorted BAM file.
    out
        BAM file to write; its index is made beside it.
    """
    shift_reads(shift, reads, out)


if __name__ == "__main__":
    run(app)
