#!/usr/bin/env bash
# samtools reset turns SEQ and QUAL of a reverse read back, and leaves its original qualities (OQ) as they were.
#
# Version:   pysam 0.24.1 (its samtools and htslib 1.24).
# Expected:  OQ has a quality for each base of SEQ, in the order of SEQ (SAM tags, "encoded in the same way as QUAL"), and
#            `samtools fastq -O` turns it with a reverse read. Where reset makes an unmapped read of it, with SEQ and QUAL
#            as they came from the sequencer, OQ is turned with them.
# Behaviour: SEQ is complemented and turned, QUAL is turned, OQ is kept letter by letter: each value stands at another base.
#            The flag that would tell it has gone. `samtools fastq -O` and whatever else restores OQ then takes it so.
# Seen:      of two reads with falling qualities, one on each strand, `fastq -O` of the BAM gives falling ones for both; of
#            the BAM after reset, rising ones for the read that was on the reverse strand. QUAL is right in both.
# Hurts:     whoever resets a BAM whose qualities were recalibrated (OQ holds those of the sequencer) to map it again: half
#            of all reads get their qualities backwards, the bad end taken for the good one. Nothing says so. Give
#            `samtools fastq -O` the BAM itself, or `reset -x OQ`.
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

rng = random.Random(6)
as_read = {name: "".join(rng.choice("ACGT") for _ in range(50)) for name in ("forward", "reverse")}
sequenced, recalibrated = list(range(40, 15, -1)) + [15] * 25, list(range(37, 12, -1)) + [12] * 25
header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 2000}], "RG": [{"ID": "g", "SM": "s"}]}
with pysam.AlignmentFile("reads.bam", "wb", header=header) as out:
    for name, bases in as_read.items():
        turned = -1 if name == "reverse" else 1
        read = pysam.AlignedSegment(out.header)
        read.query_name, read.reference_id, read.reference_start, read.is_reverse = name, 0, 100, turned < 0
        read.mapping_quality, read.cigarstring = 60, "50M"
        read.query_sequence = bases[::turned].translate(str.maketrans("ACGT", "TGCA")) if turned < 0 else bases
        read.query_qualities = recalibrated[::turned]
        read.set_tag("OQ", "".join(chr(33 + q) for q in sequenced[::turned]))
        out.write(read)
pysam.samtools.reset("-o", "reset.bam", "reads.bam", catch_stdout=False)


def fastq(*arguments):
    """Bases and qualities of each read, as it came from the sequencer."""
    pysam.samtools.fastq("-0", "out.fq", *arguments, catch_stdout=False)
    lines = open("out.fq").read().split("\n")
    found = {lines[i][1:]: (lines[i + 1], [ord(c) - 33 for c in lines[i + 3]]) for i in range(0, len(lines) - 1, 4)}
    for name, (_, quals) in found.items():
        print(*arguments, name, "begins with", quals[:4], "and ends with", quals[-4:])
    return found


for name in as_read:
    for file in ("reads.bam", "reset.bam"):
        assert fastq(file)[name] == (as_read[name], recalibrated)
    assert fastq("-O", "reads.bam")[name] == (as_read[name], sequenced)
assert fastq("-O", "reset.bam")["forward"] == (as_read["forward"], sequenced)
assert fastq("-O", "reset.bam")["reverse"] == (as_read["reverse"], sequenced[::-1]), "changed"
with pysam.AlignmentFile("reset.bam", check_sq=False) as reads:
    assert not any(read.is_reverse or read.is_mapped for read in reads)
PY
echo "as described"
