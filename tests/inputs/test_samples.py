"""Which sample is called, and which reads of which files are its."""

from __future__ import annotations

import os
import re
import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pysam
import pytest

import dvplug
from dvplug.calling.options import CallOptions
from dvplug.errors import InputError
from dvplug.genome.reference import Reference
from dvplug.inputs.preflight import check_call, preflight
from dvplug.inputs.samples import FileGroups, SampleChoice, choose_reads
from dvplug.line.region import Region
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.fetch import fetch_reads
from dvplug.reads.groups import EVERYTHING, ReadGroups
from dvplug.reads.opened import OpenedReads
from dvplug.show.sites import show_positions
from dvplug.simulate import SimulatedDataset
from dvplug.technology import ReadFilter
from helpers.command import run
from helpers.shared_data import SHARED

Groups = Mapping[str, str]


def file(name: str, samples: Groups, seen: Sequence[str | None] = ()) -> FileGroups:
    return FileGroups(Path(name), samples, partial(Counter, seen))


def chosen(
    *files: FileGroups, sample: str | None = None, groups: tuple[str, ...] = ()
) -> tuple[str, dict[str, ReadGroups]]:
    found = choose_reads(files, SampleChoice(sample, groups))
    return found.sample, {Path(source.path).name: source.groups for source in found.sources}


def only(*ids: str) -> ReadGroups:
    return ReadGroups(ids, wanted=True)


TWO = {"1": "A", "2": "B", "3": "A", "4": ""}


def test_the_one_sample_of_a_header_has_all_reads() -> None:
    assert chosen(file("a.bam", {"1": "A", "2": "A", "3": ""})) == ("A", {"a.bam": EVERYTHING})
    assert chosen(file("a.bam", {"1": "A"}), file("b.bam", {})) == (
        "A",
        {"a.bam": EVERYTHING, "b.bam": EVERYTHING},
    )
    assert chosen(file("a.bam", {"1": "A"}), sample="A") == ("A", {"a.bam": EVERYTHING})


@pytest.mark.parametrize(("sample", "ids"), [("A", ("1", "3")), ("B", ("2",))])
def test_a_sample_is_its_read_groups(sample: str, ids: tuple[str, ...]) -> None:
    assert chosen(file("a.bam", TWO), sample=sample) == (sample, {"a.bam": only(*ids)})


def test_a_file_that_names_nobody_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    chosen(file("a.bam", {"1": "A"}), file("b.bam", {"2": ""}), file("c.bam", {}), file("d.bam", {"1": "A"}))
    told = capsys.readouterr().err
    assert re.findall(r"(\w\.bam) has no sample name \(@RG SM\): its reads are called as of 'A'", told) == [
        "b.bam",
        "c.bam",
    ]
    chosen(file("a.bam", {"1": "A", "2": ""}), file("d.bam", {"1": "A"}))
    assert not capsys.readouterr().err


def test_files_without_the_sample_are_not_read(capsys: pytest.CaptureFixture[str]) -> None:
    files = (file("a.bam", TWO), file("b.bam", {"1": "B"}), file("c.bam", {}))
    assert chosen(*files, sample="A") == ("A", {"a.bam": only("1", "3")})
    assert re.findall(r"(\w\.bam) has no read group of sample 'A'", capsys.readouterr().err) == [
        "b.bam",
        "c.bam",
    ]
    assert chosen(*files, sample="B") == ("B", {"a.bam": only("2"), "b.bam": EVERYTHING})


def test_read_groups_are_used_or_left_out() -> None:
    one = file("a.bam", {"1": "A", "2": "A"})
    assert chosen(one, groups=("1",)) == ("A", {"a.bam": only("1")})
    assert chosen(one, groups=("^1",)) == ("A", {"a.bam": ReadGroups(("1",))})
    assert chosen(file("a.bam", TWO), groups=("^1", "^3")) == ("B", {"a.bam": only("2")})
    assert chosen(file("a.bam", TWO), groups=("2",)) == ("B", {"a.bam": only("2")})
    assert chosen(file("a.bam", TWO), sample="A", groups=("^1",)) == ("A", {"a.bam": only("3")})


@pytest.mark.parametrize(
    ("sample", "groups", "says"),
    [
        (None, (), r"belong to 2 samples: A, B: .*Choose one with --sample\."),
        ("C", (), r"No reads are of sample 'C' in a\.bam: @RG SM names A, B\. "),
        (None, ("9",), r"No file has the read group '9': @RG names 1, 2, 3, 4\."),
        (None, ("1", "2"), r"belong to 2 samples: A, B"),
        ("B", ("1",), r"'B' in a\.bam: the read groups of --read-group are of A\."),
        (None, ("1", "^2"), r"--read-group 1 \^2 both chooses and leaves out"),
    ],
)
def test_what_leaves_no_single_sample_is_refused(
    sample: str | None, groups: tuple[str, ...], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        chosen(file("a.bam", TWO, ["1", "2"]), sample=sample, groups=groups)


def test_a_sample_without_reads_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert chosen(file("a.bam", TWO, ["3", "3", None, "4"])) == ("A", {"a.bam": only("1", "3")})
    assert "name 2 samples (A, B), and reads are of A alone" in capsys.readouterr().err
    with pytest.raises(InputError, match=r"2 samples: A, B"):  # there is nothing to tell by
        chosen(file("a.bam", TWO, [None]))
    others = (
        file("a.bam", {"1": "A"}, [None]),
        file("b.bam", {"1": "B"}, [None]),
    )  # one sample a file has all of it
    with pytest.raises(InputError, match=r"2 samples: A, B"):
        chosen(*others)


def test_names_in_the_vcf(capsys: pytest.CaptureFixture[str]) -> None:
    assert choose_reads([file("x.sorted.bam", {"2": ""})], SampleChoice()).sample == "x.sorted"
    assert "x.sorted.bam has no sample name" in capsys.readouterr().err
    assert choose_reads([file("a.bam", {"1": "A"})], SampleChoice(name="mine")).sample == "mine"
    with pytest.raises(InputError, match=r"sample 'B' in a\.bam: no @RG names a sample"):
        choose_reads([file("a.bam", {})], SampleChoice("B"))
    for bad in ("", " ", "a\tb", "a\nb"):
        with pytest.raises(InputError, match=r"cannot be written to VCF.*--sample-name"):
            choose_reads([file("a.bam", {})], SampleChoice(name=bad))
    for bad in ("a\x1b[31m", "a\u202eb", "a\tb", " "):
        with pytest.raises(InputError, match=r"cannot be written to VCF.*--sample-name") as refused:
            choose_reads([file("a.bam", {"1": bad})], SampleChoice())
        assert str(refused.value).isprintable()
    with pytest.raises(InputError, match=r"'a\\x1bb' cannot be written to VCF"):
        choose_reads([file("a\x1bb.bam", {"1": ""})], SampleChoice())


class Mixed(NamedTuple):
    """Reads of two samples in one file, as BAM and as CRAM, and those of each alone as samtools picks them."""

    reference: Path
    bam: Path
    cram: Path
    alone: dict[str, Path]


@pytest.fixture(scope="module")
def mixed(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> Mixed:
    """A third of the pairs are of A, a third of B, in two read groups each; the last have none, or one unknown."""
    folder = tmp_path_factory.mktemp("mixed")
    reference, bam, cram = folder / "r.fa", folder / "both.bam", folder / "both.cram"
    groups = ["A1", "B1", "A2", None, "B2", "unknown"]
    shutil.copy(dataset.reference, reference)
    pysam.faidx(str(reference))
    with pysam.AlignmentFile(str(dataset.reads)) as reads:
        header = reads.header.to_dict()
        header["RG"] = [{"ID": f"{s}{k}", "SM": s, "PL": "ILLUMINA"} for s in "AB" for k in (1, 2)]
        with pysam.AlignmentFile(str(bam), "wb", header=header) as out:
            for read in reads:
                read.set_tag("RG", groups[zlib.crc32(read.query_name.encode()) % len(groups)])
                out.write(read)
    pysam.index(str(bam))
    pysam.view("-C", "-T", str(reference), "-o", str(cram), str(bam), catch_stdout=False)
    pysam.index(str(cram))
    alone = {}
    for name in ("A", "B", "A1"):
        alone[name] = folder / f"{name}.bam"
        pick = [word for k in (name[1:] or "12") for word in ("-d", f"RG:{name[0]}{k}")]
        pysam.view("-b", "-o", str(alone[name]), *pick, str(bam), catch_stdout=False)
        pysam.index(str(alone[name]))
    return Mixed(reference, bam, cram, alone)


def lines_of(mixed: Mixed, reads: Path, out: Path, *words: str) -> list[str]:
    given = [
        "--tech",
        "illumina-wgs",
        "--ref",
        mixed.reference,
        "--reads",
        reads,
        "--device",
        "cpu",
        "--workers",
        1,
    ]
    assert run("call", *given, "--out", out, *words) == 0
    return [line for line in out.read_text().splitlines() if not line.startswith("##")]


@pytest.mark.parametrize("suffix", ["bam", "cram"])
@pytest.mark.parametrize(
    ("alone", "words"), [("A", ("--sample", "A")), ("B", ("--sample", "B")), ("A1", ("--read-group", "A1"))]
)
def test_a_sample_is_called_as_from_a_file_of_its_own(
    mixed: Mixed, tmp_path: Path, suffix: str, alone: str, words: tuple[str, ...]
) -> None:
    expected = lines_of(mixed, mixed.alone[alone], tmp_path / "x.vcf", *words)
    assert len(expected) > 20
    assert lines_of(mixed, getattr(mixed, suffix), tmp_path / "y.vcf", *words) == expected
    assert expected[0].endswith(f"\tFORMAT\t{alone[0]}")


def test_both_samples_are_an_error_and_a_name_is_just_a_name(
    mixed: Mixed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "--tech",
        "illumina-wgs",
        "--ref",
        mixed.reference,
        "--out",
        tmp_path / "x.vcf",
        "--device",
        "cpu",
    ]
    assert run("call", *words, "--reads", mixed.bam, "--sample-name", "A") == 2
    assert "The reads belong to 2 samples: A, B" in capsys.readouterr().err
    named = lines_of(mixed, mixed.alone["A"], tmp_path / "x.vcf", "--sample-name", "mine")
    same = lines_of(mixed, mixed.alone["A"], tmp_path / "y.vcf")
    assert (named[0].rsplit("\t", 1)[1], same[0].rsplit("\t", 1)[1]) == ("mine", "A")
    assert named[1:] == same[1:]


def test_python_recognition_and_show_look_at_the_sample_alone(mixed: Mixed, tmp_path: Path) -> None:
    options = {"device": "cpu", "regions": ["chrS:10,000-30,000"]}
    one = list(dvplug.call("auto", mixed.reference, mixed.bam, sample="B", **options))
    assert one == list(dvplug.call("auto", mixed.reference, mixed.alone["B"], sample="B", **options))
    assert one
    at = [f"{one[0].contig}:{one[0].start + 1}"]
    shown = [
        show_positions(at, CallOptions("illumina-wgs", mixed.reference, (reads,), "", sample="B")).sites[0]
        for reads in (mixed.bam, mixed.alone["B"])
    ]
    assert shown[0].record == shown[1].record == one[0]
    np.testing.assert_array_equal(shown[0].images[0].pixels, shown[1].images[0].pixels)


def test_platforms_are_those_of_the_sample(mixed: Mixed, tmp_path: Path) -> None:
    other = tmp_path / "other.bam"
    with pysam.AlignmentFile(str(mixed.bam)) as reads:
        changed = reads.header.to_dict()
        for group in changed["RG"]:
            group["PL"] = "ONT" if group["SM"] == "B" else "ILLUMINA"
        with pysam.AlignmentFile(str(other), "wb", header=changed) as out:
            for read in reads:
                out.write(read)
    pysam.index(str(other))
    check = partial(
        check_call, installed_plugins(), tech="illumina-wgs", reference=mixed.reference, reads=[other]
    )
    assert check(choice=SampleChoice("A")).sample == "A"
    with pytest.raises(InputError, match=r"contradicts .*@RG PL:ONT"):
        check(choice=SampleChoice("B"))


def test_examples_are_of_the_sample_alone(mixed: Mixed, dataset: SimulatedDataset, tmp_path: Path) -> None:
    def shard(reads: Path, *words: str) -> list[np.ndarray]:
        out = tmp_path / f"{reads.stem}.h5"
        given = ["--tech", "illumina-wgs", "--ref", mixed.reference, "--truth", dataset.truth, "--workers", 1]
        assert (
            run(
                "train",
                "examples",
                *given,
                "--confident",
                dataset.confident,
                "--reads",
                reads,
                "--out",
                out,
                *words,
            )
            == 0
        )
        with h5py.File(out) as file:
            return [file[name][:] for name in sorted(file)]

    for one, other in zip(
        shard(mixed.bam, "--sample", "B"), shard(mixed.alone["B"], "--sample", "B"), strict=True
    ):
        assert len(one) > 20
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("how", ["path", "link", "hard link", "copy", "dots"])
def test_a_file_that_is_given_twice_is_refused(mixed: Mixed, tmp_path: Path, how: str) -> None:
    bam, again = tmp_path / "a.bam", tmp_path / "b.bam"
    for suffix in ("", ".bai"):
        shutil.copy(f"{mixed.alone['A']}{suffix}", f"{bam}{suffix}")
        make = {"link": os.symlink, "hard link": os.link, "copy": shutil.copy}.get(how)
        if make:
            make(f"{bam}{suffix}", f"{again}{suffix}")
    again = {"path": bam, "dots": tmp_path / ".." / tmp_path.name / "a.bam"}.get(how, again)
    with (
        Reference.open(mixed.reference) as reference,
        pytest.raises(
            InputError, match=r"^\S*[ab]\.bam is (given twice|the same file as).*would count twice"
        ),
    ):
        preflight([bam, again], reference, [Region("chrS", 0, 60_000)], SampleChoice("A"))


def test_files_without_reads_may_be_alike(mixed: Mixed, tmp_path: Path) -> None:
    for name in "ab":
        with pysam.AlignmentFile(str(mixed.bam)) as reads:
            pysam.AlignmentFile(str(tmp_path / f"{name}.bam"), "wb", template=reads).close()
        pysam.index(str(tmp_path / f"{name}.bam"))
    paths = [mixed.bam, tmp_path / "a.bam", tmp_path / "b.bam"]
    with Reference.open(mixed.reference) as reference:
        assert len(preflight(paths, reference, [Region("chrS", 0, 60_000)], SampleChoice("A")).sources) == 3


def view(reads: Path, out: Path, *words: str | Path) -> Path:
    pysam.view("-o", str(out), *map(str, words), str(reads), catch_stdout=False)
    pysam.index(str(out))
    return out


def marked(reads: Path, out: Path) -> Path:
    """The same reads, as duplicates."""
    with (
        pysam.AlignmentFile(str(reads)) as given,
        pysam.AlignmentFile(str(out), "wb", template=given) as made,
    ):
        for read in given:
            read.flag |= pysam.FDUP
            made.write(read)
    pysam.index(str(out))
    return out


REWRITTEN: dict[str, Callable[[Mixed, Path], Path]] = {
    "CRAM": lambda mixed, to: view(mixed.alone["A"], to / "x.cram", "-C", "-T", mixed.reference),
    "with duplicates marked": lambda mixed, to: marked(mixed.alone["A"], to / "x.bam"),
    "half of the pairs": lambda mixed, to: view(mixed.alone["A"], to / "x.bam", "-b", "-s", "3.5"),
    "one read group": lambda mixed, _: mixed.alone["A1"],
    "all samples": lambda mixed, _: mixed.cram,
}


@pytest.mark.parametrize("how", REWRITTEN)
@pytest.mark.parametrize("turned", [False, True])
def test_files_that_hold_the_same_reads_are_refused(
    mixed: Mixed, tmp_path: Path, how: str, turned: bool
) -> None:
    paths = [mixed.alone["A"], REWRITTEN[how](mixed, tmp_path)]
    with (
        Reference.open(mixed.reference) as reference,
        pytest.raises(InputError, match=r"The reads of .* are in .*, too: .*they would count twice"),
    ):
        preflight(paths[::-1] if turned else paths, reference, [Region("chrS", 0, 60_000)], SampleChoice("A"))


def test_part_of_a_file_is_refused_beside_it(mixed: Mixed, tmp_path: Path) -> None:
    part = tmp_path / "part.bam"
    pysam.view("-b", "-o", str(part), str(mixed.alone["A"]), "chrS:20000-30000", catch_stdout=False)
    pysam.index(str(part))
    with (
        Reference.open(mixed.reference) as reference,
        pytest.raises(InputError, match=r"The reads of .*part\.bam are in .*A\.bam, too"),
    ):
        preflight([mixed.alone["A"], part], reference, [Region("chrS", 0, 60_000)], SampleChoice("A"))


def test_parts_that_share_the_reads_at_their_ends_are_warned_of(
    mixed: Mixed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for name, where in (("x", "chrS:1-30000"), ("y", "chrS:30001-60000")):
        paths.append(tmp_path / f"{name}.bam")
        pysam.view("-b", "-o", str(paths[-1]), str(mixed.alone["A"]), where, catch_stdout=False)
        pysam.index(str(paths[-1]))
    with Reference.open(mixed.reference) as reference:
        found = preflight(paths, reference, [Region("chrS", 0, 60_000)], SampleChoice("A"))
    assert len(found.sources) == 2
    assert re.search(
        r"warning: some reads of .*y\.bam are in .*x\.bam, too, and count twice",
        flat(capsys.readouterr().err),
    )


def flat(text: str) -> str:
    return " ".join(text.split())


def test_files_that_share_reads_of_others_or_none_are_read(mixed: Mixed, tmp_path: Path) -> None:
    """Of B alone, which is in the file of both, none counts; lanes, and chromosomes, have none in common."""
    first = view(mixed.alone["A"], tmp_path / "first.bam", "-b", "-d", "RG:A1")
    second = view(mixed.alone["A"], tmp_path / "second.bam", "-b", "-d", "RG:A2")
    with Reference.open(mixed.reference) as reference:
        for paths in ([mixed.bam, mixed.alone["B"]], [first, second]):
            found = preflight(paths, reference, [Region("chrS", 0, 60_000)], SampleChoice("A"))
            assert len(found.sources) == 2


SMALL = SHARED / "small"


@pytest.mark.skipif(not SMALL.is_dir(), reason="small failing inputs are absent")
@pytest.mark.parametrize(
    ("name", "sample"), [("two_rg_one_used", None), ("two_samples", "A"), ("two_samples", "B")]
)
def test_headers_of_two_samples(tmp_path: Path, name: str, sample: str | None) -> None:
    with Reference.open(SMALL / "r.fa") as reference:
        found = preflight([SMALL / f"{name}.bam"], reference, [Region("c", 0, 12_000)], SampleChoice(sample))
        assert found.sample == (sample or "A")
        with OpenedReads.open(found.sources[0], reference.path).alignments as alignments:
            batch = fetch_reads(
                [OpenedReads(alignments, found.sources[0].groups)], Region("c", 0, 12_000), ReadFilter()
            )
    group = {"A": "1", "B": "2"}[found.sample]
    assert len(batch) == int(
        pysam.view("-c", "-F", "0xF04", "-q", "5", "-d", f"RG:{group}", str(SMALL / f"{name}.bam"))
    )
