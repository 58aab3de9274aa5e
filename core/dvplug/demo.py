"""`dvplug demo` as a function: simulate a genome and its reads, call, evaluate, draw. Needs no data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pysam

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.evaluate import Evaluation
from dvplug.report.evaluation import evaluate_and_report
from dvplug.show.pictures import draw_pileups
from dvplug.show.sites import show_positions
from dvplug.simulate import SimulatedDataset, simulate_dataset
from dvplug.system.locations import StrPath
from dvplug.system.outputs import Output, locked, made_folder, require_writable
from dvplug.system.workers import require_processes

TECHNOLOGY = "illumina-wgs"
GENOME_LENGTH = 400_000  # bp: enough indels that one more or less wrong does not show as a percent
DEPTH = 40.0  # x, as genomes are commonly sequenced


FILES = (
    "reference.fa", "reads.bam", "truth.vcf.gz", "confident.bed", "calls.vcf.gz", "pileup.png", "report.html",
    "evaluation.html",
)  # fmt: skip


@dataclass(frozen=True)
class Demo:
    """What the demo made."""

    data: SimulatedDataset
    vcf: Path
    picture: Path
    reports: tuple[Path, Path]  # of the calls, of their evaluation
    evaluation: Evaluation


def run_demo(folder: StrPath, *, workers: int, seed: int) -> Demo:
    """Simulate into ``folder``, call, evaluate, and draw the first heterozygous indel (or any first call).

    Raises
    ------
    DvplugError
        The folder cannot be written.
    """
    require_processes(workers)
    folder = Path(folder)
    with made_folder(folder, "--folder"), locked(folder / "demo"):
        for name in FILES:
            require_writable(Output("the demo's", folder / name))
        return _run_demo(folder, workers, seed)


def _run_demo(folder: Path, workers: int, seed: int) -> Demo:
    data = simulate_dataset(folder, length=GENOME_LENGTH, depth=DEPTH, seed=seed)
    vcf, picture = folder / "calls.vcf.gz", folder / "pileup.png"
    report, judged = folder / "report.html", folder / "evaluation.html"
    options = CallOptions(TECHNOLOGY, data.reference, (data.reads,), str(vcf), workers=workers, report=report)
    call_variants(options)
    evaluation = evaluate_and_report(data.truth, vcf, data.confident, data.reference, judged)
    _draw_call(options, picture)
    return Demo(data, vcf, picture, (report, judged), evaluation)


def _draw_call(options: CallOptions, picture: Path) -> None:
    with pysam.VariantFile(options.out) as calls:
        records = [record for record in calls if "PASS" in record.filter]
    if not records:
        return
    indels = [r for r in records if len(r.ref) != len(r.alts[0]) and sorted(r.samples[0]["GT"]) == [0, 1]]
    record = (indels or records)[0]
    shown = show_positions([f"{record.chrom}:{record.pos}"], options)
    draw_pileups(shown.sites[:1], shown.layout, picture)
