"""One reader of BED: what is data, what is not, and what is said of a line that cannot be used."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dvplug.errors import InputError
from dvplug.evaluate import ConfidentRegions, evaluate
from dvplug.genome.bed import read_bed
from dvplug.genome.ploidy import resolve_ploidy
from dvplug.genome.regions import merge, resolve_regions, subtract
from dvplug.line.region import Region
from helpers.evaluate_files import row, write_fasta, write_vcf

LENGTHS = {"chr20": 1000, "chr2": 300, "track1": 50, "tracked": 50, "browsers": 50}


def written(folder: Path, text: str, name: str = "a.bed") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chr2\t10\t20\n", [("chr2", 10, 20)]),
        ("chr2\t10\t20", [("chr2", 10, 20)]),  # the last line may lack its end
        ("chr2 10 20\n", [("chr2", 10, 20)]),
        ("chr2   10  20 name\n", [("chr2", 10, 20)]),
        ("chr2\t10\t20\ta name\t0\t+\n", [("chr2", 10, 20)]),
        ("chr2\t 10\t20 \n", [("chr2", 10, 20)]),
        ("chr2\t10\t20\r\nchr20\t1\t2\r\n", [("chr2", 10, 20), ("chr20", 1, 2)]),
        ("# c\n#chr\tstart\n\n \t\nchr2\t0\t300\n", [("chr2", 0, 300)]),
        ("browser position chr2:1-20\nbrowser\thide all\ntrack name=x\ntrack\tx\ntrack\nbrowser\nchr2\t1\t2\n",
         [("chr2", 1, 2)]),
        ("track1\t1\t2\ntracked\t3\t4\nbrowsers 5 6\n", [("track1", 1, 2), ("tracked", 3, 4), ("browsers", 5, 6)]),
        ("chr2\t1\t2\nchr2\t1\t2\nchr2\t0\t9\n", [("chr2", 1, 2), ("chr2", 1, 2), ("chr2", 0, 9)]),  # as they stand
    ],
)  # fmt: skip
def test_lines_of_all_kinds(tmp_path: Path, text: str, expected: list[tuple[str, int, int]]) -> None:
    assert read_bed(written(tmp_path, text), LENGTHS) == expected


def test_a_contig_may_be_called_track(tmp_path: Path) -> None:
    """Where there is one, as samtools takes it; the line of a browser has no contig in its place."""
    lengths = {"track": 100, "chr2": 300}
    assert read_bed(written(tmp_path, "track\t1\t2\nchr2\t3\t4\n"), lengths) == [
        ("track", 1, 2),
        ("chr2", 3, 4),
    ]


REAL = {
    "byte order mark": b"\xef\xbb\xbfchr2\t10\t20\nchr20\t1\t2\n",
    "mark and comment": b"\xef\xbb\xbf#chrom\tstart\tend\r\nchr2\t10\t20\r\nchr20\t1\t2\r\n",
    "mark and track": b"\xef\xbb\xbftrack name=x\nchr2\t10\t20\nchr20\t1\t2\n",
    "Latin-1": b"chr2\t10\t20\tGr\xf6\xdfe\nchr20\t1\t2\t\xa0\xff\n",
    "UTF-8": "chr2\t10\t20\tGröße\nchr20\t1\t2\tα\n".encode(),
    "blank lines": b"\n\r\n \t \nchr2\t10\t20\n\n\nchr20\t1\t2\n\n",
    "old Macintosh": b"chr2\t10\t20\rchr20\t1\t2\r",
    "browser and track": b'browser position chr2:1-2\r\ntrack name="a\xe9"\r\nchr2\t10\t20\r\nchr20\t1\t2\r\n',
}
EXPECTED = [("chr2", 10, 20), ("chr20", 1, 2)]
WRONG = {
    "UTF-16": ("chr2\t10\t20\n".encode("utf-16"), r"line 1 is not BED: .* it is UTF-16, or no text"),
    "Latin-1 contig": (b"chr2\t1\t2\nchr\xe4\t1\t2\n", r"Unknown contig 'chr\\udce4' in .*, line 2"),
    "escape": (b"\n\x1b[2Jchr2\t1\n", r"line 2 is not BED: '\\x1b\[2Jchr2\t1'"),
    "mark within": (b"chr2\t1\t2\n\xef\xbb\xbfchr2\t1\t2\n", r"Unknown contig '\\ufeffchr2' in .*, line 2"),
    "a line without end": (b"#" + b"x" * (1 << 21), r"line 1 is not BED: .* longer than"),
}


def read_by_all(path: Path) -> Iterator[list[tuple[str, int, int]]]:
    """What all who read BED make of a file, by contig and start."""
    yield sorted(read_bed(path, LENGTHS))
    yield sorted(resolve_regions([str(path)], [], LENGTHS))
    excluded = resolve_regions([], [path], LENGTHS)
    yield sorted(subtract(merge([Region(c, 0, n) for c, n in LENGTHS.items()], LENGTHS), excluded))
    diploid = resolve_ploidy(
        LENGTHS, haploid_contigs=list(LENGTHS), par_bed=path, sex=None, regions=[]
    ).diploid
    yield sorted((contig, start, end) for contig, parts in diploid.items() for start, end in parts)
    confident = ConfidentRegions.from_bed(path, LENGTHS)
    yield [
        (contig, start, end)
        for contig, start, end in EXPECTED
        if confident.contain(contig, start, end)
        and not confident.overlap(contig, 0, start)
        and not confident.overlap(contig, end, LENGTHS[contig])
    ]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("what", list(REAL))
def test_what_is_met_in_real_files_is_read_alike_by_all(tmp_path: Path, what: str, packed: bool) -> None:
    path = tmp_path / "a.bed"
    path.write_bytes(gzip.compress(REAL[what]) if packed else REAL[what])
    for found in read_by_all(path):
        assert found == EXPECTED


@pytest.mark.parametrize("what", list(WRONG))
def test_what_cannot_be_read_is_refused_by_its_line_by_all(tmp_path: Path, what: str) -> None:
    content, message = WRONG[what]
    (tmp_path / "a.bed").write_bytes(content)
    for read in (
        lambda path: read_bed(path, LENGTHS),
        lambda path: resolve_regions([str(path)], [], LENGTHS),
        lambda path: resolve_regions([], [path], LENGTHS),
        lambda path: ConfidentRegions.from_bed(path, LENGTHS),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path / "a.bed")


def test_a_huge_end_lies_beyond_the_contig(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is outside 'chr2'"):
        read_bed(written(tmp_path, f"chr2\t0\t{10**22}\n"), LENGTHS)


@pytest.mark.parametrize("name", ["a.bed", "a.bed.gz", "a.bed.bgz", "a.txt", "a"])
@pytest.mark.parametrize("packing", ["plain", "gzip", "bgzip"])
def test_packed_or_not_is_told_by_the_content(tmp_path: Path, name: str, packing: str) -> None:
    text = "track name=x\nchr2\t10\t20\r\n"
    path = written(tmp_path, text, "plain.txt")
    if packing == "gzip":
        path.write_bytes(gzip.compress(text.encode()))
    if packing == "bgzip":
        pysam.tabix_compress(str(path), str(tmp_path / "packed"))
        (tmp_path / "packed").replace(path)
    assert read_bed(path.rename(tmp_path / name), LENGTHS) == [("chr2", 10, 20)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr2\t1", r"a\.bed, line 2 is not BED: 'chr2\t1': .*Mend or remove"),
        ("chr2", r"line 2 is not BED: 'chr2'"),
        ("chr2 1 5\t9", r"line 2 is not BED"),  # one tab makes tabs the separators
        ("chr2\tx\t5", r"line 2 is not BED: 'chr2\tx\t5'"),
        ("chr2\t1.0\t5", r"line 2 is not BED"),
        ("chr2\t1_0\t50", r"line 2 is not BED: 'chr2\t1_0\t50'"),
        ("chr2\t1,0\t50", r"line 2 is not BED"),
        ("chr2\t\u0661\t50", r"line 2 is not BED"),  # a digit, but none of BED
        ("chr2\t1\t" + "9" * 5000, r"line 2 is not BED"),
        ("track2\t1\t5", r"Unknown contig 'track2' in .*a\.bed, line 2: .*Did you mean 'track1'"),
        ("2\t1\t5", r"Unknown contig '2' in .*a\.bed, line 2: .*Did you mean 'chr2'\?"),
        ("chr2\t1\t301", r"line 2 \('chr2\t1\t301'\) is outside 'chr2': the contig has 300 bp"),
        ("chr2\t-1\t3", r"line 2 .*is outside"),
        ("chr2\t5\t5", r"line 2 .*is empty: its end is not after its start"),
        ("chr2\t9\t4", r"line 2 \('chr2\t9\t4'\) is empty"),
    ],
)
def test_lines_that_cannot_be_used_are_named_by_all_who_read_bed(
    tmp_path: Path, line: str, message: str
) -> None:
    path = written(tmp_path, f"chr2\t0\t5\n{line}\n")
    with pytest.raises(InputError, match=message):
        read_bed(path, LENGTHS)
    with pytest.raises(InputError, match=message):
        resolve_regions([str(path)], [], LENGTHS)
    with pytest.raises(InputError, match=message):
        resolve_regions([], [path], LENGTHS)
    with pytest.raises(InputError, match=message):
        ConfidentRegions.from_bed(path, LENGTHS)


def test_evaluation_names_lines_as_calling_does(tmp_path: Path) -> None:
    reference, vcf = write_fasta(tmp_path / "ref.fa", chr1="ACGT" * 20), write_vcf(tmp_path / "a.vcf", [])
    bed = written(tmp_path, "chr1\t0\t81\n")
    with pytest.raises(InputError, match=r"line 1 .*is outside 'chr1': the contig has 80 bp"):
        evaluate(vcf, vcf, bed, reference)


def test_confident_intervals_that_touch_count_as_one(tmp_path: Path) -> None:
    """A deletion over the seam, and a SNP at it, count once: as with the merged interval."""
    bases = "GATTACAGGCTTAACGTCCATG" * 4
    reference = write_fasta(tmp_path / "ref.fa", chr1=bases)
    rows = [row(9, bases[9:13], bases[9], "0/1"), row(20, bases[20], "C" if bases[20] != "C" else "G", "1/1")]
    truth, query = write_vcf(tmp_path / "t.vcf", rows), write_vcf(tmp_path / "q.vcf", rows[:1])
    merged = evaluate(truth, query, written(tmp_path, "chr1\t0\t88\n"), reference)
    for seams in ((10,), (11,), (13,), (20,), (21,), (10, 11, 12, 13, 20, 21)):
        edges = [0, *seams, 88]
        text = "".join(f"chr1\t{a}\t{b}\n" for a, b in itertools.pairwise(edges))
        assert evaluate(truth, query, written(tmp_path, text), reference).as_dict() == merged.as_dict()
    assert (merged.indel.tp_truth, merged.snp.fn, merged.snp.fp + merged.indel.fp) == (1, 1, 0)


def test_files_that_hold_nothing_or_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.bed has no intervals\. Each line needs contig"):
        read_bed(written(tmp_path, "# nothing\ntrack\n"), LENGTHS)
    with pytest.raises(InputError, match=r"none\.bed does not exist"):
        read_bed(tmp_path / "none.bed", LENGTHS)
    with pytest.raises(InputError, match=r"BED file https://a\.b/x\.bed is at a URL"):
        read_bed(Path("https://me:word@a.b/x.bed"), LENGTHS)
    with pytest.raises(InputError, match=r"cannot be read: .*[Dd]irectory"):
        read_bed(tmp_path, LENGTHS)
    short = tmp_path / "b.bed.gz"
    short.write_bytes(gzip.compress(b"chr2\t1\t2\n" * 9000)[:-20])
    with pytest.raises(InputError, match=r"b\.bed\.gz cannot be read"):
        read_bed(short, LENGTHS)


INTERVALS = st.lists(
    st.sampled_from(list(LENGTHS)).flatmap(
        lambda contig: st.tuples(
            st.just(contig),
            *[st.lists(st.integers(0, LENGTHS[contig]), min_size=2, max_size=2, unique=True).map(sorted)],
        )
    ),
    min_size=1,
)
OTHERS = st.sampled_from(["", "   ", "#", "# x\ty\tz", "track", "track name=1", "browser\tx", "browser hide"])


@given(data=st.data(), intervals=INTERVALS, packed=st.booleans())
def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, intervals: list, packed: bool
) -> None:
    lines, expected = [], []
    for contig, (start, end) in intervals:
        lines += data.draw(st.lists(OTHERS, max_size=2))
        between = data.draw(st.sampled_from(["\t", " ", "  "]))
        rest = data.draw(st.sampled_from(["", "name", f"name{between}0{between}+"]))
        lines.append(between.join([contig, str(start), str(end), *filter(None, [rest])]))
        expected.append((contig, start, end))
    text = "".join(line + data.draw(st.sampled_from(["\n", "\r\n"])) for line in lines).encode()
    path = tmp_path_factory.mktemp("bed") / data.draw(st.sampled_from(["a.bed", "a.bed.gz", "a"]))
    path.write_bytes(gzip.compress(text) if packed else text)
    assert read_bed(path, LENGTHS) == expected
    confident = ConfidentRegions.from_bed(path, LENGTHS)
    assert all(confident.contain(*interval) for interval in expected)


def _read_or_refused(path: Path) -> list[Region] | str:
    try:
        return read_bed(path, LENGTHS)
    except InputError as error:
        return str(error)


@example(content=b"\x1c0\t5")
@given(content=st.binary(max_size=60))
def test_any_content_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("bed") / "a.bed"
    for written_so in (content, b"chr2\t1\t" + content, b"\x1f\x8b" + content):
        path.write_bytes(written_so)
        read = _read_or_refused(path)
        if isinstance(read, str):
            assert str(path) in read
        else:
            assert all(0 <= start < end <= LENGTHS[contig] for contig, start, end in read)
