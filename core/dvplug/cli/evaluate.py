"""`dvplug evaluate`: compare calls with a truth set."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING

from dvplug.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from dvplug.evaluate import Evaluation


def evaluate(
    *,
    query: Path,
    ref: Path,
    truth: Path | None = None,
    confident: Path | None = None,
    pedigree: Path | None = None,
    out_dir: Path | None = None,
    json: bool = False,
    all_filters: bool = False,
    report: Path | None = None,
) -> None:
    """Count true and false positives and false negatives of calls, with precision, recall and F1.

    Haplotype sequences are compared, not positions: two ways to write one variant are equal, and a wrong
    genotype is a false positive and a false negative. With a pedigree, no truth is needed: regions are counted in
    which a child has a haplotype of neither parent.

    Parameters
    ----------
    query
        VCF of the calls, one sample; with --pedigree, of all samples of the family.
    ref
        Reference FASTA, indexed.
    truth
        VCF of the truth, one sample.
    confident
        BED of the regions in which the truth is complete; only what touches them is counted.
    pedigree
        PED file: count violations of Mendel's laws, in place of errors against a truth.
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

    if pedigree is not None:
        given = {"--truth": truth, "--confident": confident, "--out-dir": out_dir, "--report": report}
        _mendel(query, pedigree, ref, [name for name, value in given.items() if value], json, all_filters)
        return
    if truth is None or confident is None:
        raise InputError(
            f"{'--truth' if truth is None else '--confident'} is missing",
            cause="calls are compared with a truth within confident regions",
            repair="Give both, or --pedigree to count violations of Mendel's laws.",
        )
    if report is None:
        result = evaluation.evaluate(truth, query, confident, ref, out_dir=out_dir, all_filters=all_filters)
    else:
        result = evaluate_and_report(
            truth, query, confident, ref, report, out_dir=out_dir, all_filters=all_filters
        )
    _tell(result, json)


def _tell(result: Evaluation, json: bool) -> None:
    """Print an evaluation."""
    from dvplug.system.console import warn
    from dvplug.system.rich_console import stdout

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


def _mendel(
    query: Path, pedigree: Path, ref: Path, too_many: list[str], json: bool, all_filters: bool
) -> None:
    """Count violations of Mendel's laws, and print them."""
    from dataclasses import asdict

    from dvplug.evaluate.mendel import mendelian_violations
    from dvplug.system.rich_console import stdout

    if too_many:
        raise InputError(
            f"--pedigree and {', '.join(too_many)} do not go together",
            cause="families are judged without a truth",
            repair="Leave one out.",
        )
    counts = mendelian_violations(query, pedigree, ref, all_filters=all_filters)
    if json:
        stdout.print_json(json_format.dumps(asdict(counts)))
        return
    share = f" ({counts.violations / counts.regions:.2%})" if counts.regions else ""
    stdout.print(
        f"{counts.trios:,} trios: {counts.violations:,} of {counts.regions:,} regions with variants{share} "
        "do not agree with Mendel's laws."
    )
    stdout.print(
        f"Not judged: {counts.missing:,} with a missing genotype, {counts.haploid:,} where somebody is haploid, "
        f"{counts.crowded:,} with too many heterozygotes."
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
