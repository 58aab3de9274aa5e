"""What commands write: together or not at all, where links lead, never over an input, with the user's permissions."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug.calling.journal import journal_path
from dvplug.errors import InputError
from dvplug.report import calls
from dvplug.simulate import SimulatedDataset
from dvplug.system.outputs import locked
from helpers.command import call_words, run, run_captured

DVPLUG = [sys.executable, "-c", "from dvplug.cli import main; main()"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def words(dataset: SimulatedDataset, tmp_path: Path) -> list[str]:
    """A call of a small region that writes all that there is."""
    more = ["--workers", "1", "--regions", "chrS:1-3000", "--gvcf", str(tmp_path / "x.g.vcf.gz")]
    return call_words(dataset, tmp_path / "x.vcf.gz", *more, "--report", tmp_path / "x.html")


OUTPUTS = ["x.g.vcf.gz", "x.g.vcf.gz.tbi", "x.html", "x.vcf.gz", "x.vcf.gz.tbi"]


def test_all_outputs_come_together(words: list[str], tmp_path: Path) -> None:
    for name in OUTPUTS:
        (tmp_path / name).write_text("old")
    (tmp_path / "x.vcf.gz.csi").write_text("an index of what is replaced")
    assert run(*words) == 0
    found = contents(tmp_path)
    assert sorted(found) == OUTPUTS
    assert b"old" not in found.values()


@pytest.mark.parametrize("broken", ["report", "the last file"])
def test_one_that_fails_leaves_all_as_they_were(
    words: list[str], tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for name in OUTPUTS:
        (tmp_path / name).write_text(f"old {name}")
    before, whole = contents(tmp_path), Path.replace

    def no_report(*args: object, **more: object) -> None:
        raise InputError("no report", repair="None.")

    def full(self: Path, target: Path) -> Path:
        if Path(target).name == "x.g.vcf.gz.tbi" and not self.name.endswith(".old"):
            raise OSError(28, "No space left on device", str(self), None, str(target))
        return whole(self, target)

    with monkeypatch.context() as patch:
        if broken == "report":
            patch.setattr(calls, "call_report", no_report)
        else:
            patch.setattr(Path, "replace", full)
        code, _, said = run_captured(capsys, *words)
    assert code == 2
    assert ("no report" if broken == "report" else "x.g.vcf.gz.tbi cannot be written: No space left") in said
    assert "with --resume, once that is mended, goes on" in said
    journal = journal_path(tmp_path / "x.vcf.gz").name
    now = contents(tmp_path)
    assert now.pop(journal)
    assert now == before
    assert run(*words, "--resume") == 0
    assert sorted(contents(tmp_path)) == OUTPUTS


def test_links_stay_and_what_they_lead_to_is_written(dataset: SimulatedDataset, tmp_path: Path) -> None:
    real, link = tmp_path / "disk" / "real.vcf", tmp_path / "x.vcf"
    real.parent.mkdir()
    link.symlink_to(real)
    assert run(*call_words(dataset, link, "--workers", 1, "--regions", "chrS:1-3000")) == 0
    assert link.is_symlink()
    assert real.read_text().startswith("##fileformat=VCF")
    assert [path.name for path in real.parent.iterdir()] == ["real.vcf"]
    assert run("report", link, "--out", tmp_path / "r.html") == 0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--gvcf", "./x.vcf"], "--gvcf x.vcf and --out x.vcf are one file"),
        (["--gvcf", "same/x.vcf"], "--gvcf same/x.vcf and --out x.vcf are one file"),
        (["--log-json", "reads.bam"], "--log-json reads.bam and the input reads.bam are one file"),
        (["--log-json", "reads.bam.bai"], "and the input reads.bam.bai are one file"),
        (["--log-json", ".x.vcf.dvplug-journal"], "are one file"),
        (["--report", "page.html", "--log-json", "page.html"], "are one file"),
        (["--gvcf", "nowhere/x.g.vcf"], "Folder nowhere of --gvcf does not exist"),
        (["--gvcf", "same"], "--gvcf same has an unknown format"),
    ],
)
def test_places_that_clash_are_refused_before_anything_is_read(
    more: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("reads.bam", "reads.bam.bai"):
        Path(name).write_text("as it was")
    Path("same").symlink_to(".")
    given = [
        "call",
        "--tech",
        "illumina-wgs",
        "--ref",
        "not-there.fa",
        "--reads",
        "reads.bam",
        "--out",
        "x.vcf",
    ]
    code, _, said = run_captured(capsys, *given, *more)
    assert code == 2
    assert says in said
    assert ("not-there.fa" in said) == (
        "one file" not in says
    )  # what else is wrong is told with it, but no log begun
    assert set(contents(tmp_path).values()) == {b"as it was"}


def test_two_runs_do_not_share_a_gvcf(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished = tmp_path / ".x.g.vcf.gz.01234567.vcf.gz"
    unfinished.write_text("of the other run")
    with locked(tmp_path / "x.g.vcf.gz"):
        code, _, said = run_captured(capsys, *words)
        assert code == 2
        assert "x.g.vcf.gz is being written by another process" in said
        assert unfinished.exists()
    assert run(*words) == 0
    assert sorted(contents(tmp_path)) == OUTPUTS


@pytest.fixture(params=[0o027, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_files_have_the_permissions_that_the_user_wants(
    words: list[str], dataset: SimulatedDataset, tmp_path: Path, umask: int
) -> None:
    compared = ["--truth", dataset.truth, "--query", tmp_path / "x.vcf.gz", "--confident", dataset.confident]
    more = [
        "--ref",
        dataset.reference,
        "--out-dir",
        tmp_path / "judged",
        "--report",
        tmp_path / "judged.html",
    ]
    assert run(*words, "--log-json", tmp_path / "log.jsonl") == 0
    assert run("evaluate", *compared, *more) == 0
    assert run("plugins", "new", "my-own", "--folder", tmp_path) == 0
    made = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(made) > len(OUTPUTS) + 8
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o666 & ~umask}


def test_an_evaluation_that_fails_leaves_nothing_new(
    words: list[str], dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run(*words) == 0
    judged = tmp_path / "judged"
    given = ["evaluate", "--truth", dataset.truth, "--query", tmp_path / "x.vcf.gz", "--confident"]
    given += [
        dataset.confident,
        "--ref",
        dataset.reference,
        "--out-dir",
        judged,
        "--report",
        tmp_path / "j.html",
    ]

    def no_report(*args: object) -> bytes:
        raise InputError("no report", repair="None.")

    with monkeypatch.context() as patch:
        patch.setattr("dvplug.report.evaluation.evaluation_report", no_report)
        assert run_captured(capsys, *given)[0] == 2
    assert not judged.exists()
    assert run(*given) == 0
    names = sorted(f"{kind}.vcf.gz{index}" for kind in ("tp", "fp", "fn") for index in ("", ".tbi"))
    assert sorted(contents(judged)) == names
    (judged / "tp.vcf.gz").write_bytes(b"old")
    code, _, said = run_captured(capsys, *given[:4], judged / "tp.vcf.gz", *given[5:])
    assert (code, "--out-dir" in said, "are one file" in said) == (2, True, True)
    assert contents(judged)["tp.vcf.gz"] == b"old"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["plugins", "new", "my-own", "--folder", "nowhere"], "Folder nowhere does not exist"),
        (["registry", "export", "x", "--out", "nowhere/x"], "Folder nowhere of --out does not exist"),
        (["demo", "file"], "file is a file"),
        (["evaluate", "--out-dir", "file", "--truth", "t", "--query", "q", "--confident", "c", "--ref", "r"],
         "--out-dir file is a file"),
        (["train", "examples", "--out", "nowhere/x.h5", "--tech", "illumina-wgs", "--ref", "r", "--reads", "b",
          "--truth", "t", "--confident", "c"], "Folder nowhere of --out does not exist"),
        (["train", "examples", "--out", "file", "--tech", "illumina-wgs", "--ref", "r", "--reads", "file",
          "--truth", "t", "--confident", "c"], "--out file and the input file are one file"),
        (["show", "--at", "c:1", "--out", "nowhere/x.png", "--tech", "illumina-wgs", "--ref", "r", "--reads", "b"],
         "Folder nowhere of --out does not exist"),
        (["report", "file", "--out", "nowhere/x.html"], "Folder nowhere of --out does not exist"),
        (["registry", "init", "file/sub", "--keys", "keys"], "registry in file/sub with keys in keys cannot be"),
        (["train", "fit", "file", "--tune", "file", "--out", "file/sub"], "file"),
    ],
)  # fmt: skip
def test_every_command_refuses_a_place_before_it_begins(
    given: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "home"))
    Path("file").write_text("as it was")
    code, _, said = run_captured(capsys, *given)
    assert code == 2, said
    assert says in " ".join(said.split())
    assert contents(tmp_path) == {"file": b"as it was"}
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_option_of_a_file_that_is_not_written_is_refused(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run_captured(capsys, *call_words(dataset, tmp_path / "x.vcf", "--non-ref"))
    assert (code, list(tmp_path.iterdir())) == (2, [])
    assert "--non-ref is of a gVCF, and none is written. Give --gvcf, too." in err
