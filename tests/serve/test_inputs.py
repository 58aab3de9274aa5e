"""What is laid into the folder of a run: names of ours, links to what lies here, a reference out of a tar."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import pytest

from dvplug.errors import DvplugError
from dvplug.serve.errors import ServiceError
from dvplug.serve.inputs import LaidInputs, Transfer, lay_inputs, missing_indexes
from dvplug.serve.places import Places, confined
from dvplug.serve.requests import RunRequest
from dvplug.serve.settings import ServiceSettings
from dvplug.serve.transfer import TransferLimits
from dvplug.serve.uploads import Uploads
from dvplug.simulate import SimulatedDataset

TRANSFER = Transfer(TransferLimits(max_bytes=10**8), lambda: False, lambda *_: None)
FASTA = b">c\nACGT\n"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places.of(ServiceSettings(tmp_path / "data"))


def _lay(places: Places, tmp_path: Path, **request: object) -> LaidInputs:
    return lay_inputs(RunRequest.model_validate(request), tmp_path / "run", places, "", TRANSFER)


def test_indexes_are_found_by_either_name(places: Places, dataset: SimulatedDataset, tmp_path: Path) -> None:
    for name in ("reads.bam", "reference.fa", "reference.fa.fai"):
        (places.files / name).write_bytes((dataset.reference.parent / name).read_bytes())
    (places.files / "reads.bai").write_bytes((dataset.reference.parent / "reads.bam.bai").read_bytes())
    laid = _lay(places, tmp_path, reads=["reads.bam", "reads.bam"], ref="reference.fa")
    assert laid == LaidInputs("inputs/reference.fa", ("inputs/reads-1.bam", "inputs/reads-2.bam"))
    assert not missing_indexes(tmp_path / "run", laid)
    assert (tmp_path / "run/inputs/reads-1.bam.bai").resolve() == places.files / "reads.bai"
    assert _lay(places, tmp_path, reads=["not looked at"], ref="again") == laid


def test_an_index_that_is_missing_is_named(places: Places, dataset: SimulatedDataset, tmp_path: Path) -> None:
    for name in ("reads.bam", "reference.fa"):
        (places.files / name).write_bytes((dataset.reference.parent / name).read_bytes())
    laid = _lay(places, tmp_path, reads=["reads.bam"], ref="reference.fa")
    assert missing_indexes(tmp_path / "run", laid) == [laid.ref, *laid.reads]


def test_an_upload_that_is_thrown_away_is_there_for_runs_that_have_it(places: Places, tmp_path: Path) -> None:
    uploads = Uploads(ServiceSettings(places.data, least_free=0), places)
    upload = uploads.begin("", "x.fa", len(FASTA))
    uploads.path(upload).write_bytes(FASTA)
    (places.files / "reads.bam").write_bytes(b"BAM")
    laid = _lay(places, tmp_path, reads=["reads.bam"], ref=f"upload:{upload.id}")
    uploads.remove(upload)
    assert (tmp_path / "run" / laid.ref).read_bytes() == FASTA
    with pytest.raises(ServiceError, match="is not there"):
        lay_inputs(
            RunRequest(reads=["reads.bam"], ref=f"upload:{upload.id}"),
            tmp_path / "other",
            places,
            "",
            TRANSFER,
        )


@pytest.mark.parametrize("field", ["tech", "father", "mother"])
@pytest.mark.parametrize(
    "more", ["\nstolen\t/etc/reads.bam", "\tmale\t\t\t/etc/model", '"', "\r\nx\ty", '"\n"']
)
def test_no_word_of_a_client_makes_a_cell_or_a_line_of_the_sheet(
    places: Places, tmp_path: Path, field: str, more: str
) -> None:
    for name in ("reads.bam", "reference.fa"):
        (places.files / name).write_bytes(FASTA)
    samples = [
        {"sample": '"a', "reads": ["reads.bam"], field: f"word{more}"},
        {"sample": "b", "reads": ["reads.bam"]},
    ]
    laid = _lay(places, tmp_path, samples=samples, ref="reference.fa")
    assert laid.sheet is not None
    with (tmp_path / "run" / laid.sheet).open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [(one["sample"], one["reads"], one["model"]) for one in rows] == [
        ('"a', "inputs/s1-reads-1.bam", ""), ("b", "inputs/s2-reads-1.bam", ""),
    ]  # fmt: skip
    assert rows[0][field] == f"word{more}"


def test_uploads_of_others_and_unfinished_ones_are_no_inputs(places: Places, tmp_path: Path) -> None:
    uploads = Uploads(ServiceSettings(places.data, least_free=0), places)
    (places.files / "reads.bam").write_bytes(b"BAM")
    for owner, content, says in (("ben", FASTA, "is not there"), ("", FASTA[:3], "is not complete")):
        upload = uploads.begin(owner, "x.fa", len(FASTA))
        uploads.path(upload).write_bytes(content)
        with pytest.raises(ServiceError, match=says):
            _lay(places, tmp_path, reads=["reads.bam"], ref=f"upload:{upload.id}")


def _tar(path: Path, *members: tuple[str, bytes], mode: str = "w:gz") -> None:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_reference_is_taken_out_of_a_tar(places: Places, tmp_path: Path, mode: str) -> None:
    _tar(places.files / "ref.tar", ("Ref/Homo.fasta", FASTA), ("Ref/Homo.fasta.fai", b"c\t4\t3\t4\t5\n"),
         ("Ref/Homo.fasta.bwt", b"x"), ("Ref/Homo.dict", b"y"), mode=mode)  # fmt: skip
    (places.files / "reads.bam").write_bytes(b"BAM")
    laid = _lay(places, tmp_path, reads=["reads.bam"], ref_tarball="ref.tar")
    assert (tmp_path / "run" / laid.ref).read_bytes() == FASTA
    assert (tmp_path / "run" / f"{laid.ref}.fai").read_bytes() == b"c\t4\t3\t4\t5\n"
    assert not list((tmp_path / "run").rglob("*.bwt"))


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([("a.txt", b"x")], "it holds no FASTA"),
        ([("a.fa", FASTA), ("b.fa", FASTA)], "it holds two: a.fa and b.fa"),
        ([("a.fa", FASTA), ("b.fa.gz", FASTA)], "it holds a.fa, b.fa.gz"),
    ],
)
def test_another_tar_is_refused(
    places: Places, tmp_path: Path, members: list[tuple[str, bytes]], says: str
) -> None:
    _tar(places.files / "ref.tar", *members)
    with pytest.raises(DvplugError, match=says):
        _lay(places, tmp_path, reads=["reads.bam"], ref_tarball="ref.tar")


def test_links_and_names_in_a_tar_lead_nowhere(places: Places, tmp_path: Path) -> None:
    (tmp_path / "secret.fa").write_bytes(b">secret\nA\n")
    with tarfile.open(places.files / "ref.tar", "w") as tar:
        link = tarfile.TarInfo("a.fa")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.fa")
        tar.addfile(link)
        out = tarfile.TarInfo("../../../escaped.fa")
        out.size = len(FASTA)
        tar.addfile(out, io.BytesIO(FASTA))
    (places.files / "reads.bam").write_bytes(b"BAM")
    laid = _lay(places, tmp_path, reads=["reads.bam"], ref_tarball="ref.tar")
    assert (tmp_path / "run" / laid.ref).read_bytes() == FASTA
    assert not list(tmp_path.rglob("escaped.fa"))


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/..", "../x", "/x", "a//x", "x\0", "a\\x", "x" * 5000, "folder"]
)
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "in" / "folder").mkdir(parents=True)
    (tmp_path / "x").write_text("secret")
    with pytest.raises(ServiceError, match="There is no file"):
        confined(tmp_path / "in", name)


def test_what_has_no_room_is_not_unpacked(places: Places, tmp_path: Path) -> None:
    def full(name: str, done: int) -> None:
        if done > 1_000_000:
            raise DvplugError(f"There is no room for {name}", repair="Remove runs.")

    _tar(places.files / "ref.tar", ("a.fa", b">c\n" + b"A" * 50_000_000))
    (places.files / "reads.bam").write_bytes(b"BAM")
    request = RunRequest(reads=["reads.bam"], ref_tarball="ref.tar")
    transfer = Transfer(TransferLimits(max_bytes=10**8), lambda: False, full)
    with pytest.raises(DvplugError, match=r"There is no room for reference\.fa"):
        lay_inputs(request, tmp_path / "run", places, "", transfer)
    assert (tmp_path / "run/inputs/reference.fa").stat().st_size < 3_000_000
