"""Places of outputs: compared, tried and locked before any work; files that appear together or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.system.outputs import (
    BAM_SUFFIXES,
    VCF_SUFFIXES,
    Output,
    Together,
    locked,
    made_folder,
    require_apart,
    require_writable,
    reserved,
)
from dvplug_registry.files import Move, move_in


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }


def output(path: Path, option: str = "--out") -> Output:
    return Output(option, path, (".vcf.gz", ".vcf"))


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Two spellings of many files; the second is another name of the first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "there.vcf").touch()
    (tmp_path / "hard.vcf").hardlink_to(tmp_path / "there.vcf")
    (tmp_path / "link.vcf").symlink_to("there.vcf")
    (tmp_path / "dangling.vcf").symlink_to("folder/new.vcf")
    (tmp_path / "linked").symlink_to("folder")
    return {
        "./x.vcf": Path("x.vcf"),
        "folder/../x.vcf": Path("x.vcf"),
        str(tmp_path / "x.vcf"): Path("x.vcf"),
        "hard.vcf": Path("there.vcf"),
        "link.vcf": Path("there.vcf"),
        "dangling.vcf": Path("folder/new.vcf"),
        "linked/y.vcf": Path("folder/y.vcf"),
    }


def test_one_file_under_two_names_is_seen(names: dict[str, Path]) -> None:
    for one, other in names.items():
        with pytest.raises(InputError, match=r"--gvcf .* and --out .* are one file: both are /"):
            require_apart([output(Path(one)), output(other, "--gvcf")])
        require_apart([output(Path(one)), output(other.with_suffix(".vcf.gz"), "--gvcf")])


def test_an_output_that_is_an_input_or_its_index_is_refused(tmp_path: Path) -> None:
    reads = tmp_path / "r.vcf.gz"
    for path in (reads, Path(f"{reads}.tbi"), tmp_path / "r.bai"):
        path.touch()
    for path in (reads, tmp_path / "." / "r.vcf.gz", Path(f"{reads}.tbi")):
        with pytest.raises(InputError, match=r"--log-json .* and the input .*r\.vcf\.gz.* are one file"):
            require_apart([Output("--log-json", path, appended=True)], [reads])
    with pytest.raises(InputError, match=r"--out .* are one file"):  # whose index would take that one's place
        require_apart([output(reads)], [Path(f"{reads}.tbi")])
    require_apart([output(tmp_path / "s.vcf.gz")], [reads, "https://x.org/s.vcf.gz"])


def test_places_that_cannot_be_are_refused_before_the_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.vcf")
    (tmp_path / "null.vcf").symlink_to("/dev/null")
    (tmp_path / "astray.vcf").symlink_to("nowhere/x.vcf")
    (tmp_path / "round.vcf").symlink_to("round.vcf")
    for name, message in [
        ("nowhere/x.vcf", "Folder .*nowhere of --out does not exist"),
        ("astray.vcf", "Folder .*nowhere of --out does not exist"),
        ("fifo.vcf", "fifo.vcf is no plain file"),
        ("null.vcf", "null.vcf is no plain file"),
        ("x.bcf", r"x.bcf has an unknown format: .* End it in .vcf.gz or .vcf"),
    ]:
        with pytest.raises(InputError, match=message), reserved([output(tmp_path / name)]):
            pytest.fail("it was entered")
    assert Path("/dev/null").is_char_device()
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    ("name", "suffixes", "index"),
    [("x.vcf.gz", VCF_SUFFIXES, "tbi"), ("x.vcf.gz", VCF_SUFFIXES, "csi"), ("x.bam", BAM_SUFFIXES, "bai")],
)
def test_a_folder_where_an_index_belongs_stays(
    tmp_path: Path, name: str, suffixes: tuple[str, ...], index: str
) -> None:
    kept = tmp_path / f"{name}.{index}" / "kept"
    kept.parent.mkdir()
    kept.touch()
    with pytest.raises(InputError, match=rf"has its index in \S*{name}.{index}, which is no plain file"):
        require_writable(Output("--out", tmp_path / name, suffixes))
    (tmp_path / "made").touch()
    for moves, obsolete in (([Move(tmp_path / "made", kept.parent)], []), ([], [kept.parent])):
        with pytest.raises(IsADirectoryError):
            move_in(moves, obsolete)
    assert kept.exists()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_place_is_locked_whatever_its_name_and_option(tmp_path: Path) -> None:
    (tmp_path / "link.vcf").symlink_to("x.vcf")
    code = (
        "import sys\nfrom pathlib import Path\nfrom dvplug.system.outputs import Output, reserved\n"
        "with reserved([Output('--out', Path(sys.argv[1]))]): print('locked', flush=True); sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "x.vcf")]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "locked\n"
        unfinished = tmp_path / ".x.vcf.01234567.vcf"  # of the other
        unfinished.touch()
        for name in ("x.vcf", "link.vcf"):
            with (
                pytest.raises(
                    InputError, match=rf"{name} is being written by another process: .*Wait for it"
                ),
                reserved([output(tmp_path / name, "--gvcf")]),
            ):
                pytest.fail("it was entered")
        assert unfinished.exists()
        other.stdin.close()
    with reserved([output(tmp_path / "link.vcf")]):
        assert not unfinished.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.vcf"]


def test_what_killed_processes_left_of_a_file_and_of_its_index_goes(tmp_path: Path) -> None:
    left = [".x.vcf.gz.01234567.vcf.gz", ".x.vcf.gz.01234567.vcf.gz.tbi", ".x.vcf.gz.89abcdef.old"]
    left += [f".x.vcf.gz{index}.01234567.{what}" for index in (".tbi", ".csi") for what in ("part", "old")]
    others = [
        "x.vcf.gz",
        "x.vcf.gz.tbi",
        ".x.vcf.gz.bak",
        ".y.vcf.gz.tbi.01234567.part",
        ".x.vcf.01234567.part",
    ]
    for name in (*left, *others):
        (tmp_path / name).touch()
    with reserved([output(tmp_path / "x.vcf.gz")]):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


def test_threads_do_not_share_a_place(tmp_path: Path) -> None:
    said: list[str] = []

    def second() -> None:
        with pytest.raises(InputError, match="written by another process"), locked(tmp_path / "x"):
            pass
        said.append("refused")

    with locked(tmp_path / "x"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert said == ["refused"]
    with locked(tmp_path / "x"):
        pass


def test_files_come_together_through_links_with_their_indexes(tmp_path: Path) -> None:
    folder, data = tmp_path / "here", tmp_path / "data"
    folder.mkdir()
    data.mkdir()
    (folder / "x.vcf.gz").symlink_to(data / "x.vcf.gz")
    for old in ("x.vcf.gz", "x.vcf.gz.csi"):
        (data / old).write_text("old")
    with Together() as group:
        made = group.begin(folder / "x.vcf.gz", ".vcf.gz")
        made.write_text("new")
        Path(f"{made}.tbi").write_text("index")
        group.take_index(Path(f"{made}.tbi"), folder / "x.vcf.gz", ".tbi")
        group.write(folder / "x.html", b"page")
        assert (folder / "x.vcf.gz").read_text() == "old"
    assert (folder / "x.vcf.gz").is_symlink()
    assert contents(data) == {"x.vcf.gz": "new", "x.vcf.gz.tbi": "index"}
    assert contents(folder) == {"x.vcf.gz": "new", "x.vcf.gz.tbi": "index", "x.html": "page"}


@pytest.fixture
def moves(tmp_path: Path) -> list[Move]:
    """Two files to be replaced, one that is new, and an index that will be wrong."""
    for name in ("a", "b", "a.csi"):
        (tmp_path / name).write_text(f"old {name}")
    made = [Move(tmp_path / f".made-{name}", tmp_path / name) for name in ("a", "b", "a.tbi")]
    for path, place in made:
        path.write_text(f"new {place.name}")
    return made


@pytest.fixture(params=[True, False], ids=["hard links", "none"])
def links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if not request.param:

        def refused(self: Path, target: Path) -> None:
            raise PermissionError(1, "Operation not permitted", str(target))

        monkeypatch.setattr(Path, "hardlink_to", refused)
    return bool(request.param)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt("off")])
def test_wherever_moving_in_fails_all_is_as_before(
    tmp_path: Path, moves: list[Move], links: bool, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, whole, calls = contents(tmp_path), Path.replace, 0

    def counted(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing:
            if after:
                whole(self, target)
            raise error
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", counted)
    for after in (False, True):  # an interruption may come when a file was moved already
        for failing in range(1, 5 if links else 7):
            calls = 0
            with pytest.raises(type(error), match=r"No space|off"):
                move_in(moves, [tmp_path / "a.csi"])
            assert contents(tmp_path) == before, (failing, after)
    monkeypatch.undo()
    move_in(moves, [tmp_path / "a.csi"])
    assert contents(tmp_path) == {name: f"new {name}" for name in ("a", "b", "a.tbi")}


def test_an_index_never_lies_beside_other_data(
    tmp_path: Path, moves: list[Move], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, seen = Path.replace, []

    def watched(self: Path, target: Path) -> Path:
        found = whole(self, target)
        seen.append({name: text for name, text in contents(tmp_path).items() if not name.startswith(".")})
        return found

    monkeypatch.setattr(Path, "replace", watched)
    move_in(moves, [tmp_path / "a.csi"])
    for now in seen:
        assert set(now) >= {"a", "b"}  # at each moment there is one of either
        for index in set(now) & {"a.csi", "a.tbi"}:
            assert now[index].split()[0] == now["a"].split()[0]


def test_a_folder_that_was_made_goes_again_if_nothing_lies_in_it(tmp_path: Path) -> None:
    def fail(made: Path, names: list[str]) -> None:
        with made_folder(made, "--out-dir"):
            for name in names:
                (made / name).touch()
            raise KeyboardInterrupt("off")

    for made, names in ((tmp_path / "a" / "b", []), (tmp_path / "c", ["x"])):
        with pytest.raises(KeyboardInterrupt, match="off"):
            fail(made, names)
        assert (tmp_path / made.name).exists() == bool(names)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"--out-dir .*file is a file"),
        made_folder(tmp_path / "file", "--out-dir"),
    ):
        pass
