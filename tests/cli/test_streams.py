"""Standard streams that are closed, full or gone, limits of the system, and names that are no text."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dvplug.calling.journal import journal_path
from dvplug.simulate import SimulatedDataset
from helpers.command import call_words, records

FULL = Path("/dev/full")
DVPLUG = [sys.executable, "-c", "from dvplug.cli import main; main()"]
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


def dvplug(
    *words: object, before: Callable[[], None] | None = None, **streams: object
) -> tuple[int, str, str]:
    """Run the command in a process of its own; returns its exit code, stdout and stderr."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | streams
    done = subprocess.run(
        [*DVPLUG, *map(os.fsencode, map(str, words))], check=False, preexec_fn=before, **given
    )  # type: ignore[call-overload]
    return done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode()


def test_results_to_a_closed_stdout_are_an_error() -> None:
    for words in (["plugins", "list"], ["plugins", "list", "--json"], ["completion", "bash"]):
        code, _, said = dvplug(*words, before=partial(os.close, 1), stdout=None)
        assert code == 2, said
        assert "stdout cannot be written: Bad file descriptor" in said or "cannot be read or written" in said
        assert "Traceback" not in said


@needs_full
def test_results_to_a_full_disk_are_an_error() -> None:
    for words in (["plugins", "list"], ["completion", "bash"], ["--help"], ["train", "fit", "--help"]):
        with FULL.open("w") as full:
            code, _, said = dvplug(*words, stdout=full)
        assert code == 2, said
        assert "No space left on device" in said
        assert "Traceback" not in said


@needs_full
@pytest.mark.parametrize("stream", ["closed", "full"])
def test_status_that_nobody_hears_ends_nothing(
    dataset: SimulatedDataset, tmp_path: Path, stream: str
) -> None:
    words = call_words(dataset, tmp_path / "x.vcf", "--workers", 1, "--regions", "chrS:1-3000")
    expected = tmp_path / "expected.vcf"
    assert dvplug(*[str(expected) if word.endswith("x.vcf") else word for word in words])[0] == 0
    with FULL.open("w") as full:
        how = {"stderr": full} if stream == "full" else {"stderr": None, "before": partial(os.close, 2)}
        code, out, _ = dvplug(*words, **how)  # type: ignore[arg-type]
        assert (code, out) == (0, "")
        assert dvplug("plugins", "show", "nope", **how)[0] == 2  # type: ignore[arg-type]
    assert (tmp_path / "x.vcf").read_bytes() == expected.read_bytes()


def test_no_file_gets_the_number_of_a_closed_stream(dataset: SimulatedDataset, tmp_path: Path) -> None:
    """The first file that is opened would get it, and what a library prints would be in it."""
    out = tmp_path / "x.vcf"

    def close_all() -> None:
        for number in (0, 1, 2):
            os.close(number)

    words = call_words(dataset, out, "--workers", 2, "--regions", "chrS:1-3000")
    assert dvplug(*words, before=close_all, stdout=None, stderr=None)[0] == 0
    assert records(out)
    code = "import os, sys\nfrom dvplug.system.streams import standard_streams\n" + (
        "with standard_streams():\n    fd = os.open(sys.argv[1], os.O_RDONLY); os._exit(fd)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(out)], preexec_fn=close_all, stdout=None, stderr=None, check=False
    )
    assert done.returncode >= 3


def test_a_reader_that_went_away_is_141() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    for words in (["plugins", "list"], ["completion", "bash"], ["--help"], ["train", "fit", "--help"]):
        assert dvplug(*words, stdout=writing)[::2] == (141, "")
    os.close(writing)


@pytest.mark.parametrize("name", ["x.vcf", "x.vcf.gz"])
def test_a_limit_of_the_size_of_files_is_told(dataset: SimulatedDataset, tmp_path: Path, name: str) -> None:
    """As on a full disk; the first that meets it is the journal."""

    def limited(most: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    words = call_words(dataset, tmp_path / name, "--workers", 1)
    code, _, said = dvplug(*words, before=partial(limited, 600))
    assert code == 2, said
    assert "cannot be written: File too large" in said
    assert "Traceback" not in said
    assert {path.name for path in tmp_path.iterdir()} <= {journal_path(tmp_path / name).name}
    log = tmp_path / "log.jsonl"
    code, _, said = dvplug(*words, "--resume", "--log-json", log, before=partial(limited, 600))
    assert code == 2, said
    assert f"The log {log} cannot be written: File too large" in said
    assert dvplug(*words, "--resume")[0] == 0


@needs_full
def test_a_log_on_a_full_disk_is_an_error(dataset: SimulatedDataset, tmp_path: Path) -> None:
    code, _, said = dvplug(*call_words(dataset, tmp_path / "x.vcf", "--log-json", FULL))
    assert code == 2
    assert "The log /dev/full cannot be written: No space left on device" in said
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_not_utf8_are_read_written_and_told(dataset: SimulatedDataset, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    reference, reads = folder / "r.fa", folder / "r\udce9.bam"
    for source, copy, index in ((dataset.reference, reference, ".fai"), (dataset.reads, reads, ".bai")):
        copy.write_bytes(source.read_bytes())
        Path(f"{copy}{index}").write_bytes(Path(f"{source}{index}").read_bytes())
    own = SimulatedDataset(reference, reads, dataset.truth, dataset.confident)
    out = folder / "x\udce9.vcf.gz"
    more = ["--gvcf", folder / "x.g.vcf", "--report", folder / "x.html", "--log-json", folder / "log.jsonl"]
    code, _, said = dvplug(*call_words(own, out, "--workers", 1, "--regions", "chrS:1-3000", *more))
    assert code == 0, said
    assert (folder / "x.html").read_bytes().decode()
    assert (folder / "x.g.vcf").read_bytes().decode()
    assert all(json.loads(line) for line in (folder / "log.jsonl").read_bytes().decode().splitlines())
    compared = [
        "--truth",
        dataset.truth,
        "--query",
        out,
        "--confident",
        dataset.confident,
        "--ref",
        reference,
    ]
    code, table, said = dvplug(
        "evaluate", *compared, "--out-dir", folder / "judged", "--report", folder / "j.html"
    )
    assert (code, "SNP" in table) == (0, True), said
    code, _, said = dvplug("plugins", "show", "nope\udce9")
    assert code == 2
    assert "Traceback" not in said


@pytest.mark.parametrize("locale", ["ascii", "latin-1", "utf-8"])
def test_tables_are_printed_whatever_the_locale(dataset: SimulatedDataset, locale: str) -> None:
    same = ["--truth", dataset.truth, "--query", dataset.truth, "--confident", dataset.confident]
    environment = {**os.environ, "PYTHONIOENCODING": locale}
    code, _, said = dvplug("evaluate", *same, "--ref", dataset.reference, env=environment)
    assert code == 0, said
