#!/usr/bin/env bash
# bcftools consensus writes the allele `*` into the sequence, where the deletion itself is not among the records.
#
# Version:   pysam 0.24.1 (its bcftools and htslib 1.24); bcftools 1.16 of Debian 12 does the same.
# Expected:  `*` says that this copy of the site lies in a deletion that another record tells (VCF 4.3, section 1.6.1). It
#            is no base: if the other record is not there, the reference's base stays, or N, or a gap takes its place.
# Behaviour: where the deletion is applied, the site is passed over as overlapping it. Where it is not, as it is filtered
#            out or only SNPs were chosen, the character `*` is written as a base, and the variant counts as applied.
# Seen:      of a deletion on the second haplotype and a SNP in it on the first, after `bcftools view -v snps`: an asterisk
#            in the second haplotype (-H 2), and with -H A and -H R too. -I, and -H 1, write the SNP.
# Hurts:     consensus genomes of SNPs only, for trees and comparisons, and those of filtered calls: FASTA with a letter
#            that is no nucleotide code, and which programs take for a stop codon, a gap, or an error far from its cause.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.bcftools

BASES = "TTGACCATGCAGTTCAGGAT"  # the deletion takes 7 to 11, the SNP is at 9
with open("genome.fa", "w") as out:
    out.write(f">c\n{BASES}\n")
pysam.faidx("genome.fa")
with open("s.vcf", "w") as out:
    out.write(
        "##fileformat=VCFv4.3\n##contig=<ID=c,length=20>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
        f"c\t6\t.\t{BASES[5:11]}\t{BASES[5]}\t50\tPASS\t.\tGT\t0|1\n"
        "c\t9\t.\tG\tT,*\t50\tPASS\t.\tGT\t1|2\n"
    )
pysam.tabix_compress("s.vcf", "s.vcf.gz")
pysam.tabix_index("s.vcf.gz", preset="vcf")
pysam.bcftools.view("-v", "snps", "-Oz", "-o", "snps.vcf.gz", "s.vcf.gz", catch_stdout=False)
pysam.tabix_index("snps.vcf.gz", preset="vcf")


def sequence(name, *options):
    text = "".join(pysam.bcftools.consensus("-f", "genome.fa", *options, name).split()[1:])
    print(f"bcftools {pysam.version.__bcftools_version__} consensus", *options, name, text)
    return text


snp = BASES[:8] + "T" + BASES[9:]
assert sequence("s.vcf.gz", "-H", "1") == snp
assert sequence("s.vcf.gz", "-H", "2") == BASES[:6] + BASES[11:]
assert sequence("snps.vcf.gz", "-H", "1") == snp
assert sequence("snps.vcf.gz", "-I") == snp
for option in ("2", "A", "R"):
    assert sequence("snps.vcf.gz", "-H", option) == BASES[:8] + "*" + BASES[9:], "changed"
PY
echo "as described"
