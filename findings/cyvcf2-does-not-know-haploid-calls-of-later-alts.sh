#!/usr/bin/env bash
# cyvcf2 takes a haploid call of the second alt for unknown, and counts one of the first alt as two copies.
#
# Version:   cyvcf2 0.35.0.
# Expected:  a man's `2` on X is a call, as `1` is, and as `2/2` is of two copies: HOM_ALT, and num_called counts it. The
#            frequency of alts is of the copies there are: 0/1 and 1 have two of three.
# Behaviour: gt_types of `2`, `3` and so on is UNKNOWN, and they are missing in num_called and call_rate; gt_bases and genotypes
#            have them. aaf counts two copies for each sample that is called.
# Seen:      haploid 0, 1, 2, 3 and `.`: types HOM_REF, HOM_ALT and three UNKNOWN, call rate 0.4; the same with two copies: four
#            called, 0.8. A woman 0/1 and a man 1: aaf 0.75.
# Hurts:     whoever filters X, Y, mitochondria or bacteria by call rate or gt_types: at each site with two alts the carriers of
#            the second are without a call, and the site goes for its call rate. Where men and women are mixed, aaf is wrong
#            in proportion to their numbers. No message tells. Use `genotypes`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check cyvcf2==0.35.0
cd "$folder"
venv/bin/python - <<'PY'
import cyvcf2

with open("calls.vcf", "w") as out:
    out.write(
        "##fileformat=VCFv4.3\n##contig=<ID=chrX,length=1000>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ta\tb\tc\td\te\n"
        "chrX\t1\t.\tA\tG,T,C\t50\tPASS\t.\tGT\t0\t1\t2\t3\t.\n"
        "chrX\t2\t.\tA\tG,T,C\t50\tPASS\t.\tGT\t0/0\t1/1\t2/2\t3/3\t./.\n"
        "chrX\t3\t.\tA\tG\t50\tPASS\t.\tGT\t0/1\t1\t./.\t.\t./.\n"
    )
seen = {}
for variant in cyvcf2.VCF("calls.vcf"):
    seen[variant.POS] = (variant.gt_types.tolist(), variant.num_called, round(variant.call_rate, 2), round(variant.aaf, 3))
    alleles = [genotype[:-1] for genotype in variant.genotypes]
    print(variant.POS, alleles, variant.gt_bases.tolist(), "types, called, rate, aaf:", *seen[variant.POS])
    if variant.POS == 1:
        assert alleles == [[0], [1], [2], [3], [-1]] and variant.gt_bases.tolist() == ["A", "G", "T", "C", "."]
assert seen[2][:3] == ([0, 3, 3, 3, 2], 4, 0.8), seen
assert seen[1][:3] == ([0, 3, 2, 2, 2], 2, 0.4), "changed"
assert seen[3][3] == 0.75, "changed"
PY
echo "as described"
