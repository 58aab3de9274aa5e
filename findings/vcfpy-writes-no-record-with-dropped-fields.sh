#!/usr/bin/env bash
# vcfpy 0.14.2 reads a call whose trailing fields are left out, and cannot write it again.
#
# Version:   vcfpy 0.14.2, beside 0.13.8, which writes it.
# Expected:  "trailing fields can be dropped" (VCF 4.3, section 1.6.2): `./.` under GT:AD:DP is a call without AD and DP, and
#            what a reader took is written, as it was or with dots.
# Behaviour: Writer.write_record raises ValueError ("Expected list value for field with Number != 1") where any call of the
#            record has no value for a field of several values (AD, PL). It names neither the field nor the sample. With a
#            dot in each place (`./.:.:.`), and where only fields of one value are dropped, the record is written.
# Seen:      of four records, 0.13.8 writes all; 0.14.2 writes the two that drop no AD.
# Hurts:     whoever copies, filters or annotates a VCF of several samples by a program on vcfpy: callers
#            leave out the fields of samples without data (freebayes 1.3.6 writes `.` for all of them), so that after an
#            upgrade it ends at the first such record, and the file is cut short there. To give each call its missing
#            fields helps: call.data.setdefault("AD", []).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder/again.py" <<'PY'
import sys

import vcfpy

with open("calls.vcf", "w") as out:
    out.write(
        '##fileformat=VCFv4.3\n##FILTER=<ID=PASS,Description="Passed">\n##contig=<ID=c,length=1000>\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads of each allele">\n'
        '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tone\ttwo\n"
        "c\t10\t.\tA\tC\t50\tPASS\t.\tGT:AD:DP\t0/1:9,8:17\t./.:.:.\n"
        "c\t20\t.\tA\tC\t50\tPASS\t.\tGT:AD:DP\t0/1:9,8:17\t./.\n"
        "c\t30\t.\tA\tC\t50\tPASS\t.\tGT:DP:AD\t0/1:17:9,8\t.\n"
        "c\t40\t.\tA\tC\t50\tPASS\t.\tGT:AD:DP\t0/1:9,8:17\t0/0:12,0\n"
    )
written, refused = [], {}
with open("copy.vcf", "w") as stream:
    reader = vcfpy.Reader.from_path("calls.vcf")
    writer = vcfpy.Writer.from_stream(stream, reader.header)
    for record in reader:
        try:
            writer.write_record(record)
            written.append(record.POS)
        except ValueError as error:
            refused[record.POS] = str(error)
        if record.POS in refused:
            for call in record.calls:
                call.data.setdefault("AD", [])
            writer.write_record(record)
rows = [line.rstrip("\n").split("\t")[9:] for line in open("copy.vcf") if line[0] != "#"]
print(vcfpy.__version__, "written:", written, "refused:", refused, rows)
assert [row[1].replace(":.", "") for row in rows] == ["./.", "./.", ".", "0/0:12,0"]
if sys.argv[1] == "0.13.8":
    assert (written, refused) == ([10, 20, 30, 40], {})
else:
    assert written == [10, 40] and list(refused) == [20, 30], "changed"
    assert all("Expected list value for field with Number != 1" in text for text in refused.values()), "changed"
PY
cd "$folder"
for version in 0.13.8 0.14.2; do
    python3 -m venv "$version"
    "$version/bin/pip" install -q --disable-pip-version-check vcfpy==$version
    "$version/bin/python" again.py $version
done
echo "as described"
