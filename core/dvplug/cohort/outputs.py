"""What is written of a cohort as a whole: a page, tables for programs and for MultiQC, and the pedigree."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dvplug._version import __version__
from dvplug.calling.options import CallOptions
from dvplug.cohort.comparison import MEASURES, CohortComparison, compare
from dvplug.cohort.measures import SampleMeasures
from dvplug.cohort.page import cohort_page
from dvplug.cohort.sheet import RESERVED, Sheet
from dvplug.cohort.tally import SnpSite
from dvplug.system.console import warn
from dvplug.system.outputs import Output, Together

MISSING = "NA"


@dataclass(frozen=True)
class CohortFiles:
    """Where they lie, in the folder of the outputs."""

    folder: Path

    @property
    def page(self) -> Path:
        """For people."""
        return self.folder / f"{RESERVED}.html"

    @property
    def json(self) -> Path:
        """All that is known, for programs."""
        return self.folder / f"{RESERVED}.json"

    @property
    def pedigree(self) -> Path:
        """PED file."""
        return self.folder / f"{RESERVED}.ped"

    @property
    def samples_mqc(self) -> Path:
        """A line for each sample, for MultiQC."""
        return self.folder / f"{RESERVED}_samples_mqc.tsv"

    @property
    def relations_mqc(self) -> Path:
        """Pairs of samples that are related, or are to be, for MultiQC."""
        return self.folder / f"{RESERVED}_relatedness_mqc.json"

    @property
    def joint(self) -> Path:
        """All samples, genotyped together."""
        return self.folder / f"{RESERVED}.vcf.gz"

    @classmethod
    def all_in(cls, folder: Path, *, joint: bool) -> list[Output]:
        """All that is written for the whole cohort; the joint VCF is reserved by those who write it."""
        files = cls(folder)
        places = (files.page, files.json, files.pedigree, files.samples_mqc, files.relations_mqc)
        return [Output("an output", place) for place in places]


def write_cohort(
    files: CohortFiles,
    sheet: Sheet,
    found: Mapping[str, SampleMeasures],
    snps: Callable[[str], Sequence[SnpSite]],
    options: CallOptions,
) -> Sequence[str]:
    """Compare the samples and write all files of the cohort, which appear together; returns what stands out.

    Parameters
    ----------
    found
        By name, in the order of the sheet.
    snps
        Gives those that were kept of a sample.
    """
    gvcfs = {name: files.folder / f"{name}.g.vcf.gz" for name in found}
    compared = compare(sheet, found, snps, gvcfs, options.workers)
    for line in compared.flagged:
        warn(line)
    with Together() as group:
        group.write(files.page, cohort_page(sheet, compared))
        group.write(files.json, _dumped(_as_json(sheet, compared)))
        group.write(files.pedigree, sheet.pedigree().encode())
        group.write(files.samples_mqc, _samples_table(compared).encode())
        group.write(files.relations_mqc, _dumped(_relations_section(compared)))
    return compared.flagged


def _dumped(content: Any) -> bytes:
    return (json.dumps(content, indent=1, allow_nan=False) + "\n").encode()


def _as_json(sheet: Sheet, compared: CohortComparison) -> dict[str, Any]:
    return {
        "dvplug": __version__,
        "samples": {
            one.name: {
                **one.numbers(),
                "sex_of_sheet": one.row.sex,
                "sex_by_depth": one.sex.sex,
                "copies_of_sex_chromosomes": one.sex.said,
                "flags": list(one.flags),
            }
            for one in compared.samples
        },
        "medians": compared.medians,
        "snps_compared": compared.snps,
        "relations": [
            {**relation._asdict(), "degree": relation.degree, "as_expected": relation.is_as_expected}
            for relation in compared.shown_relations
        ],
        "outliers": [outlier._asdict() for outlier in compared.outliers],
        "flagged": list(compared.flagged),
    }


def _samples_table(compared: CohortComparison) -> str:
    """A table that MultiQC reads as custom content: its settings are comments of YAML before the header."""
    names = [*MEASURES, "sex_of_sheet", "sex_by_depth", "flags"]
    lines = [
        "# id: 'dvplug_cohort'",
        "# section_name: 'dvplug: samples'",
        "# description: 'records that pass, depth, and the sex that depths tell, by dvplug cohort'",
        "# plot_type: 'table'",
        "# pconfig:",
        "#     id: 'dvplug_cohort_table'",
        "#     title: 'dvplug: samples'",
        "\t".join(["Sample", *names]),
    ]
    for one in compared.samples:
        numbers = [_cell(value) for value in one.numbers().values()]
        sexes = [one.row.sex or MISSING, one.sex.sex or MISSING]
        lines.append("\t".join([one.name, *numbers, *sexes, "; ".join(one.flags) or "none"]))
    return "".join(f"{line}\n" for line in lines)


def _cell(value: float | None) -> str:
    return MISSING if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _relations_section(compared: CohortComparison) -> dict[str, Any]:
    """A section of custom content for MultiQC: a table of pairs."""
    heads = {
        "kinship": {"title": "kinship", "description": "KING-robust", "format": "{:,.3f}", "min": -0.5, "max": 0.5},
        "expected": {"title": "by the sheet", "description": "kinship by the pedigree", "format": "{:,.3f}"},
        "ibs0": {"title": "IBS0", "description": "share of SNPs without a common allele", "format": "{:,.4f}"},
        "snps": {"title": "SNPs", "description": "at which both have a genotype", "format": "{:,.0f}"},
        "degree": {"title": "degree", "description": "by the genotypes"},
    }  # fmt: skip
    return {
        "id": "dvplug_relatedness",
        "section_name": "dvplug: relatedness",
        "description": "Pairs of samples that are related by their genotypes, or are to be by the sample sheet.",
        "plot_type": "table",
        "pconfig": {"id": "dvplug_relatedness_table", "title": "dvplug: relatedness", "col1_header": "Pair"},
        "headers": heads,
        "data": {
            f"{one.one} & {one.other}": {  # MultiQC would cut off what stands before a slash
                name: value
                for name in heads
                if (value := one.degree if name == "degree" else getattr(one, name)) not in (None, "")
            }
            for one in compared.shown_relations
        },
    }
