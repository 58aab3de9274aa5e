"""`dvplug evaluate`: compare calls with a truth set."""

from __future__ import annotations

import json as json_format
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvplug.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.table import Table

    from dvplug.evaluate import ClassCounts, Evaluation


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
    candidates: bool = False,
    stratify: Path | None = None,
    happy_csv: Path | None = None,
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
    candidates
        Count candidates beside calls. The query is then a gVCF, or was made with --keep-ref-calls.
    stratify
        List of strata, as GIAB's: a name, a tab and a BED file in each line. Count in each, too.
    happy_csv
        Table to write in the form of hap.py's extended.csv: .csv.
    """
    from dvplug.evaluate import Also

    if pedigree is not None:
        given = {
            "--truth": truth, "--confident": confident, "--out-dir": out_dir, "--report": report,
            "--candidates": candidates, "--stratify": stratify, "--happy-csv": happy_csv,
        }  # fmt: skip
        _mendel(query, pedigree, ref, [name for name, value in given.items() if value], json, all_filters)
        return
    also = Also(candidates, stratify, happy_csv)
    compared = truth, query, confident, ref
    _tell(_evaluated(*compared, report=report, out_dir=out_dir, all_filters=all_filters, also=also), json)


def _evaluated(
    truth: Path | None, query: Path, confident: Path | None, ref: Path, report: Path | None, **options: Any
) -> Evaluation:
    """Compare calls with a truth, and draw that where a report is wanted."""
    from dvplug.evaluate import evaluate
    from dvplug.report.evaluation import evaluate_and_report

    if truth is None or confident is None:
        raise InputError(
            f"{'--truth' if truth is None else '--confident'} is missing",
            cause="calls are compared with a truth within confident regions",
            repair="Give both, or --pedigree to count violations of Mendel's laws.",
        )
    if report is None:
        return evaluate(truth, query, confident, ref, **options)
    return evaluate_and_report(truth, query, confident, ref, report, **options)


def _tell(result: Evaluation, json: bool) -> None:
    """Print an evaluation."""
    from dvplug.system.console import warn
    from dvplug.system.rich_console import stdout

    for line in result.empty:
        warn(line)
    crowded = {*result.searched_in_part, *(result.candidates.searched_in_part if result.candidates else ())}
    for contig, start, end in sorted(crowded):
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
    from dvplug.system.console import warn
    from dvplug.system.rich_console import stdout

    if too_many:
        raise InputError(
            f"--pedigree and {', '.join(too_many)} do not go together",
            cause="families are judged without a truth",
            repair="Leave one out.",
        )
    counts = mendelian_violations(query, pedigree, ref, all_filters=all_filters)
    if not counts.regions:
        warn(
            f"{query} has no region that could be judged: that none violates Mendel's laws says nothing. "
            "Check that it holds variants of the children, FILTER and genotypes."
        )
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
    """Counts, precision, recall and F1 of SNPs and indels; of candidates and strata where they were counted."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("class")
    for name in ("TP truth", "TP query", "FP", "FN", "precision, 95 % CI", "recall, 95 % CI", "F1"):
        table.add_column(name, justify="right")
    for name, counts in _rows(result):
        table.add_row(
            name,
            *map(str, (counts.tp_truth, counts.tp_query, counts.fp, counts.fn)),
            _with_interval(counts.precision, counts.precision_interval),
            _with_interval(counts.recall, counts.recall_interval),
            "-" if counts.f1 is None else f"{counts.f1:.4f}",
        )
    return table


def _rows(result: Evaluation) -> Iterator[tuple[str, ClassCounts]]:
    """Yield the name and the counts of each row."""
    yield from (("SNP", result.snp), ("INDEL", result.indel))
    if found := result.candidates:
        yield from (("SNP candidates", found.snp), ("INDEL candidates", found.indel))
    for name, one in result.strata.items():
        yield from ((f"{kind} {name}", one.counts(kind)) for kind in ("SNP", "INDEL"))


def _with_interval(value: float | None, interval: tuple[float, float]) -> str:
    return "-" if value is None else f"{value:.4f} {interval[0]:.3f}-{interval[1]:.3f}"
