#!/usr/bin/env bash
# MultiQC takes what stands before a slash in a row's name of a custom table for a folder, and rows replace each other.
#
# Version:   multiqc 1.35.
# Expected:  rows of a table in custom content (*_mqc.json) keep their names, or two that become one are told.
# Behaviour: names of rows are cleaned like paths of files: all up to the last "/" goes. "dad / kid" and "mum / kid" both
#            become "kid", and the later row stands in the place of the earlier one. Nothing is said, and the exit code is 0.
# Seen:      a table of two pairs comes out with the one row "kid 0.24"; with " & " in place of " / " both rows are there.
# Hurts:     whoever writes tables of pairs, such as relatedness, tumour against normal, or child against parent: a row
#            is lost, and the one that is left looks like a sample's.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check multiqc==1.35
cd "$folder"
rows() {
    mkdir "$1"
    cat >"$1/pairs_mqc.json" <<JSON
{"id": "kinship", "section_name": "Kinship", "plot_type": "table", "pconfig": {"id": "kinship_table", "title": "Kinship"},
 "data": {"dad $2 kid": {"kinship": 0.25}, "mum $2 kid": {"kinship": 0.24}}}
JSON
    (cd "$1" && "$folder/venv/bin/multiqc" -q --no-report . >log 2>&1)
    tail -n +2 "$1/multiqc_data/multiqc_kinship_table.txt" | tr '\t' ' '
}
slash=$(rows slash /)
other=$(rows other '&')
printf 'with a slash:\n%s\nwithout:\n%s\n' "$slash" "$other"
test "$slash" = "kid 0.24"
test "$other" = $'dad & kid 0.25\nmum & kid 0.24'
echo "as described"
