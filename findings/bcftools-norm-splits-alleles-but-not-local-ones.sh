#!/usr/bin/env bash
# bcftools norm -m- splits a record with local alleles, and gives every part the depths and likelihoods of all.
#
# Version:   pysam 0.24.1 (its bcftools and htslib 1.24); bcftools 1.16 of Debian 12 does the same.
# Expected:  LAA names by number the alts of the record which LAD and LPL are about (VCF 4.5, section 1.6.2; `merge -L` writes
#            them). A part that has one alt has LAA 1 and the values of that alt for who has it, and LAA `.` and the values
#            of the reference for the others, as AD and PL are split.
# Behaviour: GT is split, LAA, LAD and LPL go unchanged into each part. Someone's reads of another alt stand at an alt that
#            nobody saw in them, and LAA names the second or third alt of records that have one. It does so with the header
#            of `merge -L` (Number=.) and with that of VCF 4.5 (LR, LG) alike. `view --trim-alt-alleles` numbers LAA anew.
# Seen:      three samples of which each has another alt: in the part of the first alt, the second sample is 0/0 with 8 of
#            its 15 reads for the alt and PL 50,0,70, the third 0/0 with all reads for it and PL 90,20,0.
# Hurts:     whoever splits a cohort that was merged with local alleles, as is usual before annotation and tests: at each
#            split site GT and the likelihoods contradict each other, and allele balance is that of other alleles. Nothing
#            says so, and no count of values is wrong. Merge without -L what is to be split.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.bcftools

HEADER = """##fileformat=VCFv4.3
##contig=<ID=c,length=2000>
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads of each allele">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	"""
SAMPLES = {"one": ("C", "0/1:9,9:60,0,60"), "two": ("G", "0/1:7,8:50,0,70"), "three": ("T", "1/1:0,8:90,20,0")}
for name, (alt, call) in SAMPLES.items():
    with open(f"{name}.vcf", "w") as out:
        out.write(f"{HEADER}{name}\nc\t10\t.\tA\t{alt}\t50\tPASS\t.\tGT:AD:PL\t{call}\n")
    pysam.tabix_index(f"{name}.vcf", preset="vcf")
files = [f"{name}.vcf.gz" for name in SAMPLES]


def calls(text):
    """Of each record its alt, and what each sample has of each field."""
    found = {}
    for row in (line.split("\t") for line in text.splitlines() if line[0] != "#"):
        fields = row[8].split(":")
        found[row[4]] = [dict(zip(fields, call.split(":"))) for call in row[9:]]
        print(row[4], *row[8:])
    return found


whole = pysam.bcftools.merge(*files)
with open("whole.vcf", "w") as out:
    out.write(whole)
of_whole = calls(pysam.bcftools.norm("-m-", "whole.vcf"))
assert [call["AD"] for call in of_whole["C"]] == ["9,9", "7,.", "0,."]
local = pysam.bcftools.merge("-L", "1", *files)
header_of_4_5 = local
for old, new in (("VCFv4.3", "VCFv4.5"), ("ID=LAD,Number=.", "ID=LAD,Number=LR"), ("ID=LPL,Number=.", "ID=LPL,Number=LG")):
    assert old in header_of_4_5
    header_of_4_5 = header_of_4_5.replace(old, new)
for name, text in (("merged", local), ("4.5", header_of_4_5)):
    with open(f"{name}.vcf", "w") as out:
        out.write(text)
    parts = calls(pysam.bcftools.norm("-m-", f"{name}.vcf"))
    assert [[call["GT"] for call in parts[alt]] for alt in "CGT"] == [
        ["0/1", "0/0", "0/0"],
        ["0/0", "0/1", "0/0"],
        ["0/0", "0/0", "1/1"],
    ]
    for alt in "CGT":
        assert [call["LAA"] for call in parts[alt]] == ["1", "2", "3"], "changed"
        assert [call["LAD"] for call in parts[alt]] == ["9,9", "7,8", "0,8"], "changed"
        assert [call["LPL"] for call in parts[alt]] == ["60,0,60", "50,0,70", "90,20,0"], "changed"
trimmed = calls(pysam.bcftools.view("-s", "three", "--trim-alt-alleles", "merged.vcf"))
assert trimmed == {"T": [{"GT": "1/1", "LAA": "1", "LAD": "0,8", "LPL": "90,20,0"}]}
PY
echo "as described"
