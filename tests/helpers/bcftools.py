"""What bcftools says of a VCF."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


def bcftools_stats(vcf: Path, filter_: str) -> dict[str, list[list[str]]]:
    """Rows of `bcftools stats` by section, of the called alleles of records with this FILTER."""
    bcftools = shutil.which("bcftools")
    if not bcftools:
        pytest.skip("bcftools is absent")
    called = subprocess.run(
        [bcftools, "view", "-f", filter_, "-a", str(vcf)], capture_output=True, check=True
    ).stdout
    text = subprocess.run(
        [bcftools, "stats", "-s", "-", "-"], input=called, capture_output=True, check=True
    ).stdout.decode()
    sections: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, *values = line.split("\t")
            sections.setdefault(name, []).append(values)
    return sections


HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
