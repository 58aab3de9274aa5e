"""The FASTA reader against plain slicing of the text it was written from."""

import pickle
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.sequence.codes import encode_bases

CONTIGS = {
    "chr2": "".join(random.Random(1).choices("ACGTacgtNnRYKMswBDHV", k=1003)),
    "chr1": "".join(random.Random(2).choices("ACGT", k=60)),
    "HLA-A*01:01": "N" * 10,
}


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "genome.fa"
    path.write_text(
        "".join(
            f">{name} text\n" + "".join(bases[i : i + 60] + "\n" for i in range(0, len(bases), 60))
            for name, bases in CONTIGS.items()
        )
    )
    pysam.faidx(str(path))
    return path


def plain(bases):
    return "".join(base if base in "ACGT" else "N" for base in bases.upper())


def test_lengths_keep_the_order_of_the_file(fasta):
    with Reference.open(fasta) as reference:
        assert list(reference.lengths.items()) == [(name, len(bases)) for name, bases in CONTIGS.items()]


@pytest.mark.parametrize(("start", "end"), [(0, 1003), (0, 1), (59, 61), (1002, 1003), (500, 500), (0, 0)])
def test_sequence_and_codes_equal_the_text(fasta, start, end):
    with Reference.open(str(fasta)) as reference:
        expected = plain(CONTIGS["chr2"])[start:end]
        assert reference.sequence("chr2", start, end) == expected
        codes = reference.codes("chr2", start, end)
        assert codes.dtype == np.uint8
        assert codes.tolist() == ["ACGTN".index(base) for base in expected]


@given(st.binary(max_size=50))
def test_encode_bases_knows_four_letters_in_two_cases(text):
    assert encode_bases(text).tolist() == ["ACGT".find(chr(b).upper()) % 5 if b < 128 else 4 for b in text]


@pytest.mark.parametrize(
    ("start", "end", "cut"),
    [(-1, 5, slice(0, 5)), (50, 99, slice(50, 60)), (9, 8, slice(0)), (70, 80, slice(0))],
)
def test_an_interval_is_cut_at_the_ends_of_the_contig(fasta, start, end, cut):
    with Reference.open(fasta) as reference:
        whole = reference.sequence("chr1", 0, 60)
        assert reference.sequence("chr1", start, end) == whole[cut]
        assert reference.codes("chr1", start, end).tolist() == reference.codes("chr1", 0, 60)[cut].tolist()


def test_an_unknown_contig_is_refused(fasta):
    with Reference.open(fasta) as reference, pytest.raises(ValueError, match="'1' is not in the reference"):
        reference.codes("1", 0, 1)


def test_pickles_by_path(fasta):
    with Reference.open(fasta) as reference, pickle.loads(pickle.dumps(reference)) as copy:
        assert copy.sequence("chr1", 0, 60) == CONTIGS["chr1"]


@pytest.mark.skipif(not shutil.which("bgzip"), reason="bgzip is not installed")
def test_bgzip_reads_the_same_and_needs_both_indexes(fasta):
    subprocess.run(["bgzip", "-k", fasta], check=True)
    packed = fasta.with_suffix(".fa.gz")
    with pytest.raises(InputError, match=r"has no index genome.fa.gz.fai.*samtools faidx"):
        Reference.open(packed)
    pysam.faidx(str(packed))
    with Reference.open(packed) as reference:
        assert reference.sequence("chr2", 70, 200) == plain(CONTIGS["chr2"])[70:200]
    packed.with_suffix(".gz.gzi").unlink()
    with pytest.raises(InputError, match=r"has no index genome.fa.gz.gzi"):
        Reference.open(packed)


def test_missing_files_are_named(fasta, tmp_path):
    with pytest.raises(InputError, match=r"nowhere.fa does not exist"):
        Reference.open(tmp_path / "nowhere.fa")
    with pytest.raises(InputError, match=r"is not a file"):
        Reference.open(tmp_path)
    (tmp_path / "genome.fa.fai").unlink()
    with pytest.raises(InputError, match=r"has no index genome.fa.fai.*samtools faidx"):
        Reference.open(fasta)
    assert not (tmp_path / "genome.fa.fai").exists()  # never built behind the user's back


@pytest.mark.parametrize(
    "row", ["1003\t11\t60\t60O1", "1003\t11\t60\t60", "1003\t-1\t60\t61", "1003\t11\t60"]
)
def test_an_index_whose_numbers_cannot_be_is_an_input_error(fasta, row):
    fasta.with_name("genome.fa.fai").write_text(f"chr2\t{row}\n")
    with pytest.raises(InputError, match=r"genome.fa.fai is damaged|cannot be opened"):
        Reference.open(fasta)


def test_an_index_that_leads_into_a_header_is_an_input_error(fasta):
    index = fasta.with_name("genome.fa.fai")
    rows = [line.split("\t") for line in index.read_text().splitlines()]
    index.write_text(
        "".join(
            "\t".join([*row[:2], str(int(row[2]) - len(">chr1 text\n")), *row[3:]]) + "\n" for row in rows[1:]
        )
    )
    with Reference.open(fasta) as reference, pytest.raises(InputError, match=r"cannot be read at chr1:1-10"):
        reference.sequence("chr1", 0, 10)


def test_a_damaged_index_is_an_input_error(fasta, tmp_path):
    index = tmp_path / "genome.fa.fai"
    index.write_text("chr1 nonsense\n")
    with pytest.raises(InputError, match=r"cannot be opened"):
        Reference.open(fasta)
    index.write_text("")
    with pytest.raises(InputError, match=r"genome.fa has no contigs"):
        Reference.open(fasta)
    index.write_text("chr2\t100000\t11\t60\t61\n")
    with (
        Reference.open(fasta) as reference,
        pytest.raises(InputError, match=r"cannot be read at chr2:5001-90000.*another version"),
    ):
        reference.codes("chr2", 5000, 90000)


def test_an_index_is_looked_at_once_until_it_changes(fasta, monkeypatch):
    looked_at = []
    read_text = Path.read_text
    monkeypatch.setattr(
        Path, "read_text", lambda path, *given: looked_at.append(path.name) or read_text(path, *given)
    )
    for _ in range(3):
        Reference.open(fasta).close()
    assert looked_at == ["genome.fa.fai"]
    index = Path(f"{fasta}.fai")
    index.write_text(index.read_text().replace("\t60\t61\n", "\t60\t60\n", 1))
    with pytest.raises(InputError, match=r"genome.fa.fai is damaged"):
        Reference.open(fasta)
