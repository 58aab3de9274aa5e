#!/usr/bin/env bash
# polars-bio 0.36.2 reads no BAM and no VCF that has a .csi index, not even from its beginning to its end.
#
# Version:   polars-bio 0.36.2, on indexes of samtools and bcftools 1.24 (in pysam 0.24.1).
# Expected:  the index is used, as its documentation says ("when a VCF TBI/CSI index is present"), or left alone: read_vcf and
#            read_bam without a filter need none, and work where there is no index.
# Behaviour: the .csi is opened as if it were a .bai or .tbi: "Failed to open indexed VCF: invalid tabix header" and "Failed to
#            open indexed BAM: invalid BAI header". If the other index lies beside it as well, that one is used.
# Seen:      two reads and two records, without an index, with each, and with both: an error with the .csi alone, of all rows
#            and of a filtered part alike.
# Hurts:     whoever indexes by `bcftools index`, whose default is .csi, or has contigs of more than 512 Mb (wheat, lungfish),
#            for which there is no other index. The message sends them to look for a damaged file. `bcftools index -t` and
#            `samtools index -b` beside it help, or to read from a folder without it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check polars-bio==0.36.2 polars==1.44.2 pysam==0.24.1
cd "$folder"
venv/bin/python - 2>/dev/null <<'PY'
import shutil
from pathlib import Path

import polars
import polars_bio
import pysam
import pysam.bcftools
import pysam.samtools

PLACES = (100, 1000)
header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 5000}], "RG": [{"ID": "g", "SM": "s"}]}
with pysam.AlignmentFile("reads.bam", "wb", header=header) as out:
    for place in PLACES:
        read = pysam.AlignedSegment(out.header)
        read.query_name, read.flag, read.reference_id, read.reference_start = f"r{place}", 0, 0, place - 1
        read.mapping_quality, read.cigarstring = 60, "50M"
        read.query_sequence, read.query_qualities = "ACGTA" * 10, [30] * 50
        out.write(read)
with open("calls.vcf", "w") as out:
    out.write('##fileformat=VCFv4.3\n##FILTER=<ID=PASS,Description="Passed">\n##contig=<ID=c,length=5000>\n')
    out.write("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    for place in PLACES:
        out.write(f"c\t{place}\t.\tA\tG\t50\tPASS\t.\n")
pysam.tabix_compress("calls.vcf", "calls.vcf.gz")


def read(frame):
    try:
        return frame().sort("start")["start"].to_list()
    except Exception as error:
        return str(error).rsplit("Failed", 1)[-1].strip()


right = polars.col("start") >= 500
found = {}
for indexes in ("", "csi", "bai tbi", "csi bai tbi"):
    here = Path(f"with {indexes}")
    here.mkdir()
    reads, calls = (shutil.copy(name, here) for name in ("reads.bam", "calls.vcf.gz"))
    if "csi" in indexes:
        pysam.samtools.index("-c", str(reads))
        pysam.bcftools.index(str(calls))
    if "bai" in indexes:
        pysam.samtools.index("-b", str(reads))
        pysam.bcftools.index("-t", str(calls))
    found[indexes] = [
        read(lambda: polars_bio.read_bam(str(reads))),
        read(lambda: polars_bio.scan_bam(str(reads)).filter(right).collect()),
        read(lambda: polars_bio.read_vcf(str(calls))),
        read(lambda: polars_bio.scan_vcf(str(calls)).filter(right).collect()),
    ]
    print(sorted(path.suffix for path in here.iterdir()), found[indexes], flush=True)
whole = [[100, 1000], [1000], [100, 1000], [1000]]
assert found[""] == found["bai tbi"] == found["csi bai tbi"] == whole
bam, vcf = "to open indexed BAM: invalid BAI header", "to open indexed VCF: invalid tabix header"
assert found["csi"] == [bam, bam, vcf, vcf], "changed"
PY
echo "as described"
