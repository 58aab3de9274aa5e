#!/usr/bin/env bash
# A comment at the head of a BED becomes a row (bioframe) or an IndexError (pyranges).
#
# Versions:  bioframe 0.8.0, pyranges 0.1.7.
# Expected:  lines that begin with # are comments in BED (GA4GH BED v1.0), and both skip them.
# Behaviour: bioframe.read_table(schema="bed3") makes the comment a row of its own, with NaN as start and end, and so turns
#            all coordinates into floating-point numbers. pyranges.read_bed counts the columns of the first line only, and
#            raises "list index out of range".
# Seen:      see the assertions.
# Hurts:     whoever measures, intersects or merges confident regions or targets whose file has a header: bioframe gives
#            one interval too many and coordinates such as 10.0, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check bioframe==0.8.0 pyranges==0.1.7 'setuptools<81'
cd "$folder"
venv/bin/python -W ignore - <<'PY'
import bioframe
import pyranges

with open("regions.bed", "w") as out:
    out.write("#chrom\nchr1\t10\t20\n")
table = bioframe.read_table("regions.bed", schema="bed3")
print("bioframe:", table.to_dict("records"), table.dtypes.to_dict())
assert len(table) == 2 and table["chrom"].tolist() == ["#chrom", "chr1"], table
assert table["start"].isna().tolist() == [True, False] and table["start"].dtype.kind == "f", table
try:
    pyranges.read_bed("regions.bed")
except IndexError as error:
    print("pyranges:", type(error).__name__, error)
else:
    raise AssertionError("changed: pyranges reads it")
PY
echo "as described"
