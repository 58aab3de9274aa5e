#!/usr/bin/env bash
# whatshap 2.8 phases no variant of a gVCF, and succeeds.
#
# Version:   whatshap 2.8, pysam 0.24.1.
# Expected:  a heterozygous SNP whose ALT is `G,<*>` and whose genotype is 0/1 is phased as the same SNP with ALT `G` is:
#            `<*>` is the symbol of the specification (VCF 4.3, section 5.5) for alleles that were not seen, and no
#            genotype has it.
# Behaviour: a record with more than one ALT, or with a symbolic one, is left out of those that can be phased; nothing of
#            the summary but the count of usable variants tells.
# Seen:      of ten heterozygous SNPs covered by reads of 1 kb: 10 phased of the VCF, 0 of the gVCF, exit code 0 both
#            times.
# Hurts:     whoever gives phase the gVCF that a caller wrote (DeepVariant, GATK): an unphased copy of the input comes out
#            of a run that says it succeeded, and haplotag then tags no read.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check whatshap==2.8 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import random

import pysam

rng = random.Random(1)
bases = "".join(rng.choice("ACGT") for _ in range(2000))
sites = range(100, 2000, 190)
other = "".join("ACGT"[("ACGT".index(b) + 1) % 4] if i in sites else b for i, b in enumerate(bases))
with open("genome.fa", "w") as out:
    out.write(f">c\n{bases}\n")
pysam.faidx("genome.fa")
header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 2000}], "RG": [{"ID": "g", "SM": "s"}]}
with pysam.AlignmentFile("reads.bam", "wb", header=header) as out:
    for i, start in enumerate(sorted(rng.randrange(1000) for _ in range(60))):
        read = pysam.AlignedSegment(out.header)
        read.query_name, read.reference_id, read.reference_start = f"r{i}", 0, start
        read.mapping_quality, read.cigarstring = 60, "1000M"
        read.query_sequence = (bases, other)[i % 2][start : start + 1000]
        read.query_qualities = [40] * 1000
        read.set_tag("RG", "g")
        out.write(read)
pysam.index("reads.bam")
HEADER = """##fileformat=VCFv4.3
##ALT=<ID=*,Description="Any other allele">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last position">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##contig=<ID=c,length=2000>
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	s
"""
with open("s.vcf", "w") as plain, open("s.g.vcf", "w") as blocks:
    plain.write(HEADER)
    blocks.write(HEADER)
    last = 0
    for i in sites:
        blocks.write(f"c\t{last + 1}\t.\t{bases[last]}\t<*>\t0\t.\tEND={i}\tGT\t0/0\n")
        plain.write(f"c\t{i + 1}\t.\t{bases[i]}\t{other[i]}\t50\tPASS\t.\tGT\t0/1\n")
        blocks.write(f"c\t{i + 1}\t.\t{bases[i]}\t{other[i]},<*>\t50\tPASS\t.\tGT\t0/1\n")
        last = i + 1
PY
phased() {  # of the variants of a file, how many whatshap phases
    venv/bin/whatshap phase --reference genome.fa -o "$1.phased" "$1" reads.bam 2> "$1.log"
    grep -c '0|1\|1|0' "$1.phased" || true
}
plain=$(phased s.vcf)
blocks=$(phased s.g.vcf)
echo "phased: $plain of the VCF, $blocks of the gVCF"
[ "$plain" = 10 ] && [ "$blocks" = 0 ] || { echo "changed"; exit 1; }
echo "as described"
