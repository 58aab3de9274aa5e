"""Sample sheets: what is understood, and that every wrong line is told with its number, all at once."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.cohort.sheet import Sheet, SheetSample, read_sheet
from dvplug.errors import InputError, ManyProblems


def sheet(tmp_path: Path, text: str, name: str = "samples.tsv") -> Sheet:
    path = tmp_path / name
    path.write_text(text)
    return read_sheet(path)


def table(*lines: str) -> str:
    return "".join("\t".join(line.split(" ")) + "\n" for line in lines)


def test_lines_of_one_sample_are_its_files(tmp_path: Path) -> None:
    found = sheet(
        tmp_path,
        "#Sample\tReads\tTech\tSex\tfather\tmother\tmodel\n"
        "\n"
        "kid\ta.bam;b.bam\tillumina-wgs\tXX\tdad\tmum\tion@1\n"
        "# a comment\n"
        "dad\thttps://host/d.cram\t\tm\t0\tNA\t\n"
        "kid\tc.bam\t\t2\t\t\t\n"
        "mum\t e.bam \tauto\t.\n",
    )
    assert found.samples == (
        SheetSample(
            "kid", (3, 6), (Path("a.bam"), Path("b.bam"), Path("c.bam")), "illumina-wgs", "female", "dad", "mum",
            model="ion@1",
        ),
        SheetSample("dad", (5,), ("https://host/d.cram",), sex="male"),
        SheetSample("mum", (7,), (Path("e.bam"),), "auto"),
    )  # fmt: skip
    assert found.unused == ()
    assert found.pedigree().splitlines() == [
        "kid\tkid\tdad\tmum\t2\t-9", "kid\tdad\t0\t0\t1\t-9", "kid\tmum\t0\t0\t0\t-9",
    ]  # fmt: skip


def test_sheets_of_nf_core_are_understood(tmp_path: Path) -> None:
    found = sheet(
        tmp_path,
        "patient,sex,status,sample,lane,bam,bai,cram,crai,instrument\n"
        "P1,XY,0,P1_normal,L1,one.bam,one.bam.bai,,,x\n"
        "P1,XY,0,P1_normal,L2,two.bam,two.bai,,,x\n"
        "P2,NA,0,P2_normal,L1,,,https://h/p2.cram,https://i/p2.crai,y\n",
        "samples.csv",
    )
    assert [(one.name, one.sex, one.reads) for one in found.samples] == [
        ("P1_normal", "male", (Path("one.bam"), Path("two.bam"))),
        ("P2_normal", None, ("https://h/p2.cram##idx##https://i/p2.crai",)),
    ]
    assert found.unused == ("instrument",)
    plain = sheet(tmp_path, 'sample,bam\nx,"a.bam,b.bam"\n', "plain.csv")
    assert plain.samples[0].reads == (Path("a.bam"), Path("b.bam"))


WRONG = {
    "s x.bam - - nobody -": "its father 'nobody' is not in the sheet",
    "s x.bam - - f f": "has 'f' as father and as mother",
    "s x.bam - - m -": r"its father 'm' is female in line 3",
    "s x.bam - - - f": r"its mother 'f' is male in line 2",
    "s x.bam - - - m2": "its mother 'm2' is not in the sheet: Did you mean 'm'",
    "s x.bam - male s -": "as an ancestor of itself",
    "s x.bam - wet - -": "sex 'wet' is none",
    "s - - - - -": "names no reads",
    "- x.bam - - - -": "names no sample",
    "a/b x.bam - - - -": "the sample's name 'a/b' cannot be used",
    ".s x.bam - - - -": r"the sample's name '\.s' cannot be used",
    "0 x.bam - - - -": "the sample's name '0' cannot be used",
    "Cohort x.bam - - - -": "a sample cannot be called 'Cohort'",
    "F x.bam - - - -": r"has the same names of outputs as sample 'f' \(Line 2\)",
    "f.g x.bam - - - -": r"has the same names of outputs as sample 'f' \(Line 2\)",
    "f f.bam - - - -": r"names f\.bam again",
    "f x.bam - female - -": r"Lines 2 and 4 of .* contradict each other: sample 'f' has the sex 'male' in one",
    "s x.bam;x.bam - - - -": r"names x\.bam again",
    "s x.bam - - - - more": "has 7 columns, and the header 6: 'more' stands under nothing",
}
GOOD = ("sample reads tech sex father mother", "f f.bam - male - -", "m m.bam - female - -")


@pytest.mark.parametrize(("line", "says"), WRONG.items())
def test_a_wrong_line_is_told_with_its_number(tmp_path: Path, line: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        sheet(tmp_path, table(*GOOD, line))
    told = str(caught.value)
    assert "samples.tsv" in told
    assert "ancestor" in says or "ine 4" in told or "2 and 4" in told or "2, 4" in told


@given(st.permutations([line for line in WRONG if not line.startswith(("f ", "F "))]))
def test_all_wrong_lines_are_told_at_once(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    """In whatever order; names are made different, so that they are wrong on their own."""
    own = [
        line.replace("s ", f"s{number} ", 1) if line.startswith("s ") else line
        for number, line in enumerate(lines)
    ]
    own = [line.replace("male s -", f"male {line.split()[0]} -") for line in own]
    folder = tmp_path_factory.mktemp("sheet")
    with pytest.raises(ManyProblems, match=rf"^{len(lines)} problems") as caught:
        sheet(folder, table(*GOOD, *own))
    told = str(caught.value)
    for number, line in enumerate(own, 4):
        assert f"ine {number} of" in told or "ancestor" in WRONG.get(lines[number - 4], ""), line


@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8), min_size=2, max_size=9
    )
)
def test_whatever_stands_in_a_sheet_ends_in_samples_or_in_an_error_of_the_user(
    tmp_path_factory: pytest.TempPathFactory, cells: list[str]
) -> None:
    text = io.StringIO()
    csv.writer(text).writerows(
        [("sample", "reads", "sex"), *(cells[i : i + 3] for i in range(0, len(cells), 3))]
    )
    path = tmp_path_factory.mktemp("any") / "s.csv"
    path.write_text(text.getvalue(), newline="")
    told = ""
    with suppress(InputError):
        try:
            found = read_sheet(path)
            told = " ".join([str(path), *(one.name for one in found.samples if one.reads)])
        except InputError as error:
            told = str(error)
            raise
    assert str(path) in told


def test_nobody_is_father_and_mother(tmp_path: Path) -> None:
    lines = ("sample reads father mother", "p p.bam - -", "a a.bam p -", "b b.bam - p")
    with pytest.raises(
        InputError, match=r"Line 4 of \S*, sample 'b': 'p' is father of one sample and mother of"
    ):
        sheet(tmp_path, table(*lines))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("sample\treads\n", "has no samples"),
        ("sample\tfastq_1\nx\ty\n", r"has no column reads \(or bam, cram\): .*Align the reads first"),
        ("reads\nx.bam\n", "has no column sample"),
        ("sample\treads\treads\nx\ta\tb\n", "has the column 'reads' twice"),
        ("sample,bam,bai\nx,a.bam,elsewhere/a.bai\n", r"is not where that of a\.bam is looked for.*ln -s"),
        ("sample,status,bam\nx,1,a.bam\n", "status 1 of sample 'x' is not that of germline"),
        ('sample,bam,note\nx,a.bam,"\ny,b.bam,\n', r"Line 2 of .* opens a quote.*lines 2 to 3 would be one"),
        ('sample,bam,note\nx,a.bam,"\ny,b.bam,"\nz,c.bam,\n', r"Line 2 of .* opens a quote"),
        ("sample,bam,family\nx,a.bam,two words\n", "the family's name 'two words' cannot be used"),
        ("sample,bam,family\nx,a.bam,#1\n", "the family's name '#1' cannot be used"),
        ("bam,sample\na.bam,#x\n", "the sample's name '#x' cannot be used"),
    ],
)
def test_sheets_that_are_none_are_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        sheet(tmp_path, text)


def test_comments_may_stand_before_the_header_which_may_look_like_one(tmp_path: Path) -> None:
    found = sheet(tmp_path, "# the cohort, and its files\n\n# by tabs\n#sample\treads\n# none\nx\ta.bam\n")
    assert [(one.name, one.lines) for one in found.samples] == [("x", (6,))]


def test_who_is_joined_by_parents_is_of_one_family(tmp_path: Path) -> None:
    lines = [
        "sample reads father mother family", "kid k.bam dad mum -", "alone a.bam - - -", "mum m.bam - gran -",
        "gran g.bam - - old", "dad d.bam - - -", "son s.bam man - -", "man n.bam - - -",
    ]  # fmt: skip
    pedigree = sheet(tmp_path, table(*lines)).pedigree()
    families = dict(line.split("\t")[1::-1] for line in pedigree.splitlines())
    assert families == {
        "kid": "old", "alone": "alone", "mum": "old", "gran": "old", "dad": "old", "son": "son", "man": "son",
    }  # fmt: skip


def test_a_sheet_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.tsv cannot be read: No such file"):
        read_sheet(tmp_path / "absent.tsv")
