#!/usr/bin/env bash
# freebayes 1.3.6 --gvcf puts what has no reads into one block with what has, with a GQ of a million.
#
# Version:   freebayes 1.3.6 of Debian 12, beside pysam 0.24.1.
# Expected:  a block of a gVCF says how sure it is that the sample is as the reference there: what no read covers is in no
#            block, or in one of its own with depth and GQ 0, and GQ is "Phred-scaled", as the header says of it.
# Behaviour: a block ends at the next variant and nowhere else. GQ is the sum of the qualities of all bases in it, so that it
#            grows with its length. DP is the mean; only MIN_DP tells that some of it has no reads. It has no GT. With
#            `--gvcf-chunk 500` the gap has blocks of its own, and GQ is the sum over 500 positions. (The format was added
#            as a placeholder, by freebayes/freebayes#213, and has stayed.)
# Seen:      a sample with 20 reads on 501-1500 and 3001-4000 and a heterozygous SNP at 1001: one block from 1002 on, to
#            4002, with DP 9 and GQ 1,109,260, over the 1,500 bp that have no read. With one read from 1501 on in place
#            of the gap, one block of both, with DP 4 and GQ 461,760.
# Hurts:     whoever counts a site as reference where a block with DP and GQ over a limit lies: all of a chromosome between two
#            variants passes, targets of exomes and the gaps between them alike. A variant that was not seen for want of
#            reads is taken for absent, in cohorts and in carriers. Filter by MIN_DP, with --gvcf-chunk.
set -euo pipefail
[[ $(freebayes --version) == *1.3.6* ]]
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import random
import subprocess

import pysam

rng = random.Random(10)
bases = "".join(rng.choice("ACGT") for _ in range(6000))
SITE = 1000
other = bases[:SITE] + "ACGT"[("ACGT".index(bases[SITE]) + 1) % 4] + bases[SITE + 1 :]
with open("genome.fa", "w") as out:
    out.write(f">c\n{bases}\n")
pysam.faidx("genome.fa")
header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 6000}], "RG": [{"ID": "g", "SM": "s"}]}


def blocks(name, depths, *options):
    """POS, END, DP, MIN_DP and GQ of each block, of reads that lie as deep as `depths` says of (start, end)."""
    with pysam.AlignmentFile(name, "wb", header=header) as out:
        for start, end in depths:
            for at in range(start, end, 100):
                for n in range(depths[start, end]):
                    read = pysam.AlignedSegment(out.header)
                    read.query_name, read.flag, read.reference_id, read.reference_start = f"r{at}.{n}", 0, 0, at
                    read.mapping_quality, read.cigarstring = 60, "100M"
                    read.query_sequence, read.query_qualities = (bases, other)[n % 2][at : at + 100], [37] * 100
                    read.set_tag("RG", "g")
                    out.write(read)
    pysam.index(name)
    command = ["freebayes", "-f", "genome.fa", "--gvcf", *options, name]
    with open("calls.vcf", "w") as out:
        subprocess.run(command, check=True, stdout=out)
    found = []
    for record in pysam.VariantFile("calls.vcf"):
        if record.alts == ("<*>",):
            call = record.samples[0]
            assert "GT" not in record.format
            found.append((record.pos, record.stop, call["DP"], call["MIN_DP"], call["GQ"]))
            print(name, *options, found[-1])
        else:
            assert (record.pos, record.samples[0]["GT"]) == (SITE + 1, (0, 1))
    return found


gap = {(500, 1500): 20, (3000, 4000): 20}
before, behind = blocks("gap.bam", gap)
assert before[:4] == (501, 1000, 20, 20) and before[4] == 500 * 20 * 37, "changed"
assert behind[0] == 1002 and behind[1] >= 4000 and behind[2] == 9 and behind[3] == 0 and behind[4] > 1e6, "changed"
thin = blocks("thin.bam", {(500, 1500): 20, (1500, 4000): 1})[-1]
assert thin[0] == 1002 and thin[1] >= 4000 and thin[2:4] == (4, 0) and thin[4] > 4e5, "changed"
inside = [block for block in blocks("gap.bam", gap, "--gvcf-chunk", "500") if 1503 <= block[0] and block[1] <= 3000]
assert inside and all(block[2:] == (0, 0, 0) for block in inside), "changed"
PY
echo "as described"
