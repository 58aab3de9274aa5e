#!/usr/bin/env bash
# bcftools merge -0 gives a sample without a record as many copies as the other samples have at the site.
#
# Version:   pysam 0.24.1 (its bcftools and htslib 1.24); bcftools 1.16 of Debian 12 does the same.
# Expected:  `-0` ("assume genotypes at missing sites are 0/0") fills in 0/0, or what the sample has at its other sites of
#            the contig: 0/0 for a woman's X, 0 for a man's.
# Behaviour: the copies are those of who has most of them in the record. Where only men have a variant, women get `0`; where
#            a woman has it, men get `0/0`. Without -0 it is `.` and `./.` in the same way. Nothing is said.
# Seen:      two men and two women on X, of whom one man has a variant at 10, one woman at 20, and both at 30: AN is 4, 8
#            and 7 in place of 6. `merge --gvcf` of their gVCFs is right, as each has a record of its own everywhere.
# Hurts:     whoever merges calls of men and women, or of haploid and diploid strains: AN and AF of X are off at every
#            site, a man's genotypes go to and fro between one copy and two, and tools that want one ploidy of a sample
#            on a contig (whatshap) end at the file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.bcftools

HEADER = (
    '##fileformat=VCFv4.3\n##contig=<ID=X,length=100>\n##ALT=<ID=*,Description="Any other allele">\n'
    '##INFO=<ID=END,Number=1,Type=Integer,Description="Last position">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
)
CALLS = {"man": {10: "1", 30: "1"}, "woman": {20: "0/1", 30: "0/1"}, "man2": {40: "1"}, "woman2": {40: "0/1"}}
with open("genome.fa", "w") as out:
    out.write(f">X\n{'A' * 100}\n")
pysam.faidx("genome.fa")
for sample, calls in CALLS.items():
    with open(f"{sample}.vcf", "w") as plain, open(f"{sample}.g.vcf", "w") as blocks:
        plain.write(f"{HEADER}{sample}\n")
        blocks.write(f"{HEADER}{sample}\n")
        reference, last = "0" if sample.startswith("man") else "0/0", 0
        for position, genotype in calls.items():
            plain.write(f"X\t{position}\t.\tA\tC\t50\tPASS\t.\tGT\t{genotype}\n")
            blocks.write(f"X\t{last + 1}\t.\tA\t<*>\t0\t.\tEND={position - 1}\tGT\t{reference}\n")
            blocks.write(f"X\t{position}\t.\tA\tC,<*>\t50\tPASS\t.\tGT\t{genotype}\n")
            last = position
        blocks.write(f"X\t{last + 1}\t.\tA\t<*>\t0\t.\tEND=100\tGT\t{reference}\n")
    for name in (f"{sample}.vcf", f"{sample}.g.vcf"):
        pysam.tabix_index(name, preset="vcf")


def merged(kind, *options):
    rows = pysam.bcftools.merge(*options, *(f"{sample}.{kind}.gz" for sample in CALLS)).splitlines()
    found = {}
    for row in (line.split("\t") for line in rows if line[0] != "#"):
        if row[1] in ("10", "20", "30"):
            found[row[1]] = " ".join(row[9:]).replace("2", "1")  # `<*>` may come before the alt
    print("merge", *options, *(f"{position}: {genotypes};" for position, genotypes in found.items()))
    return found


assert merged("vcf", "-0") == {"10": "1 0 0 0", "20": "0/0 0/1 0/0 0/0", "30": "1 0/1 0/0 0/0"}, "changed"
assert merged("vcf") == {"10": "1 . . .", "20": "./. 0/1 ./. ./.", "30": "1 0/1 ./. ./."}, "changed"
right = {"10": "1 0/0 0 0/0", "20": "0 0/1 0 0/0", "30": "1 0/1 0 0/0"}
assert merged("g.vcf", "--gvcf", "genome.fa") == right, "changed"
PY
echo "as described"
