#!/usr/bin/env bash
# vcztools 0.2.0 -e keeps records that its expression is true of, once a record of the store has two alts.
#
# Version:   vcztools 0.2.0 on VCF Zarr of bio2zarr 0.2.1 (zarr 3.1.6), beside bcftools 1.24 (in pysam 0.24.1).
# Expected:  -e leaves out what -i with the same expression takes, as of bcftools, whose expressions these are.
# Behaviour: fields with a value for each alt (AC, AF, ALT) are stored as wide as the record with the most alts, and what
#            is beyond a record's own alts counts as "not so" of any expression. -e turns each of these around, and keeps
#            a record if one of them is now true: so every record with fewer alts than the widest stays, and of the
#            widest those of which one alt is otherwise. Fields with one value (QUAL, FILTER) are right, and so is -i.
# Seen:      of three records with AF 0.5, 0.001 and 0.002: -e 'AF<0.01' keeps one of a store with single alts only, and
#            all three once there is a fourth record with two alts; -e 'ALT="*"' keeps the record with that allele.
# Hurts:     whoever filters a cohort by -e: rare or frequent alleles, or sites under a deletion, that were to be left
#            out are all still there, with exit code 0. A small test without a multi-allelic site shows nothing of it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check 'bio2zarr[vcf]==0.2.1' vcztools==0.2.0 zarr==3.1.6 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam

HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID=c,length=1000>\n"
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
)
single = "".join(f"c\t{p}\t.\tA\tG\t{p}\t.\tAF={f}\tGT\t0/1\n" for p, f in ((10, 0.5), (20, 0.001), (30, 0.002)))
both = "c\t40\t.\tA\tG,*\t40\t.\tAF=0.3,0.2\tGT\t1/2\n"
for name, lines in (("single", single), ("wide", single + both)):
    with open(f"{name}.vcf", "w") as out:
        out.write(HEADER + lines)
    pysam.tabix_index(f"{name}.vcf", preset="vcf", force=True)
PY
for name in single wide; do
    venv/bin/vcf2zarr convert --no-progress $name.vcf.gz $name.vcz 2>/dev/null
done
bcftools() { venv/bin/python -c 'import sys, pysam.bcftools as b; print(b.query(*sys.argv[1:]), end="")' "$@"; }
check() {  # store, option, expression, positions of bcftools, of vcztools
    of_bcftools=$(bcftools -f '%POS\n' "$2" "$3" "$1.vcf.gz" | xargs)
    of_vcztools=$(venv/bin/vcztools query -f '%POS\n' "$2" "$3" "$1.vcz" | xargs)
    echo "$1 $2 '$3': bcftools $of_bcftools; vcztools $of_vcztools"
    [ "$of_bcftools" = "$4" ] && [ "$of_vcztools" = "$5" ] || { echo "changed"; exit 1; }
}
check single -e 'AF<0.01' '10' '10'
check wide -i 'AF<0.01' '20 30' '20 30'
check wide -e 'AF<0.01' '10 40' '10 20 30 40'
check wide -e 'AF>0.1' '20 30' '10 20 30'
check wide -e 'ALT="*"' '10 20 30' '10 20 30 40'
check wide -e 'QUAL<25' '30 40' '30 40'
echo "as described"
