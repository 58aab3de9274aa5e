#!/usr/bin/env bash
# samtools consensus takes the introns of spliced reads for deletions, and cuts a base on both sides out with each.
#
# Version:   pysam 0.24.1 (its samtools and htslib 1.24); samtools 1.16 of Debian 12 does the same.
# Expected:  N in a CIGAR is a part of the reference that a read says nothing of (SAM, section 1.4): a position with such
#            reads alone has no data, and is N, as `-m simple` writes it, so that `-a` gives all positions of a contig. Bases that
#            all reads show are in the sequence.
# Behaviour: the default mode leaves the intron out as a deletion (`*` with --show-del yes), and the last base before it and the
#            first behind it, too: both are sure by 20 reads. A deletion (D) of the same length cuts out itself alone.
# Seen:      of a contig of 2,000 bp and reads 50M100N50M: 98 bases of the 100 that are covered, and 1,898 with `-a`. The same
#            reads with 100D give 100 and 1,900.
# Hurts:     whoever makes sequences of RNA by it. What looks like a spliced transcript lacks two bases at each junction, which
#            shifts the frame; with `-a`, positions after an intron are no longer those of the reference. The exit code is 0.
#            Use `-m simple`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import random

import pysam
import pysam.samtools

rng = random.Random(8)
bases = "".join(rng.choice("ACGT") for _ in range(2000))
left, right = bases[100:150], bases[250:300]
header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 2000}], "RG": [{"ID": "g", "SM": "s"}]}
found = {}
for operation in "ND":
    with pysam.AlignmentFile("reads.bam", "wb", header=header) as out:
        for i in range(20):
            read = pysam.AlignedSegment(out.header)
            read.query_name, read.reference_id, read.reference_start, read.flag = f"r{i}", 0, 100, 0
            read.mapping_quality, read.cigarstring = 60, f"50M100{operation}50M"
            read.query_sequence, read.query_qualities = left + right, [37] * 100
            out.write(read)
    pysam.index("reads.bam")
    for options in ((), ("-a",), ("--show-del", "yes"), ("-a", "-m", "simple")):
        found[operation, options] = "".join(pysam.samtools.consensus(*options, "reads.bam").split("\n")[1:])
        print(operation, *options, len(found[operation, options]))
assert found["D", ()] == left + right and len(found["D", ("-a",)]) == 1900
assert found["D", ("--show-del", "yes")] == left + "*" * 100 + right
assert found["N", ("-a", "-m", "simple")] == "N" * 100 + left + "N" * 100 + right + "N" * 1700
assert found["N", ()] == left[:-1] + right[1:], "changed"
assert found["N", ("-a",)] == "N" * 100 + left[:-1] + right[1:] + "N" * 1700, "changed"
assert found["N", ("--show-del", "yes")] == left[:-1] + "*" * 102 + right[1:], "changed"
PY
echo "as described"
