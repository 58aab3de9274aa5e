"""`dvplug.call`: what it gives is what the command writes."""

from __future__ import annotations

import io
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pysam
import pytest
from rich.console import Console

import dvplug
from dvplug.simulate import SimulatedDataset


def test_records_and_file_agree(dataset: SimulatedDataset, tmp_path: Path) -> None:
    out = tmp_path / "x.vcf.gz"
    summary = dvplug.call("illumina-wgs", dataset.reference, dataset.reads, out, device="cpu")
    records = list(dvplug.call("illumina-wgs", str(dataset.reference), [dataset.reads], workers=2))
    with pysam.VariantFile(str(out)) as written:
        expected = [(r.contig, r.start, r.ref, r.alts, r.samples[0]["GT"]) for r in written]
    assert [(r.contig, r.start, r.ref, r.alts, r.gt) for r in records] == expected
    assert sum(summary.records.values()) == len(expected) > 50
    assert summary.candidates >= len(expected)
    assert {"decode", "count", "encode", "infer", "write"} <= set(summary.cpu_seconds)


def test_faults_come_before_the_first_record(dataset: SimulatedDataset) -> None:
    with pytest.raises(dvplug.DvplugError, match="Unknown contig 'chr9'"):
        dvplug.call("illumina-wgs", dataset.reference, dataset.reads, regions=["chr9"])


@pytest.mark.parametrize("option", ["regions", "exclude_regions", "haploid_contigs", "read_group"])
def test_a_list_without_values_is_not_taken_for_none(dataset: SimulatedDataset, option: str) -> None:
    """A program that found no region wants none called, rather than the whole genome."""
    with pytest.raises(dvplug.DvplugError, match=f"{option} has no values"):
        dvplug.call("illumina-wgs", dataset.reference, dataset.reads, **{option: []})


def test_an_unknown_option_is_a_mistake_of_the_program(dataset: SimulatedDataset) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'threads'"):
        dvplug.call("illumina-wgs", dataset.reference, dataset.reads, threads=2)  # type: ignore[call-overload]


def test_the_package_imports_nothing_until_it_is_asked() -> None:
    code = "import dvplug, sys; assert 'numpy' not in sys.modules; dvplug.call; assert 'numpy' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dvplug.nothing  # noqa: B018


# What the process was before, it is afterwards


def state() -> dict[str, object]:
    """What a library can change of the process that it runs in."""
    return {
        "environment": {name: os.environ[name] for name in os.environ if name != "PYTEST_CURRENT_TEST"},
        "verbosity": pysam.get_verbosity(),
        "hooks": (sys.unraisablehook, sys.excepthook, threading.excepthook),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "streams": (sys.stdout, sys.stderr),
        "warnings": list(warnings.filters),
        "logging": (logging.getLogger().level, list(logging.getLogger().handlers)),
        "numpy": np.geterr(),
        "folder": Path.cwd(),
        "threads": Threads(threading.enumerate()),
    }


class Threads(frozenset):
    """Threads that run: the same as before where none has begun since, though some may have ended."""

    def __eq__(self, before: object) -> bool:
        return self <= before

    __hash__ = frozenset.__hash__


@pytest.fixture
def cram(dataset: SimulatedDataset, tmp_path: Path) -> Path:
    path = tmp_path / "reads.cram"
    pysam.view("-C", "-T", str(dataset.reference), "-o", str(path), str(dataset.reads), catch_stdout=False)
    pysam.index(str(path))
    return path


@pytest.fixture
def uses_htslib(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is of somebody who uses htslib for something else."""
    monkeypatch.setenv("REF_PATH", "/somewhere/%s")
    monkeypatch.setenv("REF_CACHE", "/somewhere/else/%s")


@pytest.mark.usefixtures("uses_htslib")
@pytest.mark.parametrize("workers", [1, 2])
def test_writing_a_file_leaves_the_process_as_it_was(
    dataset: SimulatedDataset, cram: Path, tmp_path: Path, workers: int
) -> None:
    before = state()
    more = {"workers": workers, "device": "cpu", "log_json": tmp_path / "log", "report": tmp_path / "x.html"}
    dvplug.call(
        "illumina-wgs", dataset.reference, cram, tmp_path / "x.vcf", gvcf=tmp_path / "x.g.vcf", **more
    )
    assert state() == before


@pytest.mark.usefixtures("uses_htslib")
@pytest.mark.parametrize("workers", [1, 2])
def test_between_two_records_and_after_the_last_the_process_is_as_it_was(
    dataset: SimulatedDataset, cram: Path, workers: int
) -> None:
    before, found = state(), 0
    for _ in dvplug.call("illumina-wgs", dataset.reference, cram, workers=workers, device="cpu"):
        found += 1
        if found in (1, 40):
            assert state() == before
    assert found > 50
    assert state() == before


@pytest.mark.usefixtures("uses_htslib")
@pytest.mark.parametrize("workers", [1, 2])
def test_an_iterator_that_is_given_up_leaves_the_process_as_it_was(
    dataset: SimulatedDataset, cram: Path, workers: int
) -> None:
    before = state()
    records = dvplug.call("illumina-wgs", dataset.reference, cram, workers=workers, device="cpu")
    assert state() == before
    next(records)
    del records
    assert state() == before


@pytest.mark.usefixtures("uses_htslib")
@pytest.mark.parametrize("workers", [1, 2])
def test_errors_leave_the_process_as_it_was(
    dataset: SimulatedDataset,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    workers: int,
) -> None:
    reads, before = tmp_path / "mine.bam", state()
    for suffix in ("", ".bai"):
        shutil.copy(f"{dataset.reads}{suffix}", f"{reads}{suffix}")
    with pytest.raises(dvplug.DvplugError, match="chr9"):
        dvplug.call("illumina-wgs", dataset.reference, reads, regions=["chr9"], workers=workers)
    assert state() == before
    records = dvplug.call("illumina-wgs", dataset.reference, reads, workers=workers, device="cpu")
    data = bytearray(reads.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    reads.write_bytes(data)
    with pytest.raises(dvplug.DvplugError, match=r"mine\.bam"):
        list(records)
    assert state() == before
    with pytest.raises(dvplug.DvplugError, match=r"mine\.bam"):
        dvplug.call(
            "illumina-wgs", dataset.reference, reads, tmp_path / "x.vcf", workers=workers, device="cpu"
        )
    assert state() == before
    assert "[E::" not in capfd.readouterr().err  # as htslib writes


def test_on_a_terminal_the_caller_may_print_between_two_records(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dvplug.system.rich_console.stderr", Console(file=io.StringIO(), force_terminal=True))
    before = state()
    records = dvplug.call("illumina-wgs", dataset.reference, dataset.reads, device="cpu")
    next(records)
    assert state() == before
    dvplug.call("illumina-wgs", dataset.reference, dataset.reads, tmp_path / "x.vcf", device="cpu")
    assert state() == before
