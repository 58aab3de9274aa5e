#!/usr/bin/env bash
# pyfaidx 0.9.2.2 FastaVariant puts the first alt of a record into the sequence, whichever of them the sample has.
#
# Version:   pyfaidx 0.9.2.2 with PyVCF3 1.0.4 (and pysam 0.24.1).
# Expected:  FastaVariant gives the consensus of a sample's single nucleotide variants, so a sample with 2/2 has the second
#            alt.
# Behaviour: the genotype is looked at only for whether it is heterozygous or homozygous; the base is that of ALT[0]. The
#            records are those whose alts are all single letters: one with `<*>` or `<NON_REF>` beside the alt, as in a gVCF,
#            is left out, and the reference's base stays.
# Seen:      REF A, ALT C,G: 2/2, 0/2 and 2 give C, as 1/1 does. REF A, ALT G,<*>: 1/1 gives A.
# Hurts:     sequences of samples out of a joint VCF: at each site where another sample has the alt that stands first, they have
#            that sample's base. Primers, guides and trees are made of them. Of a gVCF the sequence is the reference. Take the
#            sample out and trim first: `bcftools view -s SAMPLE --trim-alt-alleles`.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pyfaidx==0.9.2.2 PyVCF3==1.0.4 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pyfaidx
import pysam
import pysam.bcftools as bcftools

CALLS = (("C", "1/1"), ("C,G", "1/1"), ("C,G", "2/2"), ("C,G", "0/2"), ("C,G", "2"), ("G,<*>", "1/1"), ("C,G,<*>", "2/2"))
BASES = "CCGGGGG"  # what the sample has, in this order (of 0/2 the alt)
with open("genome.fa", "w") as out:
    out.write(">c\n" + "A" * len(CALLS) + "\n")
with open("calls.vcf", "w") as out:
    out.write(
        "##fileformat=VCFv4.3\n##contig=<ID=c,length=7>\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        '##ALT=<ID=*,Description="Any other allele">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\tother\n"
    )
    for position, (alts, genotype) in enumerate(CALLS, 1):
        out.write(f"c\t{position}\t.\tA\t{alts}\t50\tPASS\t.\tGT\t{genotype}\t1/1\n")
trimmed = bcftools.view("-s", "s", "--trim-alt-alleles", "calls.vcf")
with open("trimmed.vcf", "w") as out:
    out.write(trimmed)
found = {}
for name in ("calls", "trimmed"):
    pysam.tabix_index(f"{name}.vcf", preset="vcf", force=True)
    found[name] = pyfaidx.FastaVariant("genome.fa", f"{name}.vcf.gz", sample="s")["c"][:].seq
    print(name, found[name], "of", BASES)
assert found == {"calls": "CCCCCAA", "trimmed": BASES}
PY
echo "as described"
