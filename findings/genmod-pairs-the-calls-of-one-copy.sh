#!/usr/bin/env bash
# genmod 3.12.0 models takes GT 1 on a boy's X for heterozygous, and pairs two of them as compound heterozygous.
#
# Version:   genmod 3.12.0.
# Expected:  a boy has one X: a variant of his is XR or XD, and two of them lie on the same copy. `1` is what `1/1` is there,
#            which other callers write.
# Behaviour: `1` is a genotype with the variant and without a second allele that has it, and so heterozygous to the search for
#            pairs. Of `1/1` there is none. A healthy father's `1` does not speak against a pair either; his `1/1` does.
# Seen:      two variants of one gene on X, the one of a carrier mother, the other new: `XR|XD` and `XR_dn|XD_dn` if written
#            with 1/1, and AR_comp_dn with `Compounds=` besides if written with 1. A girl with one of her healthy father and
#            one of her mother: AR_comp with 1 of the father, none with 1/1.
# Hurts:     families whose X was called with the right ploidy: `genmod score` and `genmod compound` rank by these models and
#            pairs, so pairs that cannot be are reported, and ranks differ by how a caller writes males. XR and XD are right in
#            both. Write `1/1` (`bcftools +fixploidy -- -f 2`) before.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check genmod==3.12.0 'setuptools<81'
cd "$folder"
venv/bin/python - <<'PY'
import subprocess

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=X,length=155270560>\n"
    '##INFO=<ID=Annotation,Number=.,Type=String,Description="Gene">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tdad\tmum\tkid\n"
)


def models(sex, lines):
    with open("family.ped", "w") as out:
        out.write("#FamilyID\tSampleID\tFather\tMother\tSex\tPhenotype\n")
        out.write(f"f\tdad\t0\t0\t1\t1\nf\tmum\t0\t0\t2\t1\nf\tkid\tdad\tmum\t{sex}\t2\n")
    with open("family.vcf", "w") as out:
        out.write(HEADER)
        for i, genotypes in enumerate(lines):
            columns = "\t".join(genotypes.split())
            out.write(f"X\t{50000000 + 100 * i}\t.\tA\tG\t50\tPASS\tAnnotation=G1\tGT\t{columns}\n")
    command = ["venv/bin/genmod", "models", "family.vcf", "-f", "family.ped", "-k", "Annotation"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split("\t")[7].split(";") for line in told.splitlines() if line[:1] == "X"]
    found = [[field.split(":")[1] for field in row if field.startswith("GeneticModels=")] for row in rows]
    found = [set(field[0].split("|")) if field else set() for field in found]
    pairs = [any(field.startswith("Compounds=") for field in row) for row in rows]
    print(sex, lines, found, pairs)
    return found, pairs


boy = [{"XR", "XD"}, {"XR_dn", "XD_dn"}]
assert models(1, ["0/0 0/1 1/1", "0/0 0/0 1/1"]) == (boy, [False, False])
paired = [found | {"AR_comp_dn"} for found in boy]
assert models(1, ["0 0/1 1", "0 0/0 1"]) == (paired, [True, True]), "changed"
assert models(2, ["1/1 0/0 0/1", "0/0 0/1 0/1"]) == ([set(), {"XD"}], [False, False])
assert models(2, ["1 0/0 0/1", "0 0/1 0/1"]) == ([{"AR_comp"}, {"XD", "AR_comp"}], [True, True]), "changed"
PY
echo "as described"
