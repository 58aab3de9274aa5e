#!/usr/bin/env bash
# samtools depth -s -q counts no read where the left mate of a pair fails the quality, however good the right one is.
#
# Version:   samtools 1.16.1 and 1.24 (in pysam 0.24.1).
# Expected:  with -s ("do not count overlapping reads within a template") a pair counts once where at least one of its mates
#            has a base of the quality that -q asks for, so that -s makes no depth 0 that was not.
# Behaviour: where mates overlap, the one that begins further left is looked at alone, and the other is passed over before
#            qualities are compared: a low quality of the first makes 0 of the pair. (The manual says that the bases of the
#            first read are counted, and nothing of -q.) mpileup, which weighs both, counts one.
# Seen:      20 pairs of 2 x 100 bases over 110, whose reads end in 40 bases of quality 10: by -q 20 and by -s alone each of the
#            110 positions has a depth of 20 or 40; by -s -q 20 40 of them have 0, and by mpileup -Q 20 all have 20.
# Hurts:     exomes and amplicons with short inserts: what is covered is reported as not covered ("callable at 20x"), most where
#            mates overlap most. Reads end in low qualities, and the left mate has its end in the overlap. Take
#            `samtools mpileup -Q` for depths by quality.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import random

import pysam

rng = random.Random(5)
contig = "".join(rng.choice("ACGT") for _ in range(400))
with open("contig.fa", "w") as out:
    out.write(f">c\n{contig}\n")
header = pysam.AlignmentHeader.from_dict(
    {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 400}], "RG": [{"ID": "g", "SM": "s"}]}
)
LEFT, RIGHT = 100, 110  # each of 100 bases, so the insert has 110
qualities = [37] * 60 + [10] * 40


def mate(name, start, other, flag, way):
    read = pysam.AlignedSegment(header)
    read.query_name, read.flag, read.reference_id, read.reference_start = name, flag, 0, start
    read.mapping_quality, read.cigarstring = 60, "100M"
    read.next_reference_id, read.next_reference_start, read.template_length = 0, other, way * 110
    read.query_sequence = contig[start : start + 100]
    read.query_qualities = qualities[::way]  # the end of a read that was turned is its left end
    read.set_tag("RG", "g")
    return read


with pysam.AlignmentFile("pairs.bam", "wb", header=header) as out:
    for n in range(20):
        out.write(mate(f"r{n}", LEFT, RIGHT, 99, 1))
    for n in range(20):
        out.write(mate(f"r{n}", RIGHT, LEFT, 147, -1))
pysam.index("pairs.bam")


def depths(text, column):
    found = {int(row.split("\t")[1]) - 1: int(row.split("\t")[column]) for row in text.splitlines()}
    return [found.get(at, 0) for at in range(LEFT, RIGHT + 100)]


by = {
    "depth": depths(pysam.depth("pairs.bam"), 2),
    "depth -q 20": depths(pysam.depth("-q", "20", "pairs.bam"), 2),
    "depth -s": depths(pysam.depth("-s", "pairs.bam"), 2),
    "depth -s -q 20": depths(pysam.depth("-s", "-q", "20", "pairs.bam"), 2),
    "mpileup -Q 20": depths(pysam.mpileup("-f", "contig.fa", "-B", "-Q", "20", "pairs.bam"), 3),
}
for name, found in by.items():
    print(name, [(depth, found.count(depth)) for depth in sorted(set(found))])
assert set(by["depth -q 20"]) == {20, 40}
assert set(by["depth -s"]) == {20}
assert by["depth -s -q 20"] == [20] * 60 + [0] * 40 + [20] * 10
assert set(by["mpileup -Q 20"]) == {20}
PY
echo "as described"
