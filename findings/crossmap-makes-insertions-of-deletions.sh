#!/usr/bin/env bash
# CrossMap 0.7.4 vcf rejects plain deletions, makes insertions of others, and leaves genotypes without their allele.
#
# Version:   CrossMap 0.7.4.
# Expected:  where old and new assembly have the same bases, variants come out as they went in, at their new positions.
# Behaviour: REF is taken anew from the target as one base, whatever its length was. A deletion with one base in ALT then
#            has ALT equal to REF, and is rejected as Fail(REF==ALT), as if the target had the deletion. One with more
#            bases in ALT becomes an insertion. In a record with two alts the one is dropped, and GT stays 1|2.
# Seen:      a chain by which 500 bases are put before a contig of random bases; see the assertions. `CrossMap gvcf` gives
#            a deletion with `<*>` as REF of one base, ALT `<*>`, and GT 0|1: the deletion has gone.
# Hurts:     whoever lifts calls or truth sets to another assembly: nearly all deletions are gone, and of multi-allelic
#            sites insertions remain that nobody has. The exit code is 0; an evaluation against such a truth calls true
#            deletions false.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check CrossMap==0.7.4 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import random
import subprocess

import pysam

rng = random.Random(5)
old = "".join(rng.choice("ACGT") for _ in range(2000))
new = "".join(rng.choice("ACGT") for _ in range(500)) + old
with open("new.fa", "w") as out:
    out.write(f">c\n{new}\n")
pysam.faidx("new.fa")
with open("moved.chain", "w") as out:
    out.write("chain 1000 c 2000 + 0 2000 c 2500 + 500 2500 1\n2000\n\n")
HEADER = """##fileformat=VCFv4.2
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##contig=<ID=c,length=2000>
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO	FORMAT	s
"""


def other(base):
    return "ACGT"[("ACGT".index(base) + 1) % 4]


def lifted(mode, position, length, alts, genotype):
    """POS, REF, ALT and GT of what becomes of one record, or why it was rejected."""
    ref = old[position - 1 : position - 1 + length]
    with open("old.vcf", "w") as out:
        out.write(f"{HEADER}c\t{position}\t.\t{ref}\t{','.join(alts)}\t50\tPASS\t.\tGT\t{genotype}\n")
    command = ["venv/bin/CrossMap", mode, "moved.chain", "old.vcf", "new.fa", "out.vcf"]
    subprocess.run(command, check=True, capture_output=True)
    kept = [line.split() for line in open("out.vcf") if line[0] != "#"]
    rejected = [line.split()[-1] for line in open("out.vcf.unmap") if line[0] != "#"]
    seen = (int(kept[0][1]), kept[0][3], kept[0][4], kept[0][9]) if kept else rejected[0]
    print(f"{mode}: {position} {ref} {','.join(alts)} {genotype} becomes {seen}")
    return seen


a = old[99]
assert lifted("vcf", 100, 1, [other(a)], "0|1") == (600, a, other(a), "0|1")
assert lifted("vcf", 100, 1, [a + "GATTA"], "0|1") == (600, a, a + "GATTA", "0|1")
assert lifted("vcf", 100, 6, [a], "0|1") == "Fail(REF==ALT)"
assert lifted("vcf", 100, 4, [old[99:101]], "1|1") == (600, a, old[99:101], "1|1")
assert lifted("vcf", 100, 4, [a, old[99:101]], "1|2") == (600, a, old[99:101], "1|2")
assert lifted("gvcf", 100, 6, [a, "<*>"], "0|1") == (600, a, "<*>", "0|1")
PY
echo "as described"
