#!/usr/bin/env bash
# polars-bio 0.36.2 reads what is missing in a VCF Zarr as -1 and -2, and refuses the stores of today's bio2zarr.
#
# Version:   polars-bio 0.36.2 on stores of bio2zarr 0.1.7 (VCF Zarr 0.4) and 0.2.1 (0.5).
# Expected:  read_vcf_zarr gives the table that read_vcf gives of the VCF which the store was made of.
# Behaviour: the store marks a missing integer by -1 and the end of a shorter list by -2, a missing float by a NaN (VCF Zarr
#            specification), and read_vcf_zarr returns all of them as values where read_vcf has null or a shorter list.
#            FILTER `.` becomes PASS, two alts are "G,*" where read_vcf has "G|*", and with genotype_encoding_raw=None or
#            True GT is a list of numbers. A store of version 0.5 ends with "unsupported vcf_zarr_version".
# Seen:      see the assertions.
# Hurts:     whoever moves a cohort from VCF to VCF Zarr: means and sums of DP, GQ and AD are too low by what is missing, a
#            filter "GQ < 20" counts no-calls as bad calls, PS -1 is a phase set of all that are unphased, and records that
#            were never filtered have passed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for version in 0.1.7 0.2.1; do
    python3 -m venv "$folder/$version"
    "$folder/$version/bin/pip" install -q --disable-pip-version-check "bio2zarr[vcf]==$version"
done
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check polars-bio==0.36.2 polars==1.44.2 pysam==0.24.1
cd "$folder"
venv/bin/python - <<'PY'
import pysam

with open("cohort.vcf", "w") as out:
    out.write(
        '##fileformat=VCFv4.3\n##FILTER=<ID=PASS,Description="Passed">\n##contig=<ID=c,length=1000>\n'
        '##INFO=<ID=AF,Number=A,Type=Float,Description="Frequency">\n'
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads">\n'
        '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Quality">\n'
        '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tone\ttwo\n"
        "c\t10\t.\tA\tG\t50\t.\tAF=0.25\tGT:AD:GQ:PS\t0|1:10,11:50:10\t./.:.:.:.\n"
        "c\t20\t.\tATT\tA,*\t50\tPASS\tAF=0.5,0.25\tGT:AD:GQ:PS\t1|2:0,9,8:40:10\t0/0:12,.,.:30:.\n"
        "c\t30\t.\tA\tC\t50\tPASS\t.\tGT:AD:GQ:PS\t1:0,9:20:.\t0/0:9,0:25:.\n"
    )
pysam.tabix_index("cohort.vcf", preset="vcf")
PY
for version in 0.1.7 0.2.1; do
    "$version/bin/vcf2zarr" convert --no-progress cohort.vcf.gz $version.vcz 2>/dev/null
done
venv/bin/python - 2>/dev/null <<'PY'
import math

import polars_bio

of_vcf = polars_bio.read_vcf("cohort.vcf.gz").to_dicts()
of_zarr = polars_bio.read_vcf_zarr("0.1.7.vcz", genotype_encoding_raw=False).to_dicts()
for name, rows in (("VCF", of_vcf), ("VCF Zarr", of_zarr)):
    for row in rows:
        print(name, row["start"], row["alt"], repr(row["filter"]), row["AF"], row["genotypes"])


def told(rows, field):
    return [row["genotypes"][field] for row in rows]


assert told(of_vcf, "GT") == told(of_zarr, "GT")
assert told(of_vcf, "AD") == [[[10, 11], None], [[0, 9, 8], [12, None, None]], [[0, 9], [9, 0]]]
assert told(of_zarr, "AD") == [[[10, 11, -2], [-1, -2, -2]], [[0, 9, 8], [12, -1, -1]], [[0, 9, -2], [9, 0, -2]]], "changed"
assert told(of_vcf, "GQ") == [[50, None], [40, 30], [20, 25]] and told(of_zarr, "GQ") == [[50, -1], [40, 30], [20, 25]], "changed"
assert told(of_vcf, "PS") == [[10, None], [10, None], [None, None]]
assert told(of_zarr, "PS") == [[10, -1], [10, -1], [-1, -1]], "changed"
assert of_vcf[0]["AF"] == [0.25] and math.isnan(of_zarr[0]["AF"][1]), "changed"
assert (of_vcf[0]["filter"], of_zarr[0]["filter"]) == ("", "PASS"), "changed"
assert (of_vcf[1]["alt"], of_zarr[1]["alt"]) == ("A|*", "A,*"), "changed"
try:
    polars_bio.read_vcf_zarr("0.2.1.vcz")
except ValueError as error:
    print("store of bio2zarr 0.2.1:", error)
    assert "unsupported vcf_zarr_version '0.5'" in str(error), "changed"
else:
    raise AssertionError("changed: it is read")
PY
echo "as described"
