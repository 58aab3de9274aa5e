#!/usr/bin/env bash
# bcftools annotate puts AD, PL and AC in the order of the target's alts, and copies GT as it is: 2 is another allele then.
#
# Version:   bcftools 1.16 and 1.24 (in pysam 0.24.1).
# Expected:  a genotype that is carried over to a record with other alts, or with the same in another order, names the same
#            alleles there, or is left out. The values that belong to alleles are moved, so this is known to be needed.
# Behaviour: of one record, values of Number A, R and G come out in the order of the target, and GT beside them unchanged.
#            A record without the allele gets its number all the same, so that GT names an alt that the record has not.
# Seen:      GT 0|2 of the alts G,C (so C) with AD 10,0,12 comes into a record with C,G as 0|2 (so G), AD 10,12,0; 0|2 of
#            G,C comes into one with the alt C alone as 0|2, AD 10,12. GT of equal alts is right.
# Hurts:     whoever carries phased or refined genotypes (GT and PS) over to another file of the same samples by
#            `annotate -c FORMAT/GT`: callers sort alts by different rules, so at sites with two alts the sample has the
#            wrong allele, or one that the record has not, with exit code 0. `--pair-logic exact` leaves out the records with
#            other alts, and not those in another order. With `norm -m-` of both files before it, all are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.bcftools as bcftools

HEADER = (
    "##fileformat=VCFv4.3\n##contig=<ID=c,length=1000>\n"
    '##INFO=<ID=AC,Number=A,Type=Integer,Description="Count">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Depths">\n'
    '##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Likelihoods">\n'
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
)
PHASED = "AC=0,1\tGT:AD:PL:PS\t0|2:10,0,12:90,120,400,0,150,80:100"
SOURCE = ((100, "G,C", PHASED), (200, "G,C", PHASED), (300, "G,C", PHASED))
TARGET = ((100, "G,C", "."), (200, "C,G", "."), (300, "C", "."))
for name, records in (("source", SOURCE), ("target", TARGET)):
    with open(f"{name}.vcf", "w") as out:
        out.write(HEADER)
        for position, alts, rest in records:
            rest = rest if rest != "." else ".\tGT\t./."
            out.write(f"c\t{position}\t.\tA\t{alts}\t50\t.\t{rest}\n")
    pysam.tabix_index(f"{name}.vcf", preset="vcf", force=True)


def annotated(*options, source="source.vcf.gz", target="target.vcf.gz"):
    fields = "INFO/AC,FORMAT/GT,FORMAT/AD,FORMAT/PL,FORMAT/PS"
    text = bcftools.annotate("--no-version", *options, "-a", source, "-c", fields, target)
    rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    for row in rows:
        print(*row[1:2], *row[4:5], *row[7:])
    return [(row[4], row[7], *row[9].split(":")) for row in rows]


assert annotated() == [
    ("G,C", "AC=0,1", "0|2", "10,0,12", "90,120,400,0,150,80", "100"),
    ("C,G", "AC=1,0", "0|2", "10,12,0", "90,0,80,120,150,400", "100"),
    ("C", "AC=1", "0|2", "10,12", "90,0,80", "100"),
]
assert [row[:3] for row in annotated("--pair-logic", "exact")] == [
    ("G,C", "AC=0,1", "0|2"),
    ("C,G", "AC=1,0", "0|2"),
    ("C", ".", "./."),
]
for name in ("source", "target"):
    with open(f"{name}.split.vcf", "w") as out:
        out.write(bcftools.norm("-m-", f"{name}.vcf.gz"))
    pysam.tabix_index(f"{name}.split.vcf", preset="vcf", force=True)
split = annotated("--pair-logic", "exact", source="source.split.vcf.gz", target="target.split.vcf.gz")
assert sorted((alt, genotype) for alt, _, genotype, *_ in split) == [("C", "0|1")] * 3 + [("G", "0|0")] * 2
PY
echo "as described"
