#!/usr/bin/env bash
# bcftools refuses a BED that begins with a track or browser line, or is separated by spaces; samtools reads it.
#
# Version:   pysam 0.24.1 (its bcftools, samtools and htslib 1.24).
# Expected:  track and browser lines, which genome browsers want at the head of a BED, are skipped, and fields may be
#            separated by spaces (GA4GH BED v1.0 allows them), as samtools does with the same file.
# Behaviour: `bcftools -R` and `-T` end with "Failed to read the regions" (or targets): the first line cannot be parsed.
#            `samtools view -L` takes the same file and skips the line, but reads a contig *named* track as a contig.
# Seen:      see the assertions.
# Hurts:     whoever gives one capture BED, downloaded from a browser or a kit's page, to a pipeline of both tools: half
#            of it works.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY' 2>/dev/null
import pysam
import pysam.bcftools
import pysam.samtools

with open("calls.vcf", "w") as out:
    out.write("##fileformat=VCFv4.2\n##contig=<ID=chr1,length=1000>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n")
    out.write("chr1\t15\t.\tA\tC\t50\tPASS\t.\n")
pysam.tabix_compress("calls.vcf", "calls.vcf.gz")
pysam.tabix_index("calls.vcf.gz", preset="vcf")
with open("reads.sam", "w") as out:
    out.write("@SQ\tSN:chr1\tLN:1000\n@SQ\tSN:track\tLN:1000\n")
    for contig in ("chr1", "track"):
        out.write(f"of_{contig}\t0\t{contig}\t15\t60\t5M\t*\t0\t0\tACGTA\tIIIII\n")


def bcftools(option: str) -> str:
    try:
        return pysam.bcftools.query("-f", "%POS", option, "regions.bed", "calls.vcf.gz").strip()
    except pysam.SamtoolsError as error:
        assert "Failed to read" in str(error), error
        return "refused"


def samtools() -> str:
    lines = pysam.samtools.view("-L", "regions.bed", "reads.sam").splitlines()
    return ",".join(line.split("\t")[0] for line in lines)


expected = {
    "chr1\t10\t20\n": ("15", "of_chr1"),
    "track name=kit\nchr1\t10\t20\n": ("refused", "of_chr1"),
    "browser position chr1:1-100\nchr1\t10\t20\n": ("refused", "of_chr1"),
    "chr1 10 20\n": ("refused", "of_chr1"),
    "track\t10\t20\n": ("", "of_track"),  # a contig of this name, which the VCF does not have
}
for text, (of_bcftools, of_samtools) in expected.items():
    with open("regions.bed", "w") as out:
        out.write(text)
    seen = {option: bcftools(option) for option in ("-R", "-T")}
    print(repr(text), seen, "samtools:", samtools())
    assert set(seen.values()) == {of_bcftools}, seen
    assert samtools() == of_samtools
PY
echo "as described"
