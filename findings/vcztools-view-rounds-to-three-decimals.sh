#!/usr/bin/env bash
# vcztools 0.2.0 view writes every float with three decimals: a frequency under 0.0005 becomes 0.
#
# Version:   vcztools 0.2.0 on a VCF Zarr of bio2zarr 0.2.1 (zarr 3.1.6).
# Expected:  what was converted comes back, at least to the six significant digits that bcftools writes.
# Behaviour: QUAL, INFO and FORMAT alike are rounded to three decimals, so small values lose all of their digits. The Zarr
#            store has them whole, and `vcztools query` writes them so.
# Seen:      AF 0.0012 comes back as 0.001, 0.0004 and 1e-05 as 0; 12345.678 is as it was.
# Hurts:     cohorts that are kept as Zarr and viewed as VCF: every allele of fewer than one in 2,000 has the frequency 0,
#            as have small p values, posteriors (GP, 1 and 0 instead of 0.9996 and 0.0004) and allele fractions.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'bio2zarr[vcf]==0.2.1' vcztools==0.2.0 zarr==3.1.6 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam

VALUES = ("0.5", "0.0012", "0.0004", "1e-05", "12345.678")
with open("cohort.vcf", "w") as out:
    out.write(
        "##fileformat=VCFv4.3\n##contig=<ID=c,length=1000>\n"
        '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
    )
    for position, value in enumerate(VALUES, 1):
        out.write(f"c\t{position}\t.\tA\tG\t50\t.\tAF={value}\tGT\t0/1\n")
pysam.tabix_index("cohort.vcf", preset="vcf", force=True)
PY
venv/bin/vcf2zarr convert --no-progress cohort.vcf.gz cohort.vcz 2>/dev/null
viewed=$(venv/bin/vcztools view --no-header cohort.vcz | cut -f8 | tr '\n' ' ')
queried=$(venv/bin/vcztools query -f '%AF\n' cohort.vcz | tr '\n' ' ')
echo "view:  $viewed"
echo "query: $queried"
[ "$viewed" = "AF=0.5 AF=0.001 AF=0 AF=0 AF=12345.678 " ]
[ "$queried" = "0.5 0.0012 0.0004 1e-05 12345.678 " ]
echo "as described"
