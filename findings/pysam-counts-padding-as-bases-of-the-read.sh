#!/usr/bin/env bash
# pysam get_aligned_pairs counts padding (P in the CIGAR) as bases of the read, and runs past its end.
#
# Version:   pysam 0.24.1.
# Expected:  P is "silent deletion from padded reference" and consumes neither the read nor the reference (SAM, section 1.4,
#            table of operations). The bases behind it have the numbers that they have in SEQ, as get_blocks,
#            get_reference_positions and query_alignment_end have it.
# Behaviour: each padded column is given a position in the read, and all bases behind it are counted on by that. The
#            documentation says that "the reference position will always be None" there, and nothing of the read's.
# Seen:      of a read of 6 bases and 3M2P1I2M: positions 0 to 7, of which 6 and 7 are not in the read, and 3 and 4 stand for
#            no base. The insertion is 5 instead of 3. matches_only=True gives 0, 1, 2, 6 and 7.
# Hurts:     whoever takes bases or qualities by these pairs from reads of padded alignments (assemblies, multiple alignments
#            that were written as SAM): an IndexError at the end of the read, and a base that is two off before it, in
#            pileups of one's own, methylation and error counts. Whether it is told depends on how long the rest is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
"$folder/venv/bin/python" - <<'PY'
import pysam

header = pysam.AlignmentHeader.from_dict({"SQ": [{"SN": "c", "LN": 1000}]})


def aligned(cigar):
    read = pysam.AlignedSegment(header)
    read.query_name, read.reference_id, read.reference_start, read.flag = "r", 0, 100, 0
    read.mapping_quality, read.cigarstring = 60, cigar
    read.query_sequence, read.query_qualities = "ACGTAC", [30] * 6
    print(cigar, read.get_aligned_pairs())
    return read


plain, padded = aligned("3M1I2M"), aligned("3M2P1I2M")
for read in (plain, padded):
    assert read.infer_query_length() == read.query_length == read.query_alignment_end == 6
    assert read.get_blocks() == [(100, 103), (103, 105)]
    assert read.get_reference_positions(full_length=True) == [100, 101, 102, None, 103, 104]
start = [(0, 100), (1, 101), (2, 102)]
assert plain.get_aligned_pairs() == [*start, (3, None), (4, 103), (5, 104)]
assert padded.get_aligned_pairs() == [*start, (3, None), (4, None), (5, None), (6, 103), (7, 104)], "changed"
assert padded.get_aligned_pairs(matches_only=True) == [*start, (6, 103), (7, 104)], "changed"
PY
echo "as described"
