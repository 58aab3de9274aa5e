"""Inputs that are replaced, removed or written to while a run reads them: an error, and no output."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pysam
import pytest

import dvplug
from dvplug.calling import run as calling
from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.engine.call import call_regions
from dvplug.errors import InputError
from dvplug.simulate import SimulatedDataset, simulate_dataset
from dvplug.train.examples import LabeledReads, make_examples


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> SimulatedDataset:
    """Three partitions."""
    return simulate_dataset(tmp_path_factory.mktemp("original"), length=150_000, depth=8.0, seed=5)


@pytest.fixture
def data(original: SimulatedDataset, tmp_path: Path) -> SimulatedDataset:
    """A copy that may be spoilt."""
    folder = tmp_path / "data"
    shutil.copytree(original.reference.parent, folder)
    return SimulatedDataset(*(folder / path.name for path in vars(original).values()))


def remove(path: Path) -> None:
    path.unlink()


def replace_by_half(path: Path) -> None:
    """As a pipeline does that makes it again: whole, under the same name."""
    content = path.read_bytes()
    other = path.with_name("other")
    other.write_bytes(content[: len(content) // 2])
    other.replace(path)


def write_over(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def change_after_first(path: Path, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a file changed when the first partition is done."""

    def changing(job, parts, **how) -> Iterator[object]:
        for number, made in enumerate(call_regions(job, parts, **how)):
            if number == 0:
                change(path)
            yield made

    monkeypatch.setattr(calling, "call_regions", changing)


WHAT = {
    "reads": lambda data: data.reads,
    "index": lambda data: Path(f"{data.reads}.bai"),
    "reference": lambda data: data.reference,
    "fai": lambda data: Path(f"{data.reference}.fai"),
    "regions": lambda data: data.confident,
    "proposed": lambda data: data.truth,
    "its index": lambda data: Path(f"{data.truth}.tbi"),
}


@pytest.mark.parametrize("change", [remove, replace_by_half, write_over])
@pytest.mark.parametrize(("what", "workers"), [("reads", 2), *((what, 1) for what in WHAT)])
def test_a_changed_input_ends_the_run(
    data: SimulatedDataset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    change: Callable[[Path], None],
    workers: int,
) -> None:
    path, out = WHAT[what](data), tmp_path / "x.vcf.gz"
    change_after_first(path, change, monkeypatch)
    options = CallOptions(
        "illumina-wgs", data.reference, (data.reads,), str(out), device="cpu", workers=workers,
        regions=(str(data.confident),), proposed_variants=data.truth, gvcf=str(tmp_path / "x.g.vcf.gz"),
    )  # fmt: skip
    with pytest.raises(InputError, match=rf"{path.name} changed while it was read: "):
        call_variants(options)
    assert [p.name for p in tmp_path.iterdir()] == ["data"]  # nor a journal, which no run could go on with


def test_in_python_the_iterator_ends_with_the_error(data: SimulatedDataset) -> None:
    found = dvplug.call("illumina-wgs", data.reference, data.reads, device="cpu")
    next(found)
    data.reads.unlink()
    with pytest.raises(InputError, match=r"reads\.bam changed while it was read: it was removed"):
        list(found)


def test_examples_are_of_unchanged_files(
    data: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dvplug.train import examples

    class Changing(examples.RegionExamples):
        def __init__(self, job: examples.ExamplesJob) -> None:
            super().__init__(job)
            os.utime(data.truth, (1, 1))

    monkeypatch.setattr(examples, "RegionExamples", Changing)
    inputs = LabeledReads(data.reference, (data.reads,), data.truth, data.confident)
    with pytest.raises(InputError, match=r"truth\.vcf\.gz changed while it was read: it was written again"):
        make_examples("illumina-wgs", inputs, tmp_path / "x.h5")
    assert not (tmp_path / "x.h5").exists()


def test_a_worker_that_opens_later_opens_the_same_files(
    data: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the checks and the first partition a file of fewer reads takes the name, with an index of its own."""

    def changing(job, parts, **how):
        some = tmp_path / "data" / "some.bam"
        pysam.view("-b", "-s", "1.5", "-o", str(some), str(data.reads), catch_stdout=False)
        pysam.index(str(some))
        for suffix in ("", ".bai"):
            Path(f"{some}{suffix}").replace(f"{data.reads}{suffix}")
        return call_regions(job, parts, **how)

    monkeypatch.setattr(calling, "call_regions", changing)
    with pytest.raises(InputError, match=r"reads\.bam changed while it was read: it had"):
        call_variants(
            CallOptions("illumina-wgs", data.reference, (data.reads,), str(tmp_path / "x.vcf"), device="cpu")
        )
