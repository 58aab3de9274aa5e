"""What docs/gvcf.md says of other tools, where bcftools is installed; and its command that makes a plain VCF."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from helpers.places import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("bcftools"), reason="bcftools is not installed")
HEADER = """##fileformat=VCFv4.2
##ALT=<ID=*,Description="Any other allele">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last position">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
##contig=<ID=c,length=300>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts
"""
BLOCKS = (
    "c\t1\t.\tA\t<*>\t0\t.\tEND=49\tGT:PL\t0/0:0,60,600\n",
    "c\t51\t.\tC\t<*>\t0\t.\tEND=300\tGT:PL\t0/0:0,60,600\n",
)
SNP = "c\t50\t.\tA\tG,<*>\t40\tPASS\t.\tGT:AD:PL\t0/1:10,10,0:40,0,50,400,410,420\n"
PLAIN = "c\t50\t.\tA\tG\t40\tPASS\t.\tGT:AD:PL\t0/1:10,10:40,0,50\n"


def bcftools(folder: Path, command: str) -> str:
    done = subprocess.run(["bash", "-ec", command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(path: Path, *lines: str) -> None:
    path.write_text(HEADER + "".join(lines))
    bcftools(
        path.parent, f"bcftools view -Oz -o {path.name}.gz {path.name} && bcftools index -t {path.name}.gz"
    )


def test_the_command_of_the_page_makes_a_plain_vcf(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "gvcf.md").read_text()
    found = re.search(r"^(bcftools view --trim-alt-alleles .*)$", page, re.MULTILINE)
    assert found
    write(tmp_path / "sample.g.vcf", BLOCKS[0], SNP, BLOCKS[1])
    bcftools(tmp_path, found.group(1))
    lines = bcftools(tmp_path, "bcftools view -H sample.vcf.gz").replace("AC=1;AN=2", ".")
    assert lines == PLAIN


def test_star_is_an_allele_to_isec_and_view(tmp_path: Path) -> None:
    write(tmp_path / "star.vcf", BLOCKS[0], SNP, BLOCKS[1])
    write(tmp_path / "plain.vcf", PLAIN)
    both = "bcftools isec -n=2 {} star.vcf.gz plain.vcf.gz"
    assert bcftools(tmp_path, both.format("")) == ""
    assert bcftools(tmp_path, both.format("-c some")).startswith("c\t50\tA\t")
    assert bcftools(tmp_path, "bcftools view -H -m2 -M2 -v snps star.vcf.gz") == ""
    trimmed = "bcftools view --trim-alt-alleles star.vcf.gz | bcftools view -H -m2 -M2 -v snps"
    assert bcftools(tmp_path, trimmed).split("\t")[3:5] == ["A", "G"]
