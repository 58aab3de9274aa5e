#!/usr/bin/env bash
# HTSeq 2.1.2 gives variants the position of the VCF, and all else one that counts from 0: look-ups are one base off.
#
# Version:   HTSeq 2.1.2.
# Expected:  GFF_Reader and BAM_Reader turn what counts from 1 into HTSeq's own positions, which count from 0, so that their
#            intervals can be looked up in each other. VCF_Reader does, too.
# Behaviour: VariantCall.pos is a GenomicPosition with POS as it is in the file.
# Seen:      an exon 101 to 200 of a GTF is [100,200), and a read at POS 101 begins at 100; a SNP at POS 101 is at 101. Looked up
#            in a GenomicArrayOfSets, the SNP at 100 lies in the exon, and that at its last base, 200, does not.
# Hurts:     whoever assigns variants to genes, exons or coverage by HTSeq: the first base of each interval comes from its
#            neighbour. At the edges of exons these are splice sites and their neighbours, which change places; in a coverage
#            the depth is that of the next base. No message tells, and a test with a variant in the middle of an exon passes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check HTSeq==2.1.2 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import HTSeq

PLACES = (100, 101, 200, 201)
with open("genes.gtf", "w") as out:
    out.write('c\tx\texon\t101\t200\t.\t+\t.\tgene_id "g";\n')
with open("reads.sam", "w") as out:
    out.write("@SQ\tSN:c\tLN:1000\n")
    for place in PLACES:
        out.write(f"r{place}\t0\tc\t{place}\t60\t10M\t*\t0\t0\tACGTACGTAC\tIIIIIIIIII\n")
with open("calls.vcf", "w") as out:
    out.write("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    out.writelines(f"c\t{place}\t.\tA\tG\t50\tPASS\t.\n" for place in PLACES)
genes = HTSeq.GenomicArrayOfSets("auto", stranded=False)
for exon in HTSeq.GFF_Reader("genes.gtf"):
    genes[exon.iv] += "g"
    assert (exon.iv.start, exon.iv.end) == (100, 200)
reads = [(read.iv.start, bool(genes[read.iv.start_d_as_pos])) for read in HTSeq.SAM_Reader("reads.sam")]
calls = [(call.pos.start, bool(genes[call.pos])) for call in HTSeq.VCF_Reader("calls.vcf")]
print("places:", PLACES, "reads:", reads, "variants:", calls)
assert reads == [(99, False), (100, True), (199, True), (200, False)]
assert calls == [(100, True), (101, True), (200, False), (201, False)], "changed"
PY
echo "as described"
