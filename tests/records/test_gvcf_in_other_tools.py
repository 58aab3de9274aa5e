"""What docs/gvcf.md says of other tools, where they are installed; and its command that makes a plain VCF."""

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


def star_and_plain(folder: Path) -> None:
    """Write a gVCF, and make the plain VCF of it by the command of the page."""
    write(folder / "star.vcf", BLOCKS[0], SNP, BLOCKS[1])
    trimmed = (
        "bcftools view --trim-alt-alleles star.vcf.gz | bcftools view --exclude 'ALT=\".\"' -o plain.vcf"
    )
    bcftools(folder, trimmed)


@pytest.mark.skipif(not shutil.which("vcftools"), reason="vcftools is not installed")
def test_star_is_no_base_to_vcftools(tmp_path: Path) -> None:
    star_and_plain(tmp_path)
    for name, snps, two_alleles in (("star", 0, 2), ("plain", 1, 1)):
        vcftools = f"vcftools --vcf {name}.vcf --out {name}"
        for kept, filters in ((snps, "--remove-indels"), (two_alleles, "--min-alleles 2 --max-alleles 2")):
            bcftools(tmp_path, f"{vcftools} --recode {filters} || true")  # it fails where nothing is left
            lines = (tmp_path / f"{name}.recode.vcf").read_text().splitlines()
            assert len([line for line in lines if not line.startswith("#")]) == kept
        bcftools(tmp_path, f"{vcftools} --TsTv-summary")
        assert f"Ts\t{snps}\n" in (tmp_path / f"{name}.TsTv.summary").read_text()


@pytest.mark.skipif(not shutil.which("whatshap"), reason="whatshap is not installed")
def test_star_hides_heterozygotes_from_whatshap(tmp_path: Path) -> None:
    star_and_plain(tmp_path)
    for name, variants, heterozygous in (("star", 2, 0), ("plain", 1, 1)):
        said = bcftools(tmp_path, f"whatshap stats {name}.vcf")
        found = dict(re.findall(r"^ *([A-Za-z ]+): +(\d+)", said, re.MULTILINE))
        assert (int(found["Variants in VCF"]), int(found["Heterozygous"])) == (variants, heterozygous)


def test_query_finds_a_block_by_what_it_prints(tmp_path: Path) -> None:
    write(tmp_path / "star.vcf", BLOCKS[0], SNP, BLOCKS[1])
    query = r"bcftools query -r c:100-120 -f '{}\n' star.vcf.gz"
    assert bcftools(tmp_path, query.format("%POS")) == ""
    assert bcftools(tmp_path, query.format("%POS %END")) == "51 300\n"
    assert bcftools(tmp_path, "bcftools view -H -r c:100-120 star.vcf.gz") == BLOCKS[1]
