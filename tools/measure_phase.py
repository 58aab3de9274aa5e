"""Measure the phase of calls on simulated long reads, beside that of WhatsHap on the same calls and reads.

    python tools/measure_phase.py pacbio --whatshap whatshap

Variants as a person has them are drawn on a stretch of GRCh38, poor in heterozygotes here and there, and reads of both
haplotypes mapped by minimap2. Of dvplug's calls, phased by dvplug, and by WhatsHap: switch errors and N50 of blocks.
"""

from __future__ import annotations

import time
from pathlib import Path

import pysam
from cyclopts import App

import dvplug
from dvplug.sequence.codes import encode_bases
from dvplug_lab.commands import require
from dvplug_lab.phases.measured import measure, phased_by_whatshap, without_phase
from dvplug_lab.phases.simulated import CONTIG, simulate_reads
from dvplug_lab.places import SHARED
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")
REFERENCE = SHARED / "reference" / "grch38.chr20_and_21_10M.fa.gz"


@app.default
def main(
    technology: str,
    *,
    folder: Path = Path("phase-measured"),
    start: int = 1_000_000,
    length: int = 2_000_000,
    depth: float = 30.0,
    seed: int = 1,
    whatshap: str = "whatshap",
    workers: int = 2,
) -> None:
    """Simulate, call, phase by WhatsHap too, and print how both do.

    Parameters
    ----------
    technology
        pacbio or ont.
    folder
        Where everything goes; reads and calls that are there are taken.
    start, length
        Of the stretch of chr20, bp.
    depth
        Of the reads.
    seed
        Of all that is random.
    whatshap
        The program.
    workers
        Processes that call.
    """
    require("minimap2")
    require("samtools")
    folder = folder / f"{technology}-{start}-{length}-{depth:g}-{seed}"
    reference, truth, reads = folder / "ref.fa", folder / "truth.vcf.gz", folder / "reads.bam"
    if not Path(f"{reads}.bai").exists():
        with pysam.FastaFile(str(REFERENCE)) as fasta:
            codes = encode_bases(fasta.fetch(CONTIG, start, start + length).upper().encode())
        simulate_reads(folder, codes, technology, depth, seed, workers)
    calls, begun = folder / "calls.vcf.gz", time.monotonic()
    dvplug.call(technology, reference, reads, calls, workers=workers, force=True, offline=True)
    print(f"called in {time.monotonic() - begun:.0f} s")
    plain = without_phase(calls, folder / "unphased.vcf")
    other = phased_by_whatshap(whatshap, plain, reads, reference, folder / "whatshap.vcf")
    for name, vcf in (("dvplug", calls), ("WhatsHap", other)):
        print(name, measure(vcf, truth))


if __name__ == "__main__":
    run(app)
