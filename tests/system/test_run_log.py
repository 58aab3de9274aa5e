"""The log for programs, exit codes, signals, completion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dvplug import __version__
from dvplug.simulate import SimulatedDataset
from helpers.command import call_words, events, run


def test_a_run_is_logged_from_start_to_end(dataset: SimulatedDataset, tmp_path: Path) -> None:
    log, out = tmp_path / "log.jsonl", tmp_path / "x.vcf"
    assert run(*call_words(dataset, out, "--log-json", log)) == 0
    found = events(log)
    by_name = {str(event["event"]): event for event in found}
    assert [found[0]["event"], found[-1]["event"]] == ["start", "end"]
    assert by_name["start"]["dvplug"] == __version__
    assert by_name["start"]["libraries"].keys() == {"ai-edge-litert", "numba", "numpy", "pysam"}
    assert by_name["calling"]["model"] == "illumina-wgs@1.0.0"
    assert by_name["calling"]["partitions"] == 2
    parts = [event for event in found if event["event"] == "partition"]
    assert [part["region"] for part in parts] == ["chrS:1-50000", "chrS:50001-60000"]
    records = [line for line in out.read_text().splitlines() if not line.startswith("#")]
    assert sum(by_name["counts"]["records"].values()) == len(records)
    assert sum(part["candidates"] for part in parts) == by_name["counts"]["candidates"]
    assert by_name["progress"]["done"] == by_name["progress"]["total"] == 2
    assert by_name["calling"]["contigs"] == {"chrS": 2}
    assert {part["contig"] for part in parts} == {"chrS"}
    passed = [line.split("\t") for line in records if line.split("\t")[6] == "PASS"]
    snps = [{one[3], one[4]} for one in passed if len(one[3]) == len(one[4]) == 1]
    depths = [int(one[9].split(":")[one[8].split(":").index("DP")]) for one in passed]
    counted = {name: sum(part["passed"][name] for part in parts) for name in parts[0]["passed"]}
    transitions = sum(one in ({"A", "G"}, {"C", "T"}) for one in snps)
    assert counted == {
        "records": len(passed),
        "transitions": transitions,
        "transversions": len(snps) - transitions,
        "depth": sum(depths),
    }


def test_each_of_several_problems_is_logged(dataset: SimulatedDataset, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    words = call_words(dataset, tmp_path / "x.vcf", "--log-json", log, "--regions", "S", "--model", "ont@9")
    assert run(*words) == 2
    told = events(log)[-1]["problems"]
    assert len(told) == 2  # type: ignore[arg-type]
    assert {"Unknown contig 'S'"} < {one["problem"] for one in told}  # type: ignore[union-attr, attr-defined]
    assert all(one["repair"] for one in told)  # type: ignore[union-attr, attr-defined]


def test_errors_are_logged_in_their_parts_after_what_was_there(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log.jsonl"
    assert run(*call_words(dataset, tmp_path / "x.vcf", "--log-json", log, "--regions", "chrS:1-5000")) == 0
    before = log.read_text()
    assert run(*call_words(dataset, tmp_path / "x.vcf", "--log-json", log, "--regions", "S")) == 2
    assert log.read_text().startswith(before)
    last = events(log)[-1]
    assert (last["event"], last["kind"], last["problem"]) == ("error", "InputError", "Unknown contig 'S'")
    assert last["repair"] == "Did you mean 'chrS'?"
    assert "Unknown contig 'S'" in capsys.readouterr().err


def test_a_log_that_cannot_be_written_is_refused_before_any_work(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*call_words(dataset, tmp_path / "x.vcf", "--log-json", tmp_path / "nowhere" / "log")) == 2
    assert "The log " in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_secrets_of_urls_reach_neither_log_nor_terminal(dataset: SimulatedDataset, tmp_path: Path) -> None:
    """In a process of its own, as URLs and TensorFlow, which other tests load, clash."""
    log, part = tmp_path / "log.jsonl", "/x.bam?X-Amz-Signature=geheim&v=1"
    code = "import sys\nfrom dvplug.cli import main\nmain(sys.argv[1:])"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    environment |= {"HTS_RETRY_MAX": "0"}  # htslib's: by default it asks for 15 s who does not answer
    for start in ("http://me:geheim@127.0.0.1:9", "HTTP://me:geheim@127.0.0.1:9", "x://me:geheim@h"):
        words = call_words(dataset, tmp_path / "x.vcf", "--log-json", log)
        words[words.index(str(dataset.reads))] = f"{start}{part}"
        done = subprocess.run(
            [sys.executable, "-c", code, *words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert "error: Alignment file" in done.stderr
        assert "geheim" not in done.stdout + done.stderr
        *_, first = (event for event in events(log) if event["event"] == "start")
        last = events(log)[-1]
        shown = start.replace("me:geheim", "***") + "/x.bam?***"
        assert shown in first["command"]
        assert "x.bam" in str(last["problem"])
    assert "geheim" not in log.read_text()


def test_a_line_that_a_kill_cut_short_takes_no_other_with_it(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    log.write_bytes(b'{"time": "2026-01-01T00:00:00+00:00", "eve')
    assert run(*call_words(dataset, tmp_path / "x.vcf", "--regions", "chrS:1-1000", "--log-json", log)) == 0
    cut, *lines = log.read_text().splitlines()
    assert cut.endswith('"eve')
    assert json.loads(lines[0])["event"] == "start"
