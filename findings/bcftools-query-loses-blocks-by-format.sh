#!/usr/bin/env bash
# Which blocks of a gVCF bcftools query -r finds depends on the fields that -f prints.
#
# Version:   pysam 0.24.1 (its bcftools and htslib 1.24); bcftools 1.16 of Debian 12 does the same.
# Expected:  -r (and -t with --targets-overlap 1) select the records that lie over a region, and -f says what is printed.
#            A block lies over all bases from POS to INFO/END, as for bcftools view.
# Behaviour: of VCF, INFO is read only if -f, -i or -e name something of it, or of FORMAT. If not, END is not known, and a
#            block that begins before the region is taken for one base, and left out. Of BCF it is found.
# Seen:      of a block 101 to 900 and the region 500-600, "%POS" gives nothing, "%POS %END" and "%POS [%GT]" the block.
# Hurts:     whoever asks by position whether a sample is covered: nothing, which means "no data" in a gVCF, is the answer
#            where 0/0 with its GQ is on record. Pipelines that look up sites one by one lose nearly all blocks.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.bcftools

with open("s.g.vcf", "w") as out:
    out.write(
        '##fileformat=VCFv4.2\n##contig=<ID=c,length=1000>\n##ALT=<ID=*,Description="Any other allele">\n'
        '##INFO=<ID=END,Number=1,Type=Integer,Description="Last position">\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
        "c\t101\t.\tA\t<*>\t0\t.\tEND=900\tGT\t0/0\n"
    )
pysam.tabix_compress("s.g.vcf", "s.g.vcf.gz")
pysam.tabix_index("s.g.vcf.gz", preset="vcf")
pysam.bcftools.view("-Ob", "-o", "s.g.bcf", "s.g.vcf.gz", catch_stdout=False)
pysam.bcftools.index("s.g.bcf", catch_stdout=False)
FORMATS = {"%POS\n": False, "%CHROM %POS %REF %ALT %QUAL %FILTER\n": False, "%POS %END\n": True, "%POS[ %GT]\n": True}
for where in (["-r", "c:500-600"], ["-t", "c:500-600", "--targets-overlap", "1"]):
    for text, of_vcf in FORMATS.items():
        for name, found in (("s.g.vcf.gz", of_vcf), ("s.g.bcf", True)):
            seen = pysam.bcftools.query(*where, "-f", text, name)
            print(f"bcftools {pysam.version.__bcftools_version__} query", *where, "-f", repr(text), name, "gives", repr(seen))
            assert bool(seen) == found, "changed"
assert pysam.bcftools.view("-H", "-r", "c:500-600", "s.g.vcf.gz").startswith("c\t101\t")
PY
echo "as described"
