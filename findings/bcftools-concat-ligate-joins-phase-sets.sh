#!/usr/bin/env bash
# bcftools concat --ligate makes one phase set of all of a contig, whatever sets its inputs have.
#
# Version:   pysam 0.24.1 (its bcftools and htslib 1.24); bcftools 1.16 of Debian 12 does the same.
# Expected:  FORMAT/PS says which calls are phased with each other. Where pieces of a contig overlap, the phase set that lies
#            over the seam is joined, its part in the second piece turned if need be; all other sets stay as they are.
# Behaviour: PS of the input is not looked at. Every call of a contig gets the PS of its first, 0/1 and 1/1 too, and every
#            phased call after the seam is turned with it. `-c` (compact PS) leaves PS as it was and turns the genotypes all
#            the same, so that a set which lies over the seam has two PS. A PQ of 99 at the seam says that it is sure.
# Seen:      of four sets (10, 30, 40 which continues 30 turned around, and 70) and two unphased calls, one set of all.
# Hurts:     whoever calls or phases a genome by reads (PS of whatshap, DeepVariant, longphase) in pieces and joins them
#            so: blocks as long as chromosomes, which were never seen to belong together, and no file that says where. It is
#            made for pieces that were phased by a panel, where all calls of a piece are in one set.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.bcftools

PIECES = {
    "first": {10: "0|1:10", 20: "1|0:10", 30: "0|1:30", 40: "0|1:30", 45: "0/1:.", 50: "0|1:30"},
    "second": {40: "1|0:40", 45: "0/1:.", 50: "1|0:40", 60: "0|1:40", 70: "0|1:70", 80: "1|0:70", 90: "1/1:.", 95: "0/1:."},
}
for piece, calls in PIECES.items():
    with open(f"{piece}.vcf", "w") as out:
        out.write(
            "##fileformat=VCFv4.3\n##contig=<ID=c,length=100>\n"
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">\n'
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
        )
        out.writelines(f"c\t{position}\t.\tA\tC\t50\tPASS\t.\tGT:PS\t{call}\n" for position, call in calls.items())
    pysam.tabix_index(f"{piece}.vcf", preset="vcf")


def joined(*options):
    text = pysam.bcftools.concat(*options, "first.vcf.gz", "second.vcf.gz")
    rows = [line.split("\t") for line in text.splitlines() if line[0] != "#"]
    calls = {int(row[1]): ":".join(row[9].split(":")[:2]) for row in rows}
    print("concat", *options, *(f"{position} {call};" for position, call in calls.items()))
    return calls


ligated = joined("--ligate")
assert {call.split(":")[1] for call in ligated.values()} == {"10"} and len(ligated) == 11, "changed"
assert [ligated[each] for each in (60, 70, 80)] == ["1|0:10", "1|0:10", "0|1:10"], "changed"
assert [ligated[each] for each in (45, 90, 95)] == ["0/1:10", "1/1:10", "0/1:10"], "changed"
compact = joined("--ligate", "-c")
assert (compact[30], compact[40], compact[60]) == ("0|1:30", "0|1:30", "1|0:40"), "changed"
kept = joined("-a", "-D")
assert kept == PIECES["second"] | PIECES["first"], "changed"
PY
echo "as described"
