"""`dvplug evaluate` on small files, and against RTG vcfeval and bcftools on real ones."""

from __future__ import annotations

import csv
import gzip
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from dvplug.errors import InputError
from dvplug.evaluate import ClassCounts, evaluate
from helpers.evaluate_files import TEXT, Files, row, write_fasta, write_vcf
from helpers.oracle_sets import ORACLE
from helpers.shared_data import SHARED, needs_shared

#: At 20:20,163,802 a homozygous deletion and a SNP 6 bp into its written REF are both true. vcfeval (without
#: `--ref-overlap`) takes only one of two records whose REF overlap; here only changed bases must not overlap.
#: Three SNPs of freebayes are padded on the right, such as TAAAAAACG>TAAAAAATG: vcfeval goes by the letters of the
#: record, and counts them as other variants.
EXPLAINED = {
    ("hg002_illumina", "bcftools", "non_snp"): (1, -1, 1, -1),
    **{(f"hg002_{kind}", "freebayes", "snp"): (0, 0, 3, 0) for kind in ("hifi", "ont")},
    **{(f"hg002_{kind}", "freebayes", "non_snp"): (0, 0, -3, 0) for kind in ("hifi", "ont")},
}


@needs_shared
@pytest.mark.parametrize("caller", ["bcftools", "freebayes"])
@pytest.mark.parametrize("name", ORACLE)
def test_counts_are_those_of_vcfeval(name: str, caller: str) -> None:
    truth, reference = ORACLE[name]
    result = evaluate(
        SHARED / "truth" / truth,
        SHARED / "oracle" / f"{name}.{caller}.vcf.gz",
        SHARED / "oracle" / f"{name}.bed",
        SHARED / "reference" / reference,
    )
    with (SHARED / "oracle" / "vcfeval_counts.tsv").open() as lines:
        expected = {(r["set"], r["caller"], r["class"]): r for r in csv.DictReader(lines, delimiter="\t")}
    for kind, counts in (("snp", result.snp), ("non_snp", result.indel)):
        oracle = [int(expected[name, caller, kind][c]) for c in ("tp_baseline", "fp", "tp_call", "fn")]
        found = [counts.tp_truth, counts.fp, counts.tp_query, counts.fn]
        difference = tuple(f - o for f, o in zip(found, oracle, strict=True))
        assert difference == EXPLAINED.get((name, caller, kind), (0, 0, 0, 0))
    assert result.searched_in_part == ()


@needs_shared
@pytest.mark.skipif(shutil.which("bcftools") is None, reason="bcftools is not installed")
@pytest.mark.parametrize(
    "how", [["-m", "-any"], ["-a", "--atom-overlaps", "."], ["-m", "+any"]], ids=" ".join
)
def test_what_bcftools_rewrites_is_the_same(how: list[str], tmp_path: Path) -> None:
    truth = SHARED / "truth" / ORACLE["hg002_hifi"][0]
    reference = SHARED / "reference" / ORACLE["hg002_hifi"][1]
    rewritten = tmp_path / "rewritten.vcf.gz"
    command = ["bcftools", "norm", "-f", reference, *how, "-Oz", "-o", rewritten, truth]
    subprocess.run(command, check=True, capture_output=True)
    result = evaluate(truth, rewritten, truth.with_name(truth.name.replace(".vcf.gz", ".bed")), reference)
    for counts in (result.snp, result.indel):
        assert counts.tp_truth > 1000
        assert (counts.fp, counts.fn) == (0, 0)


def test_genotype_allele_and_absence_are_told_apart(files: Files) -> None:
    truth = [row(3, "T", "C", "0/1"), row(21, "GA", "G", "1/1"), row(40, "T", "G", "0/1")]
    query = [
        row(3, "T", "C", "1/1"),
        row(32, "AA", "A", "0/1"),
        row(50, "T", "C", "0/1"),
        row(40, "T", "A", "0/1"),
    ]
    out = files.folder / "out"
    paths = files.write(truth, sorted(query))
    result = evaluate(*paths, out_dir=out)
    assert result.snp == ClassCounts(0, 0, 3, 2)
    assert result.indel == ClassCounts(0, 0, 1, 1)
    why = {
        name: {r.start: r.info["EVAL_WHY"] for r in pysam.VariantFile(str(out / f"{name}.vcf.gz"))}
        for name in ("fp", "fn")
    }
    assert why["fp"] == {3: "genotype_mismatch", 32: "genotype_mismatch", 40: "allele_mismatch", 50: "absent"}
    assert why["fn"] == {3: "genotype_mismatch", 21: "genotype_mismatch", 40: "allele_mismatch"}
    assert sorted(p.name for p in out.iterdir()) == [
        f"{n}.vcf.gz{i}" for n in ("fn", "fp", "tp") for i in ("", ".tbi")
    ]


def test_true_positives_keep_their_records(files: Files) -> None:
    paths = files.write([row(21, "GA", "G", "1/1")], [row(30, "AAA", "AA", "1|1")])
    evaluate(*paths, out_dir=files.folder / "out")
    with pysam.VariantFile(str(files.folder / "out" / "tp.vcf.gz")) as records:
        assert [(r.start, r.ref, r.alts) for r in records.fetch("chr1")] == [(30, "AAA", ("AA",))]


@pytest.mark.parametrize("left_out", ["##contig", "##FILTER", "##FORMAT", "##"])
def test_what_a_header_does_not_declare_is_read_and_copied(files: Files, left_out: str) -> None:
    """htslib would end the process, as the copies' header lacks what it took the records to mean."""
    paths = files.write([row(3, "T", "C", "0/1")], [row(3, "T", "C", "0/1")])
    query, out = paths[1], files.folder / "out"
    lines = [line for line in query.read_text().splitlines() if not line.startswith(left_out)]
    first = ["##fileformat=VCFv4.2"] if left_out == "##" else []
    lines[-1] = lines[-1].replace("\t.\tGT\t0/1", "\tCAF\xe9=3;YY\tGT:ZZ\t0/1:7")
    query.write_bytes(("\n".join([*first, *lines]) + "\n").encode("latin-1"))
    code = (
        "import sys\nfrom pathlib import Path\nfrom dvplug.evaluate import evaluate\n"
        "t, q, c, r, o = map(Path, sys.argv[1:])\nfound = evaluate(t, q, c, r, out_dir=o)\n"
        "print(found.snp.tp_truth, found.snp.tp_query, found.snp.fp)\n"
    )
    words = [sys.executable, "-c", code, *map(str, (*paths, out))]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1 1 0\n", "")
    with gzip.open(out / "tp.vcf.gz") as copied:
        assert copied.read().splitlines()[-1] == lines[-1].encode("latin-1")


@pytest.mark.parametrize(
    ("ref", "alt", "is_snp"),
    [
        ("TTA", "TCA", True), ("TT", "CT", True), ("GATTAC", "GATCAC", True), ("TTA", "CTG", False),
        ("TTA", "TA", False), ("TTA", "TTCA", False),
    ],
)  # fmt: skip
def test_padding_changes_nothing_of_what_a_variant_is(files: Files, ref: str, alt: str, is_snp: bool) -> None:
    start = TEXT.index(ref)
    found = evaluate(*files.write([row(start, ref, alt, "0/1")], [row(start, ref, alt, "0/1")]))
    one, none = ClassCounts(1, 1, 0, 0), ClassCounts(0, 0, 0, 0)
    assert (found.snp, found.indel) == ((one, none) if is_snp else (none, one))


def test_unsorted_query_leaves_no_output(files: Files) -> None:
    paths = files.write([], [row(40, "T", "G", "0/1"), row(3, "T", "C", "0/1")])
    assert evaluate(*paths).snp.fp == 2
    with pytest.raises(InputError, match=r"query\.vcf' is not sorted"):
        evaluate(*paths, out_dir=files.folder / "out")
    assert not (files.folder / "out").exists()


@pytest.mark.parametrize(
    ("genotype", "expected"),
    [
        ("0/1", ClassCounts(1, 1, 0, 0)),
        ("1|0", ClassCounts(1, 1, 0, 0)),
        ("./1", ClassCounts(1, 1, 0, 0)),
        ("1", ClassCounts(0, 0, 1, 1)),
        ("1/1", ClassCounts(0, 0, 1, 1)),
        ("0/0", ClassCounts(0, 0, 0, 1)),
        ("./.", ClassCounts(0, 0, 0, 1)),
        (".", ClassCounts(0, 0, 0, 1)),
        ("0/1/1", ClassCounts(0, 0, 0, 1)),
    ],
)
def test_genotypes_as_called(files: Files, genotype: str, expected: ClassCounts) -> None:
    assert evaluate(*files.write([row(3, "T", "C", "0/1")], [row(3, "T", "C", genotype)])).snp == expected


@pytest.mark.parametrize("genotype", ["1|2", "2/0", "./2", "2", "12/13"])
@pytest.mark.parametrize("of_truth", [True, False])
def test_genotype_of_an_allele_that_is_not_there_is_refused(
    files: Files, genotype: str, of_truth: bool
) -> None:
    lost, whole = [row(3, "T", "C", "0/1"), row(8, "G", "A", genotype)], [row(3, "T", "C", "0/1")]
    name = "truth" if of_truth else "query"
    with pytest.raises(
        InputError, match=rf"{name}\.vcf' has a genotype .*chr1:9 has GT {re.escape(genotype)} and ALT A"
    ):
        evaluate(*(files.write(lost, whole) if of_truth else files.write(whole, lost)))


def test_spanning_deletion_is_told_by_its_own_record(files: Files) -> None:
    truth = [row(2, "TTAC", "T", "0/1"), row(4, "A", "G", "0/1")]
    query = [row(2, "TTAC", "T", "1|0"), row(4, "A", "*,G", "1|2")]
    result = evaluate(*files.write(truth, query))
    assert (result.snp, result.indel) == (ClassCounts(1, 1, 0, 0), ClassCounts(1, 1, 0, 0))


def test_records_left_aside_are_reported(files: Files) -> None:
    query = [
        row(3, "T", "C", "0/1", "LowQual"),
        row(4, "A", "C", "0/1", "RefCall"),
        row(6, "A", "<DEL>", "0/1"),
        row(8, "G", "C", "0/0"),
        row(9, "C", "*", "0/1", "."),
    ]
    paths = files.write([row(3, "T", "C", "0/1")], query)
    result = evaluate(*paths)
    assert result.snp == ClassCounts(0, 0, 0, 1)
    assert result.query_left_aside == {"filtered": 1, "RefCall": 1, "symbolic": 1, "no called alt": 2}
    assert evaluate(*paths, all_filters=True).snp == ClassCounts(1, 1, 0, 0)


def test_match_across_the_border_of_a_region(files: Files) -> None:
    """The truth's deletion starts inside, the same one shifted right lies outside: it is found."""
    files.bed.write_text("chr1\t0\t25\n")
    paths = files.write([row(21, "GA", "G", "1/1")], [row(31, "AA", "A", "1/1"), row(40, "T", "G", "0/1")])
    result = evaluate(*paths)
    assert (result.snp, result.indel) == (ClassCounts(), ClassCounts(1, 1, 0, 0))


def test_crowded_region_loses_no_variant(files: Files) -> None:
    truth = [row(21, "GA", "G", "1/1"), row(59, "CC", "C", "0/1"), row(60, "CAC", "C", "0/1")]
    query = [row(28, "AA", "A", "1/1"), row(64, "CAC", "C", "0/1")]
    paths = files.write(truth, query)
    full, cut = evaluate(*paths), evaluate(*paths, max_states=1)
    assert full.indel == ClassCounts(2, 2, 0, 1)
    assert cut.searched_in_part
    assert cut.indel.tp_truth + cut.indel.fn == 3
    assert cut.indel.tp_query + cut.indel.fp == 2


def test_contigs_of_another_naming(files: Files) -> None:
    truth, query, bed, reference = files.write([row(3, "T", "C", "0/1")], [])
    bed.write_text("1\t0\t50\n")
    with pytest.raises(
        InputError,
        match=r"contig '1' in .*confident\.bed, line 1: the reference has no contig .*Did you mean 'chr1'",
    ):
        evaluate(truth, query, bed, reference)
    bed.write_text("chr1\t0\t50\n")
    with pytest.raises(InputError, match=r"query\.vcf' has no contig .*'chr1'.*Did you mean '1'"):
        evaluate(truth, write_vcf(query, [], contig="1"), bed, reference)


def test_unusable_files(files: Files) -> None:
    truth, query, bed, reference = files.write([row(3, "T", "C", "0/1")], [])
    with pytest.raises(InputError, match=r"nothing\.vcf does not exist"):
        evaluate(truth, files.folder / "nothing.vcf", bed, reference)
    with pytest.raises(InputError, match=r"not a readable VCF"):
        evaluate(bed, query, bed, reference)
    with pytest.raises(
        InputError, match=r"has 2 samples, one is needed: S, T\. Choose one with `bcftools view -s"
    ):
        evaluate(truth, write_vcf(query, [], samples=("S", "T")), bed, reference)
    bed.write_text("# nothing\n")
    with pytest.raises(InputError, match=r"confident\.bed has no intervals"):
        evaluate(truth, truth, bed, reference)
    bed.write_text("chr1\t9\t4\n")
    with pytest.raises(InputError, match=r"confident\.bed, line 1 \('chr1\t9\t4'\) is empty"):
        evaluate(truth, truth, bed, reference)
    reference.with_name("ref.fa.fai").unlink()
    with pytest.raises(InputError, match=r"has no index ref\.fa\.fai.*samtools faidx"):
        evaluate(truth, truth, bed, reference)


def test_foreign_reference_is_refused(files: Files) -> None:
    with pytest.raises(
        InputError, match=r"REF 'G' of .*truth\.vcf' at chr1:4 is not in the reference: it has 'T'"
    ):
        evaluate(*files.write([row(3, "G", "C", "0/1")], []))


def test_a_call_beyond_the_contig_is_refused_wherever_the_truth_is_whole(files: Files) -> None:
    with pytest.raises(InputError, match=r"REF 'GGT' of .*query\.vcf' at chr1:5000 is not in the reference"):
        evaluate(*files.write([row(3, "T", "C", "0/1")], [row(4999, "GGT", "G", "0/1")]))


def test_a_truth_may_be_of_more_than_a_cut_reference(files: Files) -> None:
    """What counts gives the same figures as the truth that was cut with the reference."""
    inside, query = [row(3, "T", "C", "0/1")], [row(3, "T", "C", "0/1")]
    beyond = [
        row(len(TEXT) - 2, TEXT[-2:] + "GA", TEXT[-2], "0/1"),  # its REF ends beyond
        row(4999, "GGT", "G", "0/1"),
        row(9000, "A", "C", "0/0"),
    ]
    truth, calls, bed, reference = files.write([*inside, *beyond], query)
    bed.write_text(f"chr1\t0\t{len(TEXT) - 10}\n")
    found = evaluate(truth, calls, bed, reference)
    assert found.snp == ClassCounts(1, 1, 0, 0)
    assert found.indel == ClassCounts()
    assert found.truth_left_aside == {"beyond the reference": 3}
    bed.write_text(f"chr1\t0\t{len(TEXT)}\n")  # now the first of them counts
    with pytest.raises(InputError, match=rf"at chr1:{len(TEXT) - 1} is not in the reference"):
        evaluate(truth, calls, bed, reference)


def test_truth_on_contigs_that_the_reference_has_not_is_counted(files: Files) -> None:
    truth, calls, bed, reference = files.write([row(3, "T", "C", "0/1")], [row(3, "T", "C", "0/1")])
    lines = truth.read_text().replace("##contig", "##contig=<ID=chr9,length=500>\n##contig", 1)
    truth.write_text(lines + "chr9\t5\t.\tA\tC\t.\tPASS\t.\tGT\t0/1\n")
    found = evaluate(truth, calls, bed, reference)
    assert (found.snp, found.truth_left_aside) == (ClassCounts(1, 1, 0, 0), {"beyond the reference": 1})


@pytest.mark.parametrize("code", "MRWSYKVHDB")
@pytest.mark.parametrize("written", ["first", "N", "code", "other"])
def test_records_at_ambiguous_reference_bases_take_no_part(files: Files, code: str, written: str) -> None:
    """Whatever letter a tool gives them: the code, N, the first base of the code, or any."""
    letter = {"first": "ACGT"["MRWHDVN".find(code) < 0], "N": "N", "code": code, "other": "T"}[written]
    reference = write_fasta(files.folder / "iupac.fa", chr1=f"GATTA{code.lower()}AG{code}TTAACGTCCATGCCAGT")
    records = [
        row(1, "A", "C", "0/1"),
        row(5, letter, "G" if letter != "G" else "C", "0/1"),
        row(7, "G" + letter, "G", "0/1"),  # a deletion of one
        row(13, "C", "T", "1/1"),
    ]
    truth, query, bed, _ = files.write(records, records[:1])
    bed.write_text("chr1\t0\t25\n")
    found = evaluate(truth, query, bed, reference)
    assert (found.snp, found.indel) == (ClassCounts(1, 1, 0, 1), ClassCounts())
    assert found.truth_left_aside == {"at an ambiguous reference base": 2}
    again = evaluate(query, truth, bed, reference)
    assert again.query_left_aside == {"at an ambiguous reference base": 2}


def test_plain_n_in_the_reference_is_as_before(files: Files) -> None:
    reference = write_fasta(files.folder / "n.fa", chr1="GATTANAGGCTTAACGTCCATGCCAGT")
    truth, query, bed, _ = files.write([row(5, "N", "A", "0/1")], [row(5, "N", "A", "0/1")])
    bed.write_text("chr1\t0\t25\n")
    assert evaluate(truth, query, bed, reference).snp == ClassCounts(1, 1, 0, 0)
