"""VCF files, judged by bcftools."""

import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.errors import InputError
from dvplug.line.record import Note, VcfRecord
from dvplug.records.vcf import VcfWriter, format_in_both, format_record, header
from helpers.generated_sites import called_records, generated_sites

needs_bcftools = pytest.mark.skipif(not shutil.which("bcftools"), reason="bcftools is not installed")
RECORD = VcfRecord(
    "c", 9, "A", ("C", "AT"), 31.2, "PASS", (1, 2), 17, 30, (3, 15, 12), (0.5, 0.4), (40, 9, 3, 2, 0, 1)
)


def head(length=100_000, sample="HG002"):
    return header(
        {"c": length, "HLA-A*01:01": 40},
        sample,
        reference="folder/genome.fa.gz",
        command="dvplug call --reads a.bam\n --out x",
        model="illumina-wgs@1.0.0",
        model_sha256="ab" * 32,
        plugins={"dvplug-x": "2.0", "dvplug": "0.1.0"},
    )


def bcftools(*arguments):
    done = subprocess.run(["bcftools", *map(str, arguments)], capture_output=True, text=True, check=True)
    assert "[W::" not in done.stderr, done.stderr
    assert "[E::" not in done.stderr, done.stderr
    return done.stdout


def body(text):
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_a_record_line():
    assert format_record(RECORD) == (
        "c\t10\t.\tA\tC,AT\t31.2\tPASS\t.\tGT:GQ:DP:AD:VAF:PL\t1/2:17:30:3,15,12:0.5,0.4:40,9,3,2,0,1\n"
    )


@pytest.mark.parametrize(
    ("ref", "alts", "told"),
    [
        ("A", ("A" + "C" * 49,), "."),
        ("A", ("A" + "C" * 50,), "SVTYPE=INS;SVLEN=50"),
        ("A" * 61, ("A", "A" * 62), "SVTYPE=DEL;SVLEN=-60,1"),
        ("A" * 100, ("C" * 100,), "."),
    ],
)
def test_long_indels_have_type_and_lengths(ref, alts, told):
    record = RECORD._replace(ref=ref, alts=alts)
    assert format_record(record).split("\t")[7] == told
    with_symbol = f"{told},." if told != "." else told
    assert format_record(record, "<*>").split("\t")[7] == with_symbol
    proposed = format_record(record._replace(proposed=(0,))).split("\t")[7]
    assert proposed == ("PROPOSED" if told == "." else f"PROPOSED;{told}")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"ref": "A" * 61, "alts": ("A", "A" * 62), "proposed": (1,), "phased": True, "phase_set": 7},
        {"notes": (Note("INFO", "X", "A", ("1", "2")), Note("FORMAT", "Y", "1", ("3",)))},
        {"gt": (), "pl": (0, 9, 20)},
    ],
)
def test_lines_for_both_files_are_those_for_each(changes):
    record = RECORD._replace(**changes)
    assert format_in_both(record, "<*>") == (format_record(record), format_record(record, "<*>"))


def test_the_header_says_what_was_run_and_no_date(tmp_path):
    text = head()
    assert text == head()
    for line in (
        '##dvplugModel=<ID=illumina-wgs@1.0.0,SHA256="' + "ab" * 32 + '">',
        '##dvplugPlugin=<ID=dvplug,Version="0.1.0">',
        "##dvplugCommand=dvplug call --reads a.bam --out x",
        "##reference=genome.fa.gz",
        "##contig=<ID=HLA-A*01:01,length=40>",
    ):
        assert line in text.splitlines()
    assert "date" not in text.lower()
    path = tmp_path / "a.vcf"
    path.write_text(text)
    with pysam.VariantFile(str(path)) as vcf:
        assert list(vcf.header.samples) == ["HG002"]
        assert list(vcf.header.filters) == ["PASS", "RefCall", "LowQual", "LowGQ", "NoCall"]
        assert list(vcf.header.formats) == ["GT", "GQ", "DP", "AD", "VAF", "PL"]


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


@given(NAMES, NAMES, NAMES, NAMES)
def test_no_name_makes_a_line_or_a_field_of_the_header(name, version, file, word):
    plain = head().count("\n")
    text = header(
        {"c": 5}, "s", reference=f"x/{file}y", command=f"dvplug call {word} --end", model="m@1.0.0",
        model_sha256="ab", plugins={name: version},
    )  # fmt: skip
    assert text.count("\n") == plain - 2  # a plugin and a contig fewer
    lines = text.splitlines()
    assert len(lines) == text.count("\n")
    assert all(line.startswith("##") for line in lines[:-1])
    assert lines[-1].count("\t") == 9
    (plugin,) = (line for line in lines if line.startswith("##dvplugPlugin"))
    found = re.fullmatch(r'##dvplugPlugin=<ID=([^"<>,=\\]*),Version="([^"<>,=\\]*)">', plugin)
    assert [unquote(part) for part in found.groups()] == [unquote(part) for part in (name, version)]
    (command,) = (line for line in lines if line.startswith("##dvplugCommand"))
    assert command.endswith(" --end")


@needs_bcftools
@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_bcftools_agrees_with_every_record(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("vcf")
    reference, arguments = generated_sites(seed)
    records = called_records(arguments)
    (folder / "ref.fa").write_text(f">c\n{reference}\n>HLA-A*01:01\n{'A' * 40}\n")
    pysam.faidx(str(folder / "ref.fa"))
    path = folder / "out.vcf.gz"
    with VcfWriter(path, head(len(reference))) as writer:
        writer.write(records)
    lines = body(bcftools("view", path))
    assert lines == [format_record(record).rstrip("\n") for record in records]
    # Left-aligned candidates must come out minimal, with the reference's bases: nothing to normalise.
    assert body(bcftools("norm", "-c", "e", "-f", folder / "ref.fa", path)) == lines
    # Genotypes that bcftools derives from PL are the called ones (their best PL is 0).
    for record, called in zip(
        records, bcftools("query", "-f", "[%GT\t%PL]\n", path).splitlines(), strict=True
    ):
        gt, pl = called.split("\t")
        a, b = map(int, gt.split("/"))
        assert pl.split(",")[b * (b + 1) // 2 + a] == "0"
        assert len(pl.split(",")) == (len(record.alts) + 1) * (len(record.alts) + 2) // 2
    counts = bcftools("stats", path)
    assert f"number of records:\t{len(records)}\n" in counts
    middle = records[len(records) // 2]
    found = body(bcftools("view", "-r", f"c:{middle.start + 1}-{middle.start + 1}", path))
    assert format_record(middle).split("\t")[:5] in [line.split("\t")[:5] for line in found]


@pytest.mark.parametrize(("length", "suffix"), [(2**29, ".tbi"), (2**29 + 1, ".csi")])
def test_the_index_fits_the_longest_contig(tmp_path, length, suffix):
    path = tmp_path / "out.vcf.gz"
    for old in (".tbi", ".csi"):
        (tmp_path / f"out.vcf.gz{old}").write_text("of an older run")
    far = RECORD._replace(start=length - 5)
    with VcfWriter(path, head(length)) as writer:
        writer.write([RECORD, far])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.vcf.gz", f"out.vcf.gz{suffix}"]
    with pysam.VariantFile(str(path)) as vcf:
        assert [r.start for r in vcf.fetch("c", length - 10, length)] == [length - 5]


def test_no_records_are_a_whole_file_too(tmp_path):
    path = tmp_path / "out.vcf.gz"
    VcfWriter(path, head()).close()
    with pysam.VariantFile(str(path)) as vcf:
        assert list(vcf.fetch("c")) == []


@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz"])
def test_the_same_records_are_the_same_bytes(tmp_path, name):
    contents = []
    for folder in (tmp_path / "1", tmp_path / "2"):
        folder.mkdir()
        with VcfWriter(folder / name, head()) as writer:
            writer.write([RECORD])
            if folder.name == "1":
                writer.write([RECORD._replace(start=20)])
            else:
                writer.write_text(format_record(RECORD._replace(start=20)))
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
    assert contents[0] == contents[1]


@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz"])
def test_a_failure_leaves_what_was_there(tmp_path, name):
    path = tmp_path / name
    with VcfWriter(path, head()) as writer:
        writer.write([RECORD])
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with suppress(KeyboardInterrupt), VcfWriter(path, head()) as writer:
        writer.write([RECORD])
        assert len(list(tmp_path.iterdir())) > len(before)
        raise KeyboardInterrupt
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_unsorted_records_are_never_moved_in(tmp_path):
    writer = VcfWriter(tmp_path / "out.vcf.gz", head())
    writer.write([RECORD._replace(start=50), RECORD])
    with pytest.raises(InputError, match=r"out.vcf.gz cannot be written: .*index"):
        writer.close()
    assert list(tmp_path.iterdir()) == []


def test_places_that_cannot_be_written_are_refused_at_once(tmp_path):
    (tmp_path / "dir.vcf").mkdir()
    for path, message in [
        (tmp_path / "nowhere" / "out.vcf", r"Folder .*nowhere of --out does not exist"),
        (tmp_path / "dir.vcf", r"dir.vcf is a folder"),
        (tmp_path / "out.bcf", r"out.bcf has an unknown format: .*\.vcf\.gz"),
        (tmp_path / ("x" * 240 + ".vcf"), r"cannot be written: File name too long"),
        (tmp_path / ("x" * 240 + ".vcf.gz"), r"cannot be written: .*File name too long"),
    ]:
        with pytest.raises(InputError, match=message):
            VcfWriter(path, head())
    assert [p.name for p in tmp_path.iterdir()] == ["dir.vcf"]


def test_stdout_is_text(capsys):
    with VcfWriter("-", head()) as writer:
        writer.write([RECORD])
    assert capsys.readouterr().out == head() + format_record(RECORD)


@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz"])
def test_files_have_the_permissions_of_other_files(tmp_path, name):
    (tmp_path / "other").write_text("")
    VcfWriter(tmp_path / name, head()).close()
    assert (tmp_path / name).stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz"])
def test_a_full_disk_is_said_and_leaves_nothing(tmp_path, name, monkeypatch):
    monkeypatch.setattr(Path, "touch", lambda self, **_: self.symlink_to("/dev/full"))
    writer = VcfWriter(tmp_path / name, head())
    with pytest.raises(InputError, match=rf"{name} cannot be written: .*free space"):
        writer.write([RECORD] * 20_000)
    assert list(tmp_path.iterdir()) == []
