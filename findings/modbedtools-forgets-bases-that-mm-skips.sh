#!/usr/bin/env bash
# modbedtools 0.2.0 writes the same for bases that MM says are not modified and for those of which it says nothing.
#
# Version:   modbedtools 0.2.0 with pysam 0.23.3.
# Expected:  MM names some bases of a read and skips others. After "C+m." (or "C+m") those skipped are to be taken for not
#            modified, after "C+m?" nothing is known of them (SAM tags, MM). The eighth column of a modbed file has the bases
#            that are not modified.
# Behaviour: it has those alone that MM names and that ML says are improbable, as has `modified_bases` of pysam.
# Seen:      reads of ten C of which two are named, one of ML 250 and one of ML 10: one modified and one not, whichever mark
#            follows; of the eight skipped ones none, where "." says that they are not modified.
# Hurts:     who looks at methylation in the browser: where a basecaller names only what it holds for modified, which "." is
#            made for, each read looks methylated throughout. `modbedtools addbg` is no cure: it takes every C of the reference
#            for called, and knows no mark either. Count with a program that tells the marks apart.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check modbedtools==0.2.0 pysam==0.23.3
cd "$folder"
venv/bin/python - <<'PY'
import array
import subprocess

import pysam

SEQUENCE = "AC" * 10
header = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 500}]})
with pysam.AlignmentFile("reads.bam", "wb", header=header) as out:
    for i, mark in enumerate(("", ".", "?")):
        read = pysam.AlignedSegment(header)
        read.query_name, read.reference_id, read.reference_start = f"marked{mark}", 0, 100 * (i + 1)
        read.cigarstring, read.query_sequence, read.mapping_quality = "20M", SEQUENCE, 60
        read.set_tag("MM", f"C+m{mark},2,3;")  # the third C, and the seventh
        read.set_tag("ML", array.array("B", [250, 10]))
        out.write(read)
        assert {base: [q for q, _ in told] for base, told in read.modified_bases.items()} == {("C", 0, "m"): [5, 13]}
pysam.index("reads.bam")
subprocess.run(["venv/bin/modbedtools", "bam2mod", "-o", "out", "reads.bam"], check=True, capture_output=True)
rows = [line.rstrip("\n").split("\t") for line in open("out.C.modbed")]
print(*rows, sep="\n")
told = {row[3]: (row[6], row[7]) for row in rows}
assert told == {name: ("5", "13") for name in ("marked", "marked.", "marked?")}, "changed"
PY
echo "as described"
