#!/usr/bin/env bash
# fgpyo 1.5.1 calculate_edit_info ends at a deletion that is longer than what lies before it, and leaves out all behind.
#
# Version:   fgpyo 1.5.1 with pysam 0.24.1.
# Expected:  NM and MD of the whole alignment, as of samtools calmd, whose behaviour its comments name; the reference may be a
#            piece that begins at the read, with reference_offset=0.
# Behaviour: where a deletion begins at fewer bases from the start of the sequence given than it is long, the count ends after
#            it: no mismatch, no indel and no match behind it is counted, and MD ends in 0. samtools ends only where a deletion
#            goes beyond the *end* of the reference. No error is raised.
# Seen:      30M40D30M at base 101 with a mismatch near its end: NM 41 and 59 matches by the whole contig, as of samtools; NM 40,
#            30 matches and an MD that ends behind the deletion by the piece under the read. At base 5 so too by the whole
#            contig. 10M2D10M is right with both.
# Hurts:     whoever recalculates NM and MD of realigned or simulated reads by pieces of the reference, or near the start of small
#            contigs (mitochondria, amplicons, plasmids): reads with long deletions come out with too few mismatches and
#            pass filters of NM, and the MD is shorter than the CIGAR. Use `samtools calmd`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check fgpyo==1.5.1 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import random

import pysam
from fgpyo.sam import calculate_edit_info

rng = random.Random(1)
contig = "".join(rng.choice("ACGT") for _ in range(300))
with open("contig.fa", "w") as out:
    out.write(f">c\n{contig}\n")
header = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6"}, "SQ": [{"SN": "c", "LN": 300}]})


def compared(start, cigar):
    """NM, whether MD is whole, and matches: of samtools, and of fgpyo with the contig and with the piece under the read."""
    read = pysam.AlignedSegment(header)
    read.query_name, read.flag, read.reference_id, read.reference_start = "r", 0, 0, start
    read.mapping_quality, read.cigarstring = 60, cigar
    bases, at = "", start
    for operation, length in read.cigartuples:
        bases += contig[at : at + length] if operation == 0 else ""
        at += length
    wrong = "ACGT"[("ACGT".index(bases[-3]) + 1) % 4]
    read.query_sequence = bases[:-3] + wrong + bases[-2:]
    read.query_qualities = [37] * len(bases)
    with pysam.AlignmentFile("read.sam", "w", header=header) as out:
        out.write(read)
    line = [text for text in pysam.calmd("read.sam", "contig.fa").splitlines() if text[0] != "@"][0]
    tags = dict(field.split(":", 2)[::2] for field in line.split("\t")[11:])
    whole = calculate_edit_info(read, contig)
    piece = calculate_edit_info(read, contig[start : read.reference_end], reference_offset=0)
    found = [int(tags["NM"])] + [n for info in (whole, piece) for n in (info.nm, info.md == tags["MD"], info.matches)]
    print(start + 1, cigar, *found)
    return found


assert compared(100, "30M40D30M") == [41, 41, True, 59, 40, False, 30]
assert compared(4, "30M40D30M") == [41, 40, False, 30, 40, False, 30]
assert compared(100, "10M2D10M") == [3, 3, True, 19, 3, True, 19]
PY
echo "as described"
