"""Counts by stratum: against RTG vcfeval on real slices, and against a comparison of what is confident in a stratum."""

from __future__ import annotations

import csv
import gzip
import random
from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import InputError, ManyProblems
from dvplug.evaluate import Also, ClassCounts, evaluate
from helpers.evaluate_files import TEXT, Files, Row, row
from helpers.oracle_sets import ORACLE
from helpers.shared_data import SHARED, needs_shared
from helpers.strata import STRATA, write_strata

COUNTS = Path(__file__).with_name("vcfeval_strata.tsv")
"""By RTG Tools 3.12.1, built of its source: `vcfeval --evaluation-regions` of what is confident in each stratum.

Records were cut first to what their alleles do not share, which says where they lie: vcfeval goes by the letters of
REF, here as in hap.py the bases count that change.
"""
#: One record deletes 6 bp of a repeat on one haplotype and changes the base behind it on the other: which 6 of 40 bp
#: are deleted, and so in which window it begins, is the comparison's choice.
EXPLAINED = {("hg002_illumina", "freebayes", "every_other", "non_snp"): (0, 1, 0, 0)}


@needs_shared
@pytest.mark.parametrize("caller", ["bcftools", "freebayes"])
@pytest.mark.parametrize("name", ORACLE)
def test_counts_by_stratum_and_those_of_the_table_of_happy_are_those_of_vcfeval(
    name: str, caller: str, tmp_path: Path
) -> None:
    truth, reference = ORACLE[name]
    confident = SHARED / "oracle" / f"{name}.bed"
    listed = write_strata(tmp_path, SHARED / "reference" / reference, confident)
    found = evaluate(
        SHARED / "truth" / truth,
        SHARED / "oracle" / f"{name}.{caller}.vcf.gz",
        confident,
        SHARED / "reference" / reference,
        also=Also(strata=listed, happy_csv=tmp_path / "x.extended.csv"),
    )
    with (tmp_path / "x.extended.csv").open() as lines:
        as_happy = {
            (r["Subset"], r["Type"]): [int(r[c]) for c in ("TRUTH.TP", "QUERY.FP", "QUERY.TP", "TRUTH.FN")]
            for r in csv.DictReader(lines)
            if (r["Subtype"], r["Genotype"]) == ("*", "*")
        }
    with COUNTS.open() as lines:
        expected = {
            (r["stratum"], r["class"]): [int(r[c]) for c in ("tp_baseline", "fp", "tp_call", "fn")]
            for r in csv.DictReader(lines, delimiter="\t")
            if (r["set"], r["caller"]) == (name, caller)
        }
    assert list(found.strata) == list(STRATA)
    for (stratum, kind), oracle in expected.items():
        name_of_kind = "SNP" if kind == "snp" else "INDEL"
        c = found.strata[stratum].counts(name_of_kind)
        for counts in ([c.tp_truth, c.fp, c.tp_query, c.fn], as_happy[stratum, name_of_kind]):
            difference = tuple(np.subtract(counts, oracle).tolist())
            assert difference == EXPLAINED.get((name, caller, stratum, kind), (0, 0, 0, 0)), (stratum, kind)


def random_rows(rng: random.Random) -> list[Row]:
    """A few variants of every type on `TEXT`."""
    rows = {}
    for _ in range(rng.randint(0, 9)):
        start = rng.randint(1, len(TEXT) - 6)
        ref = TEXT[start : start + rng.randint(1, 3)]
        alts = sorted({"".join(rng.choices("ACGT", k=rng.randint(1, 3))) for _ in range(2)} - {ref})
        genotype = rng.choice(["0/1", "1/1", "1/2"] if len(alts) == 2 else ["0/1", "1/1"])
        rows[start] = row(start, ref, ",".join(alts), genotype)
    return [rows[start] for start in sorted(rows)]


def random_bed(rng: random.Random, path: Path) -> set[int]:
    """Write some intervals, and return the bases in them."""
    cuts = sorted(rng.sample(range(len(TEXT)), 2 * rng.randint(1, 4)))
    pairs = list(zip(cuts[::2], cuts[1::2], strict=True))
    path.write_text("".join(f"chr1\t{start}\t{end}\n" for start, end in pairs))
    return {base for start, end in pairs for base in range(start, end)}


@pytest.mark.parametrize("seed", range(60))
def test_a_stratum_counts_as_a_comparison_of_what_is_confident_in_it(seed: int, files: Files) -> None:
    rng = random.Random(seed)
    truth = random_rows(rng)
    query = sorted({r[0]: r for r in [*random_rows(rng), *truth] if rng.random() < 0.7}.values())
    paths = files.write(truth, query)
    confident = random_bed(rng, files.bed)
    beds = {f"s{n}": files.folder / f"s{n}.bed" for n in range(3)}
    bases = {name: random_bed(rng, path) for name, path in beds.items()}
    listed = files.folder / "strata.tsv"
    listed.write_text("".join(f"{name}\t{path.name}\n" for name, path in beds.items()))
    found = evaluate(*paths, also=Also(strata=listed))
    assert found.as_dict()["SNP"] == evaluate(*paths).snp.as_dict()
    for name, inside in bases.items():
        both, stratum = sorted(inside & confident), found.strata[name]
        assert (stratum.size, stratum.confident) == (len(inside), len(both))
        if not both:
            assert stratum.counts("SNP") == stratum.counts("INDEL") == ClassCounts()
            continue
        files.bed.write_text("".join(f"chr1\t{base}\t{base + 1}\n" for base in both))
        alone = evaluate(*paths)
        assert (stratum.counts("SNP"), stratum.counts("INDEL")) == (alone.snp, alone.indel)


def test_an_insertion_counts_where_both_its_neighbours_do(files: Files) -> None:
    paths = files.write([row(21, "G", "GT", "0/1")], [])
    for interval, counted in (((10, 22), 0), ((22, 30), 0), ((21, 23), 1)):
        files.bed.write_text("chr1\t{}\t{}\n".format(*interval))
        assert evaluate(*paths).indel.fn == counted


@pytest.mark.parametrize("packed", [False, True])
def test_strata_may_lie_beside_the_list_and_be_packed(files: Files, packed: bool) -> None:
    paths = files.write([row(3, "T", "C", "0/1"), row(40, "T", "G", "0/1")], [row(3, "T", "C", "0/1")])
    (files.folder / "beds").mkdir()
    bed = files.folder / "beds" / ("low.bed.gz" if packed else "low.bed")
    with gzip.open(bed, "wt") if packed else bed.open("w") as out:
        out.write("chr1\t0\t30\n")
    listed = files.folder / "strata.tsv"
    listed.write_text(f"# of GIAB\n\nlow complexity\tbeds/{bed.name}\nabsolute\t{bed}\n")
    found = evaluate(*paths, also=Also(strata=listed))
    assert list(found.strata) == ["low complexity", "absolute"]
    for one in found.strata.values():
        assert one.counts("SNP") == ClassCounts(1, 1, 0, 0)
    assert found.snp == ClassCounts(1, 1, 0, 1)


def test_a_list_that_is_none_is_refused_before_anything_is_compared(files: Files) -> None:
    paths = files.write([row(3, "T", "C", "0/1")], [])
    listed = files.folder / "strata.tsv"
    listed.write_text("no tab\n*\tconfident.bed\na\tnowhere.bed\nb\tconfident.bed\nb\tconfident.bed\n")
    with pytest.raises(ManyProblems) as raised:
        evaluate(*paths, also=Also(strata=listed))
    told = [str(problem) for problem in raised.value.problems]
    assert len(told) == 4
    for line, what in zip(
        told,
        ("line 1 is no stratum", "line 2: '*' is the name", "line 3: BED file", "'b' stands there twice"),
        strict=True,
    ):
        assert what in line
    listed.write_text("b\tother.bed\n")
    (files.folder / "other.bed").write_text("1\t0\t5\n")
    with pytest.raises(InputError, match=r"other\.bed, line 1: the reference has no contig"):
        evaluate(*paths, also=Also(strata=listed))
    listed.write_text("# nothing\n")
    with pytest.raises(InputError, match="is empty"):
        evaluate(*paths, also=Also(strata=listed))
    with pytest.raises(InputError, match="cannot be read"):
        evaluate(*paths, also=Also(strata=files.folder))
