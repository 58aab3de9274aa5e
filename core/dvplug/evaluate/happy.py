"""Write counts as the table that hap.py calls extended.csv, so that what reads that reads these.

The columns and what they mean are hap.py's (github.com/Illumina/hap.py, doc/happy.md). What is counted is not always
the same: docs/evaluate.md says where.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator

from dvplug.evaluate.counts import ClassCounts
from dvplug.evaluate.result import Evaluation
from dvplug.evaluate.subsets import (
    GENOTYPES,
    HET,
    HOM_ALT,
    KINDS,
    SNP,
    SUBTYPES,
    TI,
    TV,
    WHOLE,
    Called,
    SubsetCounts,
)

ANY = "*"
SIDES = ("TRUTH.TOTAL", "TRUTH.TP", "TRUTH.FN", "QUERY.TOTAL", "QUERY.TP", "QUERY.FP", "QUERY.UNK")
TOTALS = {"TRUTH.TOTAL": ("TRUTH.TP", "TRUTH.FN"), "QUERY.TOTAL": ("QUERY.TP", "QUERY.FP", "QUERY.UNK")}
DETAILS = ("", ".ti", ".tv", ".het", ".homalt", ".TiTv_ratio", ".het_hom_ratio")
COLUMNS = (
    "Type", "Subtype", "Subset", "Filter", "Genotype", "QQ.Field", "QQ",
    "METRIC.Recall", "METRIC.Precision", "METRIC.Frac_NA", "METRIC.F1_Score",
    "FP.gt", "FP.al", "Subset.Size", "Subset.IS_CONF.Size", "Subset.Level",
    *(f"{side}{detail}" for side in SIDES for detail in DETAILS),
)  # fmt: skip


def happy_csv(result: Evaluation) -> str:
    """Return the table: for SNP and INDEL a row for all, each subtype and each genotype, in each subset.

    Figures that have nothing to divide by are empty, transitions and transversions of indels ``.``, as in hap.py.
    """
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    for kind in KINDS[::-1]:
        for name, subset in result.subsets.items():
            for subtype, genotype in _classes(kind):
                head = {"Type": kind, "Subtype": subtype, "Subset": name, "Genotype": genotype}
                head |= {"Filter": "ALL" if result.all_filters else "PASS", "QQ.Field": "QUAL", "QQ": ANY}
                level = 0 if name == WHOLE else 1
                table.writerow(head | {"Subset.Level": level} | _figures(subset, kind, subtype, genotype))
    return text.getvalue()


def _classes(kind: str) -> Iterator[tuple[str, str]]:
    """Yield subtype and genotype of the rows of a type."""
    yield ANY, ANY
    yield from ((subtype, ANY) for subtype in SUBTYPES[kind])
    yield from ((ANY, genotype) for genotype in GENOTYPES)


def _figures(subset: SubsetCounts, kind: str, subtype: str, genotype: str) -> dict[str, object]:
    """Return the columns of one row that hold figures."""
    found = Counter[str]()
    for (name, what), number in subset.tally.items():
        if what.kind == kind and subtype in (ANY, *what.subtypes) and genotype in (ANY, what.genotype):
            for count in (name, *(total for total, parts in TOTALS.items() if name in parts)):
                for detail in _details(what):
                    found[count + detail] += number
    counts = ClassCounts(found["TRUTH.TP"], found["QUERY.TP"], found["QUERY.FP"], found["TRUTH.FN"])
    figures: dict[str, object] = {
        "METRIC.Recall": _figure(counts.recall),
        "METRIC.Precision": _figure(counts.precision),
        "METRIC.Frac_NA": _ratio(found["QUERY.UNK"], found["QUERY.TOTAL"]),
        "METRIC.F1_Score": _figure(counts.f1),
        "FP.gt": found["FP.gt"],
        "FP.al": found["FP.al"],
        "Subset.Size": subset.size,
        "Subset.IS_CONF.Size": subset.confident,
    }
    for side in SIDES:
        figures[side] = found[side]
        for one in (TI, TV):
            figures[f"{side}.{one}"] = found[f"{side}.{one}"] if kind == SNP else "."
        for one in (HET, HOM_ALT):
            figures[f"{side}.{one}"] = found[f"{side}.{one}"]
        figures[f"{side}.TiTv_ratio"] = _ratio(found[f"{side}.{TI}"], found[f"{side}.{TV}"])
        figures[f"{side}.het_hom_ratio"] = _ratio(found[f"{side}.{HET}"], found[f"{side}.{HOM_ALT}"])
    return figures


def _details(what: Called) -> Iterator[str]:
    """Yield the ends of the names of the columns that a variant counts in."""
    yield ""
    yield from (f".{one}" for one in (TI, TV) if one in what.subtypes)
    yield f".{what.genotype}"


def _ratio(above: int, below: int) -> str:
    return _figure(above / below if below else None)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"
