#!/usr/bin/env bash
# bcftools reads the same BED one base wider when its name ends in .bed.bgz.
#
# Version:   pysam 0.24.1 (its bcftools and htslib 1.24).
# Expected:  a BED compressed by bgzip is a BED, whichever of bgzip's two usual suffixes it has; htslib itself writes
#            and recognises .bgz.
# Behaviour: `bcftools -R` and `-T` take a file for BED (0-based) if its name ends in .bed or .bed.gz. One that is named
#            .bed.bgz is read as "CHROM, BEG, END", 1-based, without a word: every interval begins one base too early.
# Seen:      intervals of chr1 10-20 give positions 11,20 from .bed and .bed.gz, and 10,11,20 from .bed.bgz.
# Hurts:     whoever restricts calls to confident regions or capture targets that a site ships as .bed.bgz: one base
#            more of each interval counts, which moves false positives and negatives at the edges; no message tells.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.bcftools

with open("calls.vcf", "w") as out:
    out.write("##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    for position in (10, 11, 20, 21):
        out.write(f"chr1\t{position}\t.\tA\tC\t50\tPASS\t.\n")
pysam.tabix_compress("calls.vcf", "calls.vcf.gz")
pysam.tabix_index("calls.vcf.gz", preset="vcf")
with open("regions.bed", "w") as out:
    out.write("chr1\t10\t20\n")
pysam.tabix_compress("regions.bed", "regions.bed.gz")
pysam.tabix_compress("regions.bed", "regions.bed.bgz")
expected = {"regions.bed": "11,20", "regions.bed.gz": "11,20", "regions.bed.bgz": "10,11,20"}
for option in ("-R", "-T"):
    for name, positions in expected.items():
        seen = ",".join(pysam.bcftools.query("-f", "%POS\n", option, name, "calls.vcf.gz").split())
        print(f"bcftools {pysam.version.__bcftools_version__} query {option} {name}: {seen}")
        assert seen == positions, f"changed: {seen} where {positions} was seen"
PY
echo "as described"
