#!/usr/bin/env bash
# scikit-allel 1.3.13 takes the allele `*` for a deletion, and a SNP beside it for none.
#
# Version:   scikit-allel 1.3.13.
# Expected:  `*` says that a deletion of another record lies over the site (VCF 4.3, section 1.6.1). It has no length of its
#            own, and a record "A  G,*" is a SNP, as bcftools has it.
# Behaviour: the computed field is_snp asks that all alts are one of A, C, G and T, so it is False. altlen, the difference
#            in length between ALT and REF, takes `*` for an allele without a base: -1 beside a SNP, and -5 where REF has
#            five bases. `<*>` of a gVCF is no SNP either, and 1 longer than a base.
# Seen:      of four SNPs, one of them under a deletion and one of a gVCF, is_snp is True of two; bcftools finds all.
# Hurts:     whoever takes the SNPs of jointly genotyped calls by is_snp: every SNP that lies in a deletion of one sample
#            goes for all samples, the more of them the larger the cohort; and whoever counts indels by altlen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check scikit-allel==1.3.13 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import allel
import pysam.bcftools

RECORDS = {10: ("A", "G"), 20: ("GATTAC", "G"), 22: ("T", "C,*"), 24: ("ACCCC", "A,*"), 30: ("A", "C,T"), 40: ("A", "G,<*>")}
with open("cohort.vcf", "w") as out:
    out.write("##fileformat=VCFv4.3\n##contig=<ID=c,length=100>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    out.writelines(f"c\t{position}\t.\t{ref}\t{alt}\t50\tPASS\t.\n" for position, (ref, alt) in RECORDS.items())
found = allel.read_vcf("cohort.vcf", fields=["POS", "ALT", "is_snp", "altlen"], alt_number=2)
seen = {}
for position, is_snp, altlen in zip(*(found[f"variants/{name}"].tolist() for name in ("POS", "is_snp", "altlen")), strict=True):
    seen[position] = (is_snp, altlen)
    print(position, *RECORDS[position], "is_snp", is_snp, "altlen", altlen)
snps = pysam.bcftools.view("-H", "-v", "snps", "cohort.vcf").splitlines()
assert [line.split("\t")[1] for line in snps] == ["10", "22", "30", "40"], snps
assert seen[10][0] and seen[30][0] and seen[20] == (False, [-5, 0])
assert seen[22] == (False, [0, -1]) and seen[24] == (False, [-4, -5]) and seen[40] == (False, [0, 1]), f"changed: {seen}"
PY
echo "as described"
