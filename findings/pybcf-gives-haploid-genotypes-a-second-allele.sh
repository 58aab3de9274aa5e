#!/usr/bin/env bash
# pybcf 1.3.7 gives a genotype of one copy a second allele, -1073741825, in records where others have two.
#
# Version:   pybcf 1.3.7, on BCF of bcftools 1.24 (in pysam 0.24.1).
# Expected:  what BCF has there is "no more values" (BCF 2.2, section 6.3.3), which is NaN as a missing allele is, or is left
#            out; so it is of AD and DP.
# Behaviour: the filler goes through the arithmetic that takes an allele out of its number, and comes out as the allele
#            -1073741825. Where all samples have one copy, there is one allele for each, as there should be.
# Seen:      a woman 0/1 and a man 1 on X: [[0, 1], [1, -1073741825]]; a man's 0 in the next record alike.
# Hurts:     whoever reads X, Y or mitochondria of men and women, or haploids beside diploids: counts and means of alleles are
#            off by a billion for each man, "allele > 0" takes his genotype for half of it, and a filter that looks for NaN
#            does not find it. All autosomes are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pybcf==1.3.7 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import math

import pybcf
import pysam
import pysam.bcftools

GENOTYPES = [("0/1", "1"), ("0/0", "0"), ("./.", "."), ("1", "0"), ("0/1", "1/1")]
with open("calls.vcf", "w") as out:
    out.write(
        '##fileformat=VCFv4.3\n##FILTER=<ID=PASS,Description="Passed">\n##contig=<ID=chrX,length=1000>\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\twoman\tman\n"
    )
    for i, (woman, man) in enumerate(GENOTYPES):
        out.write(f"chrX\t{10 + i}\t.\tA\tG\t50\tPASS\t.\tGT\t{woman}\t{man}\n")
pysam.bcftools.view("-Ob", "-o", "calls.bcf", "calls.vcf", catch_stdout=False)
found = []
for (woman, man), record in zip(GENOTYPES, pybcf.BcfReader("calls.bcf"), strict=True):
    given = record.samples["GT"].reshape(2, -1).tolist()
    alleles = [[None if math.isnan(a) else a for a in sample] for sample in given]
    print(woman, man, alleles)
    found.append(alleles)
nobody = -1073741825
assert found[3] == [[1], [0]] and found[4] == [[0, 1], [1, 1]]
assert found[0] == [[0, 1], [1, nobody]] and found[1] == [[0, 0], [0, nobody]], "changed"
assert found[2][0] == [None, None] and found[2][1] == [None, nobody], "changed"
PY
echo "as described"
