"""Runs that are killed go on where they stopped, to the same bytes; journals of other runs are refused."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dvplug.calling import journal
from dvplug.calling import run as calling
from dvplug.calling.journal import Journal, journal_path
from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import DvplugError, InputError, RefusedRun
from dvplug.inputs.run_profile import measure_run
from dvplug.inputs.run_sample import RunSample
from dvplug.line.phase_table import PhaseTable
from dvplug.line.reference_blocks import ReferenceBlocks, RegionGvcf
from dvplug.line.result import Counts, RegionResult
from dvplug.line.run_profile import RunProfile
from dvplug.plugins import sources
from dvplug.simulate import SimulatedDataset
from dvplug_lab.resuming import command, contents, looks_finished, one_trial, undisturbed

RUN = {"dvplug": "0.1.0", "option": {"tech": "illumina-wgs", "sample": None}, "reads": {"a.bam": {"size": 9}}}


def result(number: int) -> RegionResult:
    lines = [f"chrS\t{number}\t.\tA\tC\n"] * (number % 3)
    counts = Counts(
        Counter(PASS=number), 1, 10 * number, candidates=3, images=4, seconds=Counter({"decode": 0.25})
    )
    return RegionResult(
        lines, gvcf(number, lines), counts=counts, phase=phase(number) if number % 2 else None
    )


def phase(number: int) -> PhaseTable:
    """So many calls, with as many reads as their numbers."""
    of_calls = np.arange(number, dtype=np.int32)
    offset = np.cumsum([0, *of_calls], dtype=np.int64)
    unit = np.arange(offset[-1]).astype(np.uint64) + np.uint64(2**63)
    side = np.where(unit % np.uint64(3) == 0, -1, 1).astype(np.int8)
    return PhaseTable(
        of_calls, of_calls[::-1], of_calls * 7, (of_calls % 3).astype(np.uint8), offset, unit, side
    )


def gvcf(number: int, lines: list[str]) -> RegionGvcf:
    """So many blocks, with a record before the last one where there are lines."""
    column = np.arange(number, dtype=np.int32)
    blocks = ReferenceBlocks(
        column, column + np.int32(1), (column % 4).astype(np.uint8), column % 2 == 0, column,
        column.astype(np.uint8), np.arange(3 * number, dtype=np.int16).reshape(-1, 3),
    )  # fmt: skip
    start = np.full(len(lines), number - 1, np.int32)
    in_gvcf = [line.replace("C", "<*>") for line in lines]
    return RegionGvcf("chrS", blocks, in_gvcf, start, start + np.int32(1), start - np.int32(1))


def plain(results: Iterable[RegionResult]) -> list[object]:
    """What can be compared: arrays with their types as text."""
    return [(one.lines, repr(one.gvcf), one.records, one.counts, repr(one.phase)) for one in results]


def begin(out: Path, run: dict[str, object] = RUN, *, resume: bool = False) -> Journal:
    return Journal(out, run, 10, resume=resume)


def leave(out: Path, results: int) -> Path:
    """Leave a journal of so many results behind, as an interruption does."""
    with suppress(KeyboardInterrupt), begin(out) as left:
        for number in range(results):
            left.add(result(number))
        raise KeyboardInterrupt
    return journal_path(out)


def test_results_come_back_as_they_were(tmp_path: Path) -> None:
    leave(tmp_path / "x.vcf", 4)
    with begin(tmp_path / "x.vcf", resume=True) as resumed:
        assert resumed.finished == 4
        assert plain(resumed.results()) == plain(map(result, range(4)))
        resumed.add(result(4))
        assert plain(resumed.results()) == plain(map(result, range(5)))
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=60)
@given(st.integers(0, 5), st.floats(0, 1), st.binary(max_size=40))
def test_wherever_it_is_cut_the_whole_entries_count(
    tmp_path_factory: pytest.TempPathFactory, results: int, share: float, junk: bytes
) -> None:
    """A cut, even with garbage after it, loses no more than the entry that it is in; and what follows is whole."""
    out = tmp_path_factory.mktemp("cut") / "x.vcf"
    path = leave(out, 5)
    whole = path.read_bytes()
    ends = []
    with path.open("rb") as file:
        file.seek(len(journal.MAGIC))
        ends = [end for *_, end in journal._entries(file)]
    cut = min(len(whole), ends[results] + int(share * (ends[min(results + 1, 5)] - ends[results])))
    left = whole[:cut] + junk  # which may be the very bytes that were cut off
    path.write_bytes(left)
    expected = sum(left[:end] == whole[:end] for end in ends) - 1
    with suppress(KeyboardInterrupt), begin(out, resume=True) as resumed:
        assert resumed.finished == expected
        assert plain(resumed.results()) == plain(map(result, range(expected)))
        resumed.add(result(9))
        raise KeyboardInterrupt
    with begin(out, resume=True) as again:
        assert plain(again.results())[expected:] == plain([result(9)])


def test_a_flipped_bit_ends_what_counts(tmp_path: Path) -> None:
    path = leave(tmp_path / "x.vcf", 3)
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    with begin(tmp_path / "x.vcf", resume=True) as resumed:
        assert resumed.finished == 2


def test_an_unfinished_run_is_neither_used_nor_thrown_away_unasked(tmp_path: Path) -> None:
    path = leave(tmp_path / "x.vcf", 3)
    before = path.read_bytes()
    with pytest.raises(
        InputError, match=r"An unfinished run left 3 of its partitions in .*Add --resume .* rm "
    ):
        begin(tmp_path / "x.vcf")
    assert path.read_bytes() == before


def test_of_another_unfinished_run_it_is_not_said_that_resume_goes_on(tmp_path: Path) -> None:
    path = leave(tmp_path / "x.vcf", 3)
    before = path.read_bytes()
    for resume in (False, True):
        with pytest.raises(
            InputError,
            match=r"is not this one: reads a\.bam size was 9, is 8\. Repeat its command with --resume, .* rm ",
        ):
            begin(tmp_path / "x.vcf", RUN | {"reads": {"a.bam": {"size": 8}}}, resume=resume)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (RefusedRun("the reads do not fit"), None),
        (InputError("the disk is full"), "with --resume, once that is mended, goes on"),
        (DvplugError("a worker died"), "with --resume goes on"),
        (KeyboardInterrupt(), "with --resume goes on"),
    ],
)
def test_a_journal_is_kept_where_going_on_makes_sense_and_says_how(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: BaseException, says: str | None
) -> None:
    def fail() -> None:
        with begin(tmp_path / "x.vcf") as left:
            left.add(result(1))
            raise error

    with pytest.raises(type(error), match=f"^{error}$"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ([".x.vcf.dvplug-journal"] if says else [])
    said = " ".join(capsys.readouterr().err.split())
    assert ("1 of 10 partitions are kept" in said) == bool(says)
    assert (says or "") in said


def test_a_run_that_finished_nothing_leaves_nothing(tmp_path: Path) -> None:
    leave(tmp_path / "x.vcf", 0)
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_resume_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with begin(tmp_path / "x.vcf", resume=True) as fresh:
        assert fresh.finished == 0
    assert "Nothing to resume: beginning with the first partition." in capsys.readouterr().err


def test_the_difference_from_another_run_is_named(tmp_path: Path) -> None:
    path = leave(tmp_path / "x.vcf", 1)
    before = path.read_bytes()
    other = {
        "dvplug": "0.2.0",
        "option": {"tech": "illumina-wgs", "sample": "S"},
        "reads": {"b.bam": {"size": 9}},
    }
    says = r"is not this one: dvplug was 0\.1\.0, is 0\.2\.0; option sample was none, is S; "
    with pytest.raises(InputError, match=says) as caught:
        begin(tmp_path / "x.vcf", other, resume=True)
    assert "reads a.bam" in caught.value.cause
    assert path.read_bytes() == before


def test_what_is_no_journal_is_not_written_over(tmp_path: Path) -> None:
    path = journal_path(tmp_path / "x.vcf")
    path.write_text("what somebody else put under this name")
    for resume in (False, True):
        with pytest.raises(InputError, match=r"is no journal that this dvplug can read: .*rm "):
            begin(tmp_path / "x.vcf", resume=resume)
    assert path.read_text().startswith("what somebody else")


def test_one_of_another_version_is_begun_anew_by_commands_that_do_so_themselves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = leave(tmp_path / "x.vcf", 3)
    older = path.read_bytes().replace(journal.MAGIC, b"dvplug journal 4\n")
    path.write_bytes(older)
    with pytest.raises(InputError, match="is no journal that this dvplug can read"):
        begin(tmp_path / "x.vcf", resume=True)
    assert path.read_bytes() == older
    with Journal(tmp_path / "x.vcf", RUN, 6, resume=False, by_itself=True) as anew:
        assert anew.finished == 0
        anew.add(result(1))
        assert plain(anew.results()) == plain([result(1)])
    assert f"Beginning anew, as {path} is of another version of dvplug." in capsys.readouterr().err
    path.write_text("what somebody else put under this name")
    with pytest.raises(InputError, match="is no journal"):
        Journal(tmp_path / "x.vcf", RUN, 6, resume=False, by_itself=True)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    left = begin(tmp_path / "x.vcf")
    left._file = open("/dev/full", "r+b", buffering=0)  # noqa: SIM115
    with pytest.raises(InputError, match=r"dvplug-journal cannot be written: .*free space"):
        left.add(result(1))


def test_one_that_cannot_be_begun_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise InputError("no space")

    monkeypatch.setattr(Journal, "_write", full)
    with pytest.raises(InputError, match="no space"):
        begin(tmp_path / "x.vcf")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    """Six partitions."""
    from dvplug.simulate import simulate_dataset

    return simulate_dataset(tmp_path_factory.mktemp("long"), length=300_000, depth=6.0, seed=5)


def options(data: SimulatedDataset, out: Path, **more: object) -> CallOptions:
    return replace(CallOptions("illumina-wgs", data.reference, (data.reads,), str(out), device="cpu"), **more)  # type: ignore[arg-type]


def interrupted(
    data: SimulatedDataset, out: Path, after: int, monkeypatch: pytest.MonkeyPatch, **more: object
) -> None:
    """Call until so many partitions are done, then as Ctrl-C."""
    whole = calling.call_regions

    def some(job, parts, **how):
        for number, made in enumerate(whole(job, parts, **how)):
            if number == after:
                raise KeyboardInterrupt
            yield made

    with monkeypatch.context() as patch:
        patch.setattr(calling, "call_regions", some)
        with pytest.raises(KeyboardInterrupt, match=r"^$"):
            call_variants(options(data, out, **more))


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz"])
def test_a_resumed_run_gives_the_same_bytes_and_counts(
    data: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    parts.mkdir()
    expected = call_variants(options(data, whole / name))
    interrupted(data, parts / name, 2, monkeypatch)
    assert [path.name for path in parts.iterdir()] == [f".{name}.dvplug-journal"]
    interrupted(data, parts / name, 3, monkeypatch, resume=True)
    calls = []
    draw = calling.call_regions
    monkeypatch.setattr(
        calling, "call_regions", lambda job, left, **how: calls.append(left) or draw(job, left, **how)
    )
    found = call_variants(options(data, parts / name, resume=True, workers=2))
    assert [len(left) for left in calls] == [1]
    assert contents(parts) == contents(whole)
    found.seconds, expected.seconds = Counter(), Counter()
    assert found == expected


def of_another_run(*given: object) -> tuple[RunSample, RunProfile]:
    sample, profile = measure_run(*given)
    return sample, replace(profile, reads=7)


def test_a_changed_input_is_refused(
    data: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bam, reference, out = tmp_path / "r.bam", tmp_path / "r.fa", tmp_path / "x.vcf"
    for source, copy, index in ((data.reads, bam, ".bai"), (data.reference, reference, ".fai")):
        shutil.copy(source, copy)
        shutil.copy(f"{source}{index}", f"{copy}{index}")
    own = SimulatedDataset(reference, bam, data.truth, data.confident)
    interrupted(own, out, 1, monkeypatch)
    kept = journal_path(out).read_bytes()

    def refused(says: str, **more: object) -> None:
        with pytest.raises(InputError, match=rf"is not this one: {says}"):
            call_variants(options(own, out, resume=True, **more))
        assert sorted(path.name for path in tmp_path.glob("*x.vcf*")) == [".x.vcf.dvplug-journal"]
        assert journal_path(out).read_bytes() == kept

    refused("option min_qual was 1.0, is 5.0", min_qual=5.0)
    refused("option min_gq was 3, is 5", min_gq=5)
    refused("partitions number was 6, is 1", regions=("chrS:1-20000",))
    refused("option tech was illumina-wgs, is illumina-wes; .*model name was", tech="illumina-wes")
    written = bam.stat().st_mtime_ns
    os.utime(bam, (1, 1))
    os.utime(f"{bam}.bai", (2, 2))
    refused(r"reads \S*r\.bam time of change was")
    os.utime(bam, ns=(written, written))  # of the index, whose time is another now, only the content matters
    with monkeypatch.context() as patch:
        patch.setattr(sources, "_digest", lambda name, _: "0" if name == "dvplug_illumina" else "1")
        refused(r"code of dvplug was \w+, is 1; code of dvplug_illumina was \w+, is 0", workers=2)
    with monkeypatch.context() as patch:
        patch.setattr(sources, "library_versions", lambda names: dict.fromkeys(names, "9.9"))
        refused(r"library ai-edge-litert was .*library numpy was \S+, is 9\.9")
    with monkeypatch.context() as patch:
        patch.setattr(calling, "measure_run", of_another_run)
        refused(r"profile of the run reads was \d+, is 7$|profile of the run reads was \d+, is 7\.")
    text = reference.read_text()
    at = text.index("\n") + 70_000
    reference.write_text(text[:at] + "N" + text[at + 1 :])
    refused(r"reference \S*r\.fa time of change was")


def test_stdout_cannot_be_resumed(data: SimulatedDataset) -> None:
    with pytest.raises(InputError, match=r"Output to stdout cannot be resumed: .*Name a file with --out"):
        call_variants(options(data, Path("-"), resume=True))


def test_leftovers_of_a_killed_run_go_and_other_files_stay(data: SimulatedDataset, tmp_path: Path) -> None:
    ours = [".x.vcf.gz.0123abcd.vcf.gz", ".x.vcf.gz.0123abcd.vcf.gz.tbi"]
    others = [".y.vcf.gz.0123abcd.vcf.gz", ".x.vcf.gz.bak", "x.vcf.gz.0123abcd.vcf.gz"]
    for name in (*ours, *others):
        (tmp_path / name).touch()
    call_variants(options(data, tmp_path / "x.vcf.gz", regions=("chrS:1-2000",)))
    assert sorted(contents(tmp_path)) == sorted([*others, "x.vcf.gz", "x.vcf.gz.tbi"])


@pytest.fixture(scope="module")
def whole_run(
    data: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, bytes], float]:
    """The files of a run that nobody disturbs, and its seconds."""
    return undisturbed(data, tmp_path_factory.mktemp("undisturbed") / "run", 2)


def test_kills_at_any_moment(
    data: SimulatedDataset, tmp_path: Path, whole_run: tuple[dict[str, bytes], float]
) -> None:
    """The maintainers' script, with few kills; it is run with more by hand."""
    wanted, duration = whole_run
    for number, finishing in enumerate((None, 0.001)):
        trial = one_trial(data, tmp_path / str(number), 2, wanted, 0.8 * duration, finishing=finishing)
        assert trial.problem == ""


def test_a_killed_worker_fails_the_run_which_can_be_resumed(
    data: SimulatedDataset, tmp_path: Path, whole_run: tuple[dict[str, bytes], float]
) -> None:
    wanted, _ = whole_run
    folder = tmp_path / "killed"
    folder.mkdir()
    process = subprocess.Popen(command(data, folder, 2), stderr=subprocess.PIPE, text=True)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None and not journal_path(folder / "calls.vcf.gz").exists():
        time.sleep(0.002)
    while process.poll() is None and not (workers := children.read_text().split()):
        time.sleep(0.002)
    os.kill(int(workers[0]), signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert "a worker process died at chrS:" in said
    assert "SIGKILL" in said
    assert looks_finished(folder, wanted) == ""
    assert set(contents(folder)) <= {".calls.vcf.gz.dvplug-journal"}
    subprocess.run(command(data, folder, 2, "--resume"), check=True, capture_output=True)
    assert contents(folder) == wanted


def test_errors_of_dvplug_keep_the_journal_and_say_so(
    data: SimulatedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(journal, parts, call):
        yield from []
        for number, made in enumerate(call(parts)):
            if number == 2:
                raise DvplugError("the disk is gone")
            journal.add(made)
            yield made

    monkeypatch.setattr(calling, "finish", fails)
    with pytest.raises(DvplugError, match="the disk is gone"):
        call_variants(options(data, tmp_path / "x.vcf"))
    assert "2 of 6 partitions are kept: the same command with --resume goes on." in capsys.readouterr().err
    assert list(contents(tmp_path)) == [".x.vcf.dvplug-journal"]
