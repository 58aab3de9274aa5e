#!/usr/bin/env bash
# fuc 0.38.0 filter_bed keeps the variant before each region of a BED, and leaves the one at its last base out.
#
# Version:   fuc 0.38.0.
# Expected:  the region 100 to 200 of a BED is the bases 101 to 200 of a VCF, as `bcftools view -T` has it.
# Behaviour: POS is compared with the start and end of the BED as they are, with the end left out: the bases 100 to 199. With
#            opposite=True it is the other way round. VcfFrame.slice("c:101-200") is right.
# Seen:      of SNPs at 100, 101, 199, 200 and 201: 100, 101 and 199, where bcftools 1.24 (in pysam 0.24.1) has 101, 199 and 200.
# Hurts:     whoever takes calls of targets, exons or confident regions by it: one base of each is another one. In a BED that
#            has single sites (start POS-1, end POS), as of a list of known variants, none of the sites is found, and
#            variants of the base before are. No message tells.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check fuc==0.38.0 pysam==0.24.1 'setuptools<81'
cd "$folder"
venv/bin/python -W ignore - <<'PY'
import pysam.bcftools
from fuc import pybed, pyvcf

PLACES = (100, 101, 199, 200, 201)
with open("calls.vcf", "w") as out:
    out.write("##fileformat=VCFv4.3\n##contig=<ID=c,length=1000>\n")
    out.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
    out.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n")
    out.writelines(f"c\t{place}\t.\tA\tG\t50\tPASS\t.\tGT\t0/1\n" for place in PLACES)
calls = pyvcf.VcfFrame.from_file("calls.vcf")


def filtered(start, end):
    with open("regions.bed", "w") as out:
        out.write(f"c\t{start}\t{end}\n")
    regions = pybed.BedFrame.from_file("regions.bed")
    of_fuc = calls.filter_bed(regions).df["POS"].tolist()
    rest = calls.filter_bed(regions, opposite=True).df["POS"].tolist()
    of_bcftools = pysam.bcftools.query("-f", "%POS\n", "-T", "regions.bed", "calls.vcf").split()
    print("region", start, end, "fuc:", of_fuc, "opposite:", rest, "bcftools:", of_bcftools)
    return of_fuc, rest, [int(place) for place in of_bcftools]


assert calls.slice("c:101-200").df["POS"].tolist() == [101, 199, 200]
assert filtered(100, 200) == ([100, 101, 199], [200, 201], [101, 199, 200]), "changed"
assert filtered(199, 200) == ([199], [100, 101, 200, 201], [200]), "changed"
PY
echo "as described"
