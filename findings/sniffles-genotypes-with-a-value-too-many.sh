#!/usr/bin/env bash
# sniffles 2.8.1 --genotype-vcf writes five values to the four fields of FORMAT, and bcftools and pysam read none of it.
#
# Version:   sniffles 2.8.1 with pysam 0.24.1 (bcftools 1.24 in it).
# Expected:  the VCF that is given comes back with genotypes of these reads, in a form that VCF readers take.
# Behaviour: FORMAT is GT:GQ:DR:DV, and the phase set follows as a fifth value; the calls of sniffles itself have
#            GT:GQ:DR:DV:PS. Where the VCF that is given has no sample, as a list of sites has none, the header stays without
#            the columns FORMAT and sample, while the records have both.
# Seen:      reads with one deletion in all: calling gives 1/1 with 25 reads. Genotyping that file gives `1/1:60:0:25:.`, which
#            pysam and bcftools end at. Genotyping a list of sites gives the same, and readers find a VCF of no sample,
#            without an error: no genotype is left.
# Hurts:     cohorts whose variants are called, joined, and genotyped in each sample: the files do not merge, or those of a list
#            of sites merge with no genotypes. Append `:PS` to FORMAT, and FORMAT and a name to the header, where they lack.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check sniffles==2.8.1 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import random
import subprocess

import pysam

rng = random.Random(9)
START, LENGTH, READ = 20000, 200, 8000  # what is deleted, and the length of reads
contig = "".join(rng.choice("ACGT") for _ in range(40000))
with open("contig.fa", "w") as out:
    out.write(f">c\n{contig}\n")
pysam.faidx("contig.fa")
header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 40000}], "RG": [{"ID": "g", "SM": "s"}]}
with pysam.AlignmentFile("reads.bam", "wb", header=header) as out:
    for n in range(25):
        at = START - 7000 + 250 * n
        read = pysam.AlignedSegment(out.header)
        read.query_name, read.flag, read.reference_id, read.reference_start = f"r{n}", 16 * (n % 2), 0, at
        read.mapping_quality, read.cigarstring = 60, f"{START - at}M{LENGTH}D{READ - START + at}M"
        read.query_sequence = contig[at:START] + contig[START + LENGTH : at + READ + LENGTH]
        read.query_qualities = [30] * READ
        read.set_tag("RG", "g")
        out.write(read)
pysam.index("reads.bam")


def sniffles(name, *options):
    command = ["venv/bin/sniffles", "-i", "reads.bam", "--reference", "contig.fa", "--all-contigs", "-t", "1", *options]
    subprocess.run([*command, "-v", name], check=True, capture_output=True)
    lines = [line.rstrip("\n").split("\t") for line in open(name)]
    columns = next(line for line in lines if line[0] == "#CHROM")
    record = next(line for line in lines if line[0] == "c")
    print(name, columns[7:], record[8:])
    return columns[8:], record[8], record[9]


assert sniffles("called.vcf") == (["FORMAT", "SAMPLE"], "GT:GQ:DR:DV:PS", "1/1:60:0:25:.")
assert [record.samples[0]["GT"] for record in pysam.VariantFile("called.vcf")] == [(1, 1)]

found = sniffles("genotyped.vcf", "--genotype-vcf", "called.vcf")
assert found == (["FORMAT", "SAMPLE"], "GT:GQ:DR:DV", "1/1:60:0:25:.")
try:
    list(pysam.VariantFile("genotyped.vcf"))
except OSError as error:
    print("pysam:", error)
else:
    raise SystemExit("changed: it is read")

with open("sites.vcf", "w") as out:
    out.write(
        "##fileformat=VCFv4.2\n##contig=<ID=c,length=40000>\n"
        '##INFO=<ID=SVTYPE,Number=1,Type=String,Description="Type">\n'
        '##INFO=<ID=SVLEN,Number=.,Type=Integer,Description="Length">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        f"c\t{START}\td\t{contig[START - 1 : START + LENGTH]}\t{contig[START - 1]}\t50\tPASS\tSVTYPE=DEL;SVLEN=-{LENGTH}\n"
    )
found = sniffles("genotyped-sites.vcf", "--genotype-vcf", "sites.vcf")
assert found == ([], "GT:GQ:DR:DV", "1/1:60:0:25:.")
with pysam.VariantFile("genotyped-sites.vcf") as read:
    assert [(record.pos, list(record.samples)) for record in read] == [(START, [])]
PY
echo "as described"
