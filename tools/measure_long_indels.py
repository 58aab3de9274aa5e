"""Measure the calls of indels of 50 to 1,500 bp on simulated long reads, beside those of Sniffles.

    python tools/measure_long_indels.py ont --sniffles sniffles
    python tools/measure_long_indels.py ont-r9 --reads plugins/dvplug-ont-r9/reads.json

Deletions, and insertions of novel sequence and of copies, are put into a stretch of GRCh38 beside usual variants; reads
that err like real ones are mapped by minimap2. A call counts by the rule of `truvari bench`: within 500 bp, 70 % of the
size, 70 % equal bases.
"""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pysam
from cyclopts import App

import dvplug
from dvplug.sequence.codes import encode_bases
from dvplug_lab.commands import require
from dvplug_lab.long_indels.measured import SHORTEST, SHORTEST_CALLED, added, long_indels, measure
from dvplug_lab.long_indels.simulated import CONTIG, reads_of, reads_of_file, simulate_long_indels
from dvplug_lab.places import SHARED
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")
REFERENCE = SHARED / "reference" / "grch38.extra_20M.fa.gz"


@app.default
def main(
    technology: str,
    *,
    reads: Path | None = None,
    folder: Path = Path("long-indels-measured"),
    contig: str = "chr21_37M",
    length: int = 1_000_000,
    depth: float = 30.0,
    seed: int = 1,
    sniffles: str | None = None,
    workers: int = 2,
) -> None:
    """Simulate, call, call by Sniffles too, and print recall and precision by kind and size.

    Parameters
    ----------
    technology
        pacbio or ont, of which there are real reads to learn from; or another, with how its reads err.
    reads
        How they err: a file of `dvplug train learn`, or one that states it.
    folder
        Where everything goes; reads that are there are taken.
    contig, length
        Of the stretch of GRCh38: a contig of the extra reference, and bp from its beginning on.
    depth
        Of the reads.
    seed
        Of all that is random.
    sniffles
        The program; without it dvplug is measured alone.
    workers
        Processes that call.
    """
    require("minimap2", "samtools")
    folder = folder / f"{technology}-{contig}-{length}-{depth:g}-{seed}"
    reference, truth, bam = folder / "ref.fa", folder / "truth.vcf.gz", folder / "reads.bam"
    with pysam.FastaFile(str(REFERENCE)) as fasta:
        bases = fasta.fetch(contig, 0, length).upper()
    if not Path(f"{bam}.bai").exists():
        err = reads_of_file(reads) if reads else reads_of(technology)
        simulate_long_indels(folder, encode_bases(bases.encode()), err, depth, seed, workers)
    calls, begun = folder / "calls.vcf.gz", time.process_time()
    dvplug.call(technology, reference, bam, calls, workers=workers, force=True, offline=True)
    print(f"called in {time.process_time() - begun:.0f} CPU s")
    by = {"dvplug": calls}
    if sniffles:
        by["Sniffles"] = folder / "sniffles.vcf"
        given = ["--input", str(bam), "--reference", str(reference), "--vcf", str(by["Sniffles"])]
        subprocess.run(
            [sniffles, *given, "--allow-overwrite", "--all-contigs"], check=True, capture_output=True
        )
    _print_table(by, truth, bases)


def _print_table(by: dict[str, Path], truth: Path, bases: str) -> None:
    true = long_indels(truth, SHORTEST, CONTIG)
    print("| by | indels | found | missed | false | recall | precision | other genotype |")
    print("|---|---|--:|--:|--:|--:|--:|--:|")
    for name, vcf in by.items():
        found = measure(true, long_indels(vcf, SHORTEST_CALLED, CONTIG), bases)
        rows = {f"{kind}, {size} bp": one for (kind, size), one in found.items()}
        for kind in ("DEL", "INS"):
            rows[f"{kind}, all"] = added(one for key, one in found.items() if key[0] == kind)
        for what, one in rows.items():
            print(
                f"| {name} | {what} | {one.found} | {one.missed} | {one.false} | {one.recall:.3f} | "
                f"{one.precision:.3f} | {one.genotype} |"
            )


if __name__ == "__main__":
    run(app)
