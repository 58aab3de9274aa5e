#!/usr/bin/env bash
# samtools view -r ID outputs the reads of that read group, and all reads that have none.
#
# Version:   pysam 0.24.1 (its samtools and htslib 1.24).
# Expected:  "only output reads in read group STR": a read without the tag RG is in none.
# Behaviour: reads without RG are output for every ID that is asked for. `-d RG:ID` outputs those of the group alone.
# Seen:      see the assertions.
# Hurts:     whoever splits a merged file into samples: reads without a read group end up in each of them, so that the
#            sum of the parts is more than the whole and every sample has alleles of nobody.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam
import pysam.samtools

with open("reads.sam", "w") as out:
    out.write("@SQ\tSN:c\tLN:100\n@RG\tID:one\tSM:one\n@RG\tID:two\tSM:two\n")
    for name, tag in (("of_one", "\tRG:Z:one"), ("of_two", "\tRG:Z:two"), ("of_none", "")):
        out.write(f"{name}\t0\tc\t5\t60\t4M\t*\t0\t0\tACGT\tIIII{tag}\n")


def names(*options: str) -> list[str]:
    return [line.split("\t")[0] for line in pysam.samtools.view(*options, "reads.sam").splitlines()]


for group in ("one", "two"):
    seen, exact = names("-r", group), names("-d", f"RG:{group}")
    print(f"-r {group}: {seen}, -d RG:{group}: {exact}")
    assert seen == [f"of_{group}", "of_none"], seen
    assert exact == [f"of_{group}"], exact
PY
echo "as described"
