#!/usr/bin/env bash
# cyvcf2 gives reads of alleles that are missing, and takes those away that are there, at records with two alts.
#
# Version:   cyvcf2 0.35.0, on what bcftools 1.24 (in pysam 0.24.1) merges. The 2 can be seen in brentp/cyvcf2#304, too.
# Expected:  gt_alt_depths sums the counts of all alts in AD, as it does of a genotype 1/2 with "0,10,10"; a count that is
#            missing is left out of the sum, or makes it -1, as at records with one alt.
# Behaviour: the numbers that stand for "missing" and "no more values" are summed too, and the sum runs over: of two of
#            them 2 reads are left, of one of them and a count less than nothing, which is given as -1. gt_depths and
#            gt_alt_freqs are made of that.
# Seen:      three samples, of which two have another alt at one site, and none is called at it. bcftools merge writes AD
#            "15,14,.", "0,.,28" and "." for them. Alt depths are -1, -1 and 2; depths 15, 0 and 2; frequencies 0, 0, 1.
# Hurts:     whoever filters merged or jointly genotyped calls by depth or allele balance: at multi-allelic sites
#            heterozygotes of half the reads have balance 0, homozygotes have no reads, and a sample without any read has
#            two, all of the alt. No message tells. variant.format("AD") has the numbers as they are.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check cyvcf2==0.35.0 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import cyvcf2
import pysam
import pysam.bcftools

HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID=c,length=1000>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t"
)
records = {
    "one": "c\t1\t.\tA\tC\t50\t.\t.\tGT:AD\t0/1:15,14\nc\t5\t.\tA\tC\t50\t.\t.\tGT:AD\t0/1:15,14\n",
    "two": "c\t1\t.\tA\tG\t50\t.\t.\tGT:AD\t1/1:0,28\n",
    "three": "c\t9\t.\tA\tC\t50\t.\t.\tGT:AD\t0/1:15,14\n",
}
for sample, lines in records.items():
    with open(f"{sample}.vcf", "w") as out:
        out.write(f"{HEADER}{sample}\n{lines}")
    pysam.tabix_index(f"{sample}.vcf", preset="vcf")
with open("merged.vcf", "w") as out:
    out.write(pysam.bcftools.merge(*(f"{sample}.vcf.gz" for sample in records)))
seen = {}
for variant in cyvcf2.VCF("merged.vcf"):
    told = [column.split(":")[1] for column in str(variant).split()[9:]]
    depths = variant.gt_ref_depths.tolist(), variant.gt_alt_depths.tolist(), variant.gt_depths.tolist()
    seen[variant.POS] = (*depths, variant.gt_alt_freqs.round(2).tolist())
    print(variant.POS, ",".join(variant.ALT), "AD", *told, "ref, alt, depth, frequency:", *seen[variant.POS])
assert seen[1] == ([15, 0, -1], [-1, -1, 2], [15, 0, 2], [0, 0, 1]), seen
assert seen[5] == ([15, -1, -1], [14, -1, -1], [29, -1, -1], [0.48, -1, -1]), seen
PY
echo "as described"
