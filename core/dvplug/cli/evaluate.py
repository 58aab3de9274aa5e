"""`dvplug evaluate`: compare calls with a truth set."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from dvplug.evaluate import Evaluation


def evaluate(
    *,
    truth: Path,
    query: Path,
    confident: Path,
    ref: Path,
    out_dir: Path | None = None,
    json: bool = False,
    all_filters: bool = False,
    report: Path | None = None,
) -> None:
    """Count true and false positives and false negatives of calls, with precision, recall and F1.

    Haplotype sequences are compared, not positions: two ways to write one variant are equal, and a wrong
    genotype is a false positive and a false negative.

    Parameters
    ----------
    truth
        VCF of the truth, one sample.
    query
        VCF of the calls, one sample.
    confident
        BED of the regions in which the truth is complete; only what touches them is counted.
    ref
        Reference FASTA, indexed.
    out_dir
        Folder for tp.vcf.gz, fp.vcf.gz and fn.vcf.gz, whose INFO/EVAL_WHY says why a record has no match.
    json
        Print JSON instead of a table.
    all_filters
        Count calls that their FILTER rejects, too (RefCall and hom-ref calls never count).
    report
        Web page of curves, calibration and errors to write: .html. It needs no network.
    """
    from dvplug import evaluate as evaluation
    from dvplug.report.evaluation import evaluate_and_report
    from dvplug.system.console import stdout, warn

    if report is None:
        result = evaluation.evaluate(truth, query, confident, ref, out_dir=out_dir, all_filters=all_filters)
    else:
        result = evaluate_and_report(
            truth, query, confident, ref, report, out_dir=out_dir, all_filters=all_filters
        )
    for contig, start, end in result.searched_in_part:
        warn(f"{contig}:{start + 1}-{end} is too crowded to be searched fully: its FP and FN may be too many")
    if json:
        stdout.print_json(json_format.dumps(result.as_dict()))
        return
    stdout.print(table(result))
    for name, left in (("truth", result.truth_left_aside), ("query", result.query_left_aside)):
        if left:
            stdout.print(
                f"{name} records left aside: " + ", ".join(f"{n} {why}" for why, n in sorted(left.items()))
            )


def table(result: Evaluation) -> Table:
    """Counts, precision, recall and F1 of SNPs and indels."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("class")
    for name in ("TP truth", "TP query", "FP", "FN", "precision, 95 % CI", "recall, 95 % CI", "F1"):
        table.add_column(name, justify="right")
    for name, counts in (("SNP", result.snp), ("INDEL", result.indel)):
        table.add_row(
            name,
            *map(str, (counts.tp_truth, counts.tp_query, counts.fp, counts.fn)),
            _with_interval(counts.precision, counts.precision_interval),
            _with_interval(counts.recall, counts.recall_interval),
            "-" if counts.f1 is None else f"{counts.f1:.4f}",
        )
    return table


def _with_interval(value: float | None, interval: tuple[float, float]) -> str:
    return "-" if value is None else f"{value:.4f} {interval[0]:.3f}-{interval[1]:.3f}"
