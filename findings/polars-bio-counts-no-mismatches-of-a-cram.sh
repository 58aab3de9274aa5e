#!/usr/bin/env bash
# polars-bio 0.36.2 read_cram gives an NM that counts no mismatch, where read_bam gives the one that is in the file.
#
# Version:   polars-bio 0.36.2 and oxbow 0.8.2, on CRAMs of htslib 1.24 (in pysam 0.24.1).
# Expected:  writers of CRAM leave NM and MD out where they can be made anew of the reference, and htslib makes them when it
#            reads: a table of the CRAM is that of the BAM. Where a reader does not do that, a value is null.
# Behaviour: NM is a number, that of the inserted and deleted bases: 0 of every read without an indel. MD is null.
#            The documentation of read_cram says that both "are not accessible", which a column of numbers does not. Where the
#            CRAM was written with store_nm and store_md, NM and MD are there and right. oxbow gives null for both, with
#            the reference too.
# Seen:      of four reads, with 0, 3, 3 and 1 differences of which 0, 3, 2 and 0 are mismatches, see the assertions.
# Hurts:     whoever filters reads by NM, or computes identity or error rates by it: reads of CRAM pass that differ at any
#            number of bases, and a sample is the cleaner for having been packed. Nothing says so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check polars-bio==0.36.2 polars==1.44.2 oxbow==0.8.2 pysam==0.24.1
cd "$folder"
venv/bin/python - 2>/dev/null <<'PY'
import random

import oxbow
import polars_bio
import pysam
import pysam.samtools

rng = random.Random(7)
bases = "".join(rng.choice("ACGT") for _ in range(2000))
with open("genome.fa", "w") as out:
    out.write(f">c\n{bases}\n")
pysam.faidx("genome.fa")


def changed(letters, *places):
    return "".join("ACGT"[("ACGT".index(b) + 1) % 4] if i in places else b for i, b in enumerate(letters))


READS = [
    (100, "100M", bases[100:200]),
    (110, "100M", changed(bases[110:210], 20, 50, 80)),
    (120, "50M1D50M", changed(bases[120:170] + bases[171:221], 20, 80)),
    (130, "50M1I49M", bases[130:180] + "A" + bases[180:229]),
]
header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 2000}], "RG": [{"ID": "g", "SM": "s"}]}
with pysam.AlignmentFile("plain.bam", "wb", header=header) as out:
    for i, (start, cigar, letters) in enumerate(READS):
        read = pysam.AlignedSegment(out.header)
        read.query_name, read.reference_id, read.reference_start = f"r{i}", 0, start
        read.mapping_quality, read.cigarstring, read.flag = 60, cigar, 0
        read.query_sequence, read.query_qualities = letters, [30] * 100
        out.write(read)
pysam.samtools.calmd("-b", "plain.bam", "genome.fa", save_stdout="reads.bam")
formats = {"reads.cram": "cram", "stored.cram": "cram,store_nm=1,store_md=1"}
for name, options in formats.items():
    pysam.samtools.view("-T", "genome.fa", "-O", options, "-o", name, "reads.bam", catch_stdout=False)
for name in ("reads.bam", *formats):
    pysam.index(name)


def by_htslib(name):
    with pysam.AlignmentFile(name, reference_filename="genome.fa") as file:
        return [(read.get_tag("NM"), read.get_tag("MD")) for read in file]


def by_polars_bio(name):
    if name.endswith(".bam"):
        table = polars_bio.read_bam(name, tag_fields=["NM", "MD"])
    else:
        table = polars_bio.read_cram(name, reference_path="genome.fa", tag_fields=["NM", "MD"])
    return list(zip(table["NM"].to_list(), table["MD"].to_list()))


def by_oxbow(name):
    tags = [("NM", "C"), ("MD", "Z")]
    if name.endswith(".bam"):
        table = oxbow.from_bam(name, tag_defs=tags).pl()
    else:
        table = oxbow.from_cram(name, reference="genome.fa", tag_defs=tags).pl()
    return [(row["NM"], row["MD"]) for row in table["tags"].to_list()]


seen = {}
for reader in (by_htslib, by_polars_bio, by_oxbow):
    for name in ("reads.bam", *formats):
        seen[reader, name] = reader(name)
        print(reader.__name__, name, seen[reader, name], flush=True)
right = seen[by_htslib, "reads.bam"]
assert [nm for nm, _ in right] == [0, 3, 3, 1]
assert all(seen[by_htslib, name] == right for name in formats)
assert seen[by_polars_bio, "reads.bam"] == right and seen[by_oxbow, "reads.bam"] == right
assert seen[by_polars_bio, "reads.cram"] == [(0, None), (0, None), (1, None), (1, None)], "changed"
assert seen[by_oxbow, "reads.cram"] == [(None, None)] * 4, "changed"
assert seen[by_polars_bio, "stored.cram"] == right == seen[by_oxbow, "stored.cram"], "changed"
PY
echo "as described"
