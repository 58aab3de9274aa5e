#!/usr/bin/env bash
# pysam, bio2zarr, polars-bio and oxbow raise errors at a header that counts values as VCF 4.4 and 4.5 do.
#
# Versions:  pysam 0.24.1 (whose htslib 1.24 knows them), bio2zarr 0.2.1, polars-bio 0.36.2, oxbow 0.8.2.
# Expected:  Number=P counts the alleles of GT (VCF 4.4), and LA, LR and LG count local alleles (4.5). A reader that knows
#            nothing of them can take them for `.`, as cyvcf2 0.35.0 and vcfpy 0.14.2 do: the values are there to be read.
# Behaviour: pysam reads the records, but .number of the definition raises "tuple index out of range"; a loop over the header
#            ends so. vcf2zarr ends with "invalid literal for int() with base 10: 'LR'", polars-bio and oxbow with "invalid
#            record", which is a line of the header. None names the key.
# Seen:      a field of each kind, in a file of one record; of Number=R all read it.
# Hurts:     whoever reads cohorts with local alleles, or phased calls with PSL and PSQ: files that are valid, and that bcftools
#            reads and writes, end the tools that are made for large cohorts. `bcftools reheader` with `.` in place of the
#            number helps.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check pysam==0.24.1 cyvcf2==0.35.0 vcfpy==0.14.2 \
    polars-bio==0.36.2 polars==1.44.2 oxbow==0.8.2 "bio2zarr[vcf]==0.2.1"
cd "$folder"
venv/bin/python - 2>/dev/null <<'PY'
import subprocess

import cyvcf2
import oxbow
import polars_bio
import pysam
import pysam.bcftools
import vcfpy


def attempt(read):
    try:
        return read()
    except Exception as error:
        return str(error)


def converted(name):
    command = ["venv/bin/vcf2zarr", "convert", "--no-progress", name, f"{name}.vcz"]
    run = subprocess.run(command, capture_output=True, text=True)
    return "read" if run.returncode == 0 else run.stderr.strip().splitlines()[-1]


VALUES = {".": [1, 2], "R": [1, 2], "P": [1, 2], "LA": [2], "LR": [1, 2], "LG": [30, 0, 30]}
for number, values in VALUES.items():
    text = ",".join(map(str, values))
    name = f"{number}.vcf"
    with open(name, "w") as out:
        out.write(
            '##fileformat=VCFv4.5\n##FILTER=<ID=PASS,Description="Passed">\n##contig=<ID=c,length=5000>\n'
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
            f'##FORMAT=<ID=XX,Number={number},Type=Integer,Description="Some numbers">\n'
            '##FORMAT=<ID=LAA,Number=.,Type=Integer,Description="Local alleles">\n'
            "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
            f"c\t10\t.\tA\tC\t50\tPASS\t.\tGT:LAA:XX\t0|1:1:{text}\n"
        )
    pysam.tabix_index(name, preset="vcf", keep_original=True)
    (record,) = pysam.VariantFile(name)
    assert list(record.samples["s"]["XX"]) == values and f"0|1:1:{text}\n" in pysam.bcftools.view(name)
    found = {
        "pysam": attempt(lambda: pysam.VariantFile(name).header.formats["XX"].number),
        "cyvcf2": attempt(lambda: next(cyvcf2.VCF(name)).format("XX").tolist()[0]),
        "vcfpy": attempt(lambda: next(vcfpy.Reader.from_path(name)).calls[0].data["XX"]),
        "bio2zarr": converted(f"{name}.gz"),
        "polars-bio": attempt(lambda: polars_bio.read_vcf(f"{name}.gz")["XX"].to_list()[0]),
        "oxbow": attempt(lambda: len(oxbow.from_vcf(f"{name}.gz").pl())),
    }
    print(number, found, flush=True)
    assert found["cyvcf2"] == found["vcfpy"] == values
    if number in ".R":
        assert (found["pysam"], found["bio2zarr"], found["polars-bio"], found["oxbow"]) == (number, "read", values, 1)
    else:
        assert found["pysam"] == "tuple index out of range", "changed"
        assert found["bio2zarr"] == f"ValueError: invalid literal for int() with base 10: '{number}'", "changed"
        assert "invalid record" in str(found["polars-bio"]) and "invalid record" in str(found["oxbow"]), "changed"
PY
echo "as described"
