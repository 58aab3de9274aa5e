#!/usr/bin/env bash
# bcftools 1.24 mpileup counts a pair whose mates overlap once for the reference, and twice for an indel.
#
# Version:   bcftools 1.24, as pysam 0.24.1 has it built in.
# Expected:  where both reads of a fragment lie over a site, one of them is passed over (`-x` turns that off): ten fragments
#            of either allele give AD 10,10, whatever the allele is.
# Behaviour: so it is for SNPs. For deletions and insertions the mates that show them both count, those of the reference
#            count once: AD 10,20. With `-x` all count: 20,20.
# Seen:      twenty fragments of 100 bp, read whole from both ends, ten of them with the allele.
# Hurts:     filters and callers that go by the share of the reads: a heterozygous indel has two thirds of them where
#            fragments are short (old, FFPE or cell-free DNA), and a slip that amplification made in one molecule, which
#            both of its reads show, counts as two reads for an indel.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import random
import sys

import pysam
import pysam.bcftools

rng = random.Random(3)
bases = "".join(rng.choice("ACGT") for _ in range(600))
SITE = 300
with open("genome.fa", "w") as out:
    out.write(f">c\n{bases}\n")
pysam.faidx("genome.fa")
header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "c", "LN": 600}], "RG": [{"ID": "g", "SM": "s"}]}
other = "ACGT"[("ACGT".index(bases[SITE]) + 1) % 4]


def shown(kind, start):
    """Letters, CIGAR and reference length of a fragment from `start` on, with an allele at SITE."""
    before, after = bases[start:SITE], SITE - start
    if kind == "SNP":
        return before + other + bases[SITE + 1 : start + 100], "100M", 100
    if kind == "deletion":
        return before + bases[SITE + 1 : start + 101], f"{after}M1D{100 - after}M", 101
    if kind == "insertion":
        return before + other + bases[SITE : start + 99], f"{after}M1I{99 - after}M", 99
    return bases[start : start + 100], "100M", 100


found = {}
for kind in ("SNP", "deletion", "insertion"):
    with pysam.AlignmentFile("reads.bam", "wb", header=header) as out:
        for n in range(20):
            start = 220 + 2 * n
            letters, cigar, length = shown(kind if n % 2 else "", start)
            for flag, told in ((99, length), (147, -length)):
                read = pysam.AlignedSegment(out.header)
                read.query_name, read.flag, read.reference_id, read.reference_start = f"f{n}", flag, 0, start
                read.mapping_quality, read.cigarstring = 60, cigar
                read.next_reference_id, read.next_reference_start, read.template_length = 0, start, told
                read.query_sequence, read.query_qualities = letters, [37] * 100
                read.set_tag("RG", "g")
                out.write(read)
    pysam.index("reads.bam")
    for option in ((), ("-x",)):
        text = pysam.bcftools.mpileup("-f", "genome.fa", "-a", "FORMAT/AD", *option, "reads.bam")
        rows = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
        (row,) = (r for r in rows if (r[1] == str(SITE + 1) if kind == "SNP" else "INDEL" in r[7]))
        found[kind, option] = row[9].split(":")[1].split(",")[:2]
        print(kind, *option, "AD", ",".join(found[kind, option]))
once, indel, all_of_them = ["10", "10"], ["10", "20"], ["20", "20"]
wanted = {("SNP", ()): once, ("deletion", ()): indel, ("insertion", ()): indel}
wanted |= {(kind, ("-x",)): all_of_them for kind in ("SNP", "deletion", "insertion")}
sys.exit("changed" if found != wanted else 0)
PY
echo "as described"
