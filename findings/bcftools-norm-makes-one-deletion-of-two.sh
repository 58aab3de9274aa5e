#!/usr/bin/env bash
# bcftools norm -m+ makes one <DEL> of two that begin at one base: END of the first, SVLEN of the second, and 1/1 of both.
#
# Version:   pysam 0.24.1 (its bcftools and htslib 1.24); bcftools 1.16 of Debian 12 does the same.
# Expected:  two records <DEL> at one POS with other END and SVLEN are two alleles. They stay apart, or become <DEL>,<DEL>
#            with a length each (SVLEN has a value for each alt since VCF 4.4), as G and C become G,C. merge, isec, annotate,
#            concat -D and norm -d of the same version do look at the lengths.
# Behaviour: the symbols are compared as text, so the second is taken for the first. SVLEN is that of the second, END that of
#            the first, and a sample that has one copy of each gets two of what is left.
# Seen:      deletions of 100 and of 4,900 bases, 0|1 and 1|0: one of 4,900 with END 200, and 1|1. Two samples with one each:
#            both have the same now. A record <DEL>,<DEL> with 1/2 that `norm -m-` split comes back as <DEL> and 1/1.
# Hurts:     whoever joins multi-allelic sites of structural variants, which `norm -m+any` does along with SNPs and indels, and
#            whoever splits, filters and joins. A deletion is lost, a carrier of two becomes homozygous of one, and what has
#            the other length depends on whether a reader goes by END or SVLEN. The exit code is 0.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam.bcftools

HEADER = (
    "##fileformat=VCFv4.4\n##contig=<ID=c,length=10000>\n"
    '##INFO=<ID=SVLEN,Number=A,Type=Integer,Description="Length">\n'
    '##INFO=<ID=END,Number=1,Type=Integer,Description="End">\n'
    '##ALT=<ID=DEL,Description="Deletion">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\tt\n"
)


def joined(lines, *options):
    with open("in.vcf", "w") as out:
        out.write(HEADER + "".join(f"c\t100\t.\tA\t{line}\n" for line in lines))
    with open("out.vcf", "w") as out:
        out.write(pysam.bcftools.norm(*options, "in.vcf"))
    rows = [line.split()[4:] for line in open("out.vcf") if line[0] != "#"]
    found = [(row[0], dict(field.split("=") for field in row[3].split(";") if "=" in field), *row[5:]) for row in rows]
    print(*options, *lines, "become", *found, sep="\n  ")
    return found


def pair(first, second):
    return [f"<DEL>\t50\tPASS\tSVLEN=100;END=200\tGT\t{first}", f"<DEL>\t50\tPASS\tSVLEN=4900;END=5000\tGT\t{second}"]


bases = joined(["G\t50\tPASS\t.\tGT\t0|1\t0|0", "C\t50\tPASS\t.\tGT\t1|0\t0|1"], "-m+any")
assert len(bases) == 1 and bases[0][0] == "G,C" and sorted(bases[0][2].split("|")) == ["1", "2"], bases
assert len(joined(pair("0|1\t0|0", "1|0\t0|1"), "-d", "exact")) == 2
mixed = {"SVLEN": "4900", "END": "200"}
assert joined(pair("0|1\t0|0", "1|0\t0|0"), "-m+any") == [("<DEL>", mixed, "1|1", "0|0")], "changed"
assert joined(pair("0/1\t0/0", "0/0\t0/1"), "-m+any") == [("<DEL>", mixed, "0/1", "0/1")], "changed"
one = ["<DEL>,<DEL>\t50\tPASS\tSVLEN=100,4900;END=5000\tGT\t1/2\t0/1"]
parts = joined(one, "-m-any")
assert [(alt, info["SVLEN"]) for alt, info, *_ in parts] == [("<DEL>", "100"), ("<DEL>", "4900")], parts
lines = [f"{alt}\t50\tPASS\tSVLEN={info['SVLEN']};END=5000\tGT\t{s}\t{t}" for alt, info, s, t in parts]
again = joined(lines, "-m+any")
assert len(again) == 1 and again[0][0] == "<DEL>" and again[0][2] == "1/1", "changed"
PY
echo "as described"
