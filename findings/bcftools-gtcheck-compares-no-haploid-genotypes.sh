#!/usr/bin/env bash
# bcftools gtcheck finds no discordance between two haploid samples that differ at every site.
#
# Version:   pysam 0.24.1 (its bcftools and htslib 1.24); bcftools 1.16 of Debian 12 does the same.
# Expected:  genotypes of one copy are compared: `0` and `1` differ, `1` and `1` agree, as `0/0` and `1/1` do.
# Behaviour: a genotype that is not of two alleles is left out, whether the other is of one or of two. What is left of a
#            haploid sample is discordance 0 over 0 sites, which is also the score of a perfect match, and sorts first. With
#            some diploid sites, those alone count: of a man's X, the pseudoautosomal ends. A line of INFO, before the
#            table, counts sites-skipped-GT-not-diploid.
# Seen:      ten sites; see the assertions.
# Hurts:     whoever looks for swapped samples of bacteria, yeast, mitochondria or X by it: clones that have nothing in
#            common come out as identical, and whoever takes the least discordance takes the haploid sample.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.bcftools

SAMPLES = {"one": ["1"] * 10, "other": ["0"] * 10, "two": ["1/1"] * 10, "none": ["0/0"] * 10}
SAMPLES |= {"mixed": ["1/1"] * 2 + ["1"] * 8, "mixed2": ["1/1"] * 2 + ["0"] * 8}
with open("all.vcf", "w") as out:
    out.write(
        "##fileformat=VCFv4.3\n##contig=<ID=c,length=1000>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(SAMPLES) + "\n"
    )
    for site in range(10):
        genotypes = "\t".join(each[site] for each in SAMPLES.values())
        out.write(f"c\t{site + 1}\t.\tA\tC\t50\tPASS\t.\tGT\t{genotypes}\n")
pysam.tabix_index("all.vcf", preset="vcf")
text = pysam.bcftools.gtcheck("-u", "GT,GT", "-E", "0", "all.vcf.gz")
rows = [line.split("\t") for line in text.splitlines() if line.startswith("DCv2")]
seen = {frozenset(row[1:3]): tuple(map(float, (row[3], row[5], row[6]))) for row in rows}


def check(one, other, *expected):
    found = seen[frozenset((one, other))]
    print(f"{one} and {other}: discordance {found[0]:.0f}, sites {found[1]:.0f}, of them equal {found[2]:.0f}")
    assert found == expected, "changed"


check("two", "none", 10, 10, 0)
check("one", "other", 0, 0, 0)
check("one", "two", 0, 0, 0)
check("one", "none", 0, 0, 0)
check("mixed", "mixed2", 0, 2, 2)
PY
echo "as described"
