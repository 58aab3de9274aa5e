#!/usr/bin/env bash
# samtools consensus leaves out every position whose reads say "=", and samtools mpileup -f has no reads there.
#
# Version:   pysam 0.24.1 (its samtools and htslib 1.24); samtools 1.16 of Debian 12 does the same.
# Expected:  "=" in SEQ is the reference's base (SAM, section 1.4), and `samtools calmd -e` writes it. Where the tool is
#            given no reference, N; where it is (`-T`), the base. `-a` gives all positions of a contig.
# Behaviour: of consensus, a position where all reads say "=" is not in the sequence, with `-a` and with `-T` too, so that
#            all after it move. "=" is no evidence either: where half of the reads have another base, that base is given
#            as sure, and `-A` writes no code of two bases. Of mpileup, -f compares the letters for its BAQ, takes "=" for
#            mismatches and brings all qualities under the limit: depth 0. `mpileup -B` is right, and so is bcftools mpileup.
# Seen:      a contig of 2,000 bp with ten heterozygous SNPs: 1,990 bases from its reads as they are, 10 after `calmd -e`,
#            which are the ten alts.
# Hurts:     whoever has reads that were made smaller by `calmd -e`: a genome of SNPs alone, all homozygous, with good
#            qualities and exit code 0; positions of it mean nothing. Pileups are empty.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import random

import pysam
import pysam.bcftools
import pysam.samtools

rng = random.Random(4)
bases = "".join(rng.choice("ACGT") for _ in range(2000))
sites = range(100, 2000, 190)
other = "".join("ACGT"[("ACGT".index(b) + 1) % 4] if i in sites else b for i, b in enumerate(bases))
with open("genome.fa", "w") as out:
    out.write(f">c\n{bases}\n")
pysam.faidx("genome.fa")
header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 2000}], "RG": [{"ID": "g", "SM": "s"}]}
with pysam.AlignmentFile("letters.bam", "wb", header=header) as out:
    for i in range(60):
        read = pysam.AlignedSegment(out.header)
        read.query_name, read.reference_id, read.reference_start = f"r{i}", 0, 1000 * (i // 30)
        read.mapping_quality, read.cigarstring = 60, "1000M"
        read.query_sequence = (bases, other)[i % 2][read.reference_start :][:1000]
        read.query_qualities = [40] * 1000
        read.set_tag("RG", "g")
        out.write(read)
pysam.samtools.calmd("-e", "-b", "letters.bam", "genome.fa", save_stdout="equal.bam")
for name in ("letters.bam", "equal.bam"):
    pysam.index(name)


def consensus(name, *options):
    sequence = "".join(pysam.samtools.consensus(*options, name).split("\n")[1:])
    print(f"consensus {' '.join(options)} {name}: {len(sequence)} bases, {sequence[:12]}")
    return sequence


def pileup(name, *options):
    row = pysam.samtools.mpileup(*options, "-r", f"c:{sites[2] + 1}-{sites[2] + 1}", name).split("\t")
    print(f"mpileup {' '.join(options)} {name}: {row[3]} reads, {row[4]}")
    return int(row[3])


def depths(name):
    text = pysam.bcftools.mpileup("-f", "genome.fa", "-a", "FORMAT/AD", "-r", f"c:{sites[2] + 1}", name)
    return text.splitlines()[-1].split(":")[-1]


alts = "".join(other[i] for i in sites)
plain, coded = consensus("letters.bam", "-a"), consensus("letters.bam", "-a", "-A")
assert len(plain) == 2000 and [i for i in range(2000) if plain[i] != bases[i]] == list(sites)
assert {plain[i] for i in sites} == {"N"} and not {coded[i] for i in sites} & set("ACGTN")
for options in ((), ("-a",), ("-A",), ("-T", "genome.fa")):
    assert consensus("equal.bam", *options) == alts, "changed"
for options, equal in ((("-f", "genome.fa"), 0), (("-B", "-f", "genome.fa"), 30), ((), 30)):
    assert pileup("letters.bam", *options) == 30
    assert pileup("equal.bam", *options) == equal, "changed"
assert depths("letters.bam") == depths("equal.bam") == "15,15,0", "changed"
PY
echo "as described"
