#!/usr/bin/env bash
# bcftools 1.24 consensus ends at the first reference block of a gVCF that is longer than a base.
#
# Version:   pysam 0.24.1 (its bcftools and htslib 1.24). bcftools 1.16 of Debian 12 applies the same file.
# Expected:  a block (ALT <*>, INFO/END) says that the sample is as the reference; it changes nothing, and the records
#            between blocks are applied.
# Behaviour: with `-f` alone, "The fasta sequence does not match the REF allele": REF, one base by the specification, is
#            compared with all bases up to END. The message shows equal alleles in REF and ALT of the VCF.
# Seen:      an error from the gVCF; the SNP is applied from the same records without blocks, and from the gVCF after
#            `bcftools view --trim-alt-alleles` and the exclusion of records without ALT.
# Hurts:     whoever makes consensus sequences of gVCFs: what worked ends after an upgrade, and the message sends them to
#            look for another reference.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.bcftools

BASES = "ACGTTGCAAC" * 10
with open("genome.fa", "w") as out:
    out.write(f">c\n{BASES}\n")
pysam.faidx("genome.fa")
HEADER = """##fileformat=VCFv4.2
##ALT=<ID=*,Description="Any other allele">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last position">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##contig=<ID=c,length=100>
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	s
"""
with open("s.g.vcf", "w") as out:
    out.write(HEADER + "c\t1\t.\tA\t<*>\t0\t.\tEND=49\tGT\t0/0\n")
    out.write("c\t50\t.\tC\tG,<*>\t50\tPASS\t.\tGT\t1/1\nc\t51\t.\tA\t<*>\t0\t.\tEND=100\tGT\t0/0\n")
pysam.tabix_compress("s.g.vcf", "s.g.vcf.gz")
pysam.tabix_index("s.g.vcf.gz", preset="vcf")
try:
    pysam.bcftools.consensus("-f", "genome.fa", "s.g.vcf.gz")
except pysam.SamtoolsError as error:
    assert "does not match the REF allele at c:1" in str(error), error
    print("of the gVCF: refused,", str(error).split("stderr=")[1][:120])
else:
    raise AssertionError("changed: blocks are passed over")
trimmed = pysam.bcftools.view("--trim-alt-alleles", "s.g.vcf.gz").splitlines(keepends=True)
with open("s.vcf", "w") as out:
    out.writelines(line for line in trimmed if line[0] == "#" or line.split("\t")[4] != ".")
pysam.tabix_compress("s.vcf", "s.vcf.gz")
pysam.tabix_index("s.vcf.gz", preset="vcf")
applied = "".join(pysam.bcftools.consensus("-f", "genome.fa", "s.vcf.gz").split()[1:])
assert applied == BASES[:49] + "G" + BASES[50:], applied
print("without blocks: applied")
PY
echo "as described"
