#!/usr/bin/env bash
# truvari 5.4.0 stratify ends with a TypeError if all contigs of its BED are numbers, as 1 to 22 of GRCh37 are.
#
# Version:   truvari 5.4.0 (pysam 0.24.1).
# Expected:  a contig is a name: of a BED with 1 the variants of contig 1 are counted, as `truvari bench --includebed` takes
#            the same file.
# Behaviour: the first column is read as numbers where it can be, and a number is no name of a contig to pysam: "Argument must
#            be string, bytes or unicode". With one row of X in the same BED, the column is text, and all rows are counted.
# Seen:      one deletion at 1:1000: a TypeError for a BED of 1 alone, and 1 for that row once a row of X follows.
# Hurts:     whoever stratifies benchmarks on GRCh37, or on other genomes whose contigs are plain numbers, by regions of the
#            autosomes. Whether it works depends on a row of X being in the file, and the message names neither file nor contig.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check truvari==5.4.0 pysam==0.24.1 'setuptools<81'
cd "$folder"
venv/bin/python - <<'PY'
import pysam

with open("calls.vcf", "w") as out:
    out.write(
        "##fileformat=VCFv4.3\n##contig=<ID=1,length=100000>\n##contig=<ID=X,length=100000>\n"
        '##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">\n'
        '##INFO=<ID=SVLEN,Number=1,Type=Integer,Description="Length">\n'
        '##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
        '##ALT=<ID=DEL,Description="Deletion">\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
        "1\t1000\t.\tA\t<DEL>\t50\tPASS\tSVTYPE=DEL;SVLEN=-100;END=1100\tGT\t0/1\n"
    )
pysam.tabix_index("calls.vcf", preset="vcf", force=True)
PY
printf '1\t500\t50000\n' >one.bed
printf '1\t500\t50000\nX\t500\t50000\n' >both.bed
venv/bin/truvari stratify both.bed calls.vcf.gz >both.txt 2>log
cat both.txt
[ "$(grep -c . both.txt)" = 2 ] && grep -qP '^1\t500\t50000\t1$' both.txt && grep -qP '^X\t500\t50000\t0$' both.txt
venv/bin/truvari bench -b calls.vcf.gz -c calls.vcf.gz --includebed one.bed -o bench 2>log
grep -q '"TP-base": 1,' bench/summary.json
if venv/bin/truvari stratify one.bed calls.vcf.gz >one.txt 2>log; then
    echo "changed: it counts"
    exit 1
fi
tail -1 log
grep -q "TypeError: Argument must be string, bytes or unicode" log || { echo "changed"; exit 1; }
echo "as described"
