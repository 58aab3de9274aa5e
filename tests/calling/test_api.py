"""`dvplug.call`: what it gives is what the command writes."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

import dvplug
from dvplug.calling.api import CallKeywords
from dvplug.calling.run import CallOptions
from dvplug.cli.call import call as command
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


def test_the_command_offers_what_the_function_does(dataset: SimulatedDataset) -> None:
    names = {"tech", "ref", "reads", "out", *CallKeywords.__annotations__}
    assert names == set(inspect.signature(command).parameters)
    assert names == CallOptions.__dataclass_fields__.keys() - {"reference"} | {"ref"}
    with pytest.raises(TypeError, match="unexpected keyword argument 'threads'"):
        dvplug.call("illumina-wgs", dataset.reference, dataset.reads, threads=2)  # type: ignore[call-overload]


def test_the_package_imports_nothing_until_it_is_asked() -> None:
    code = "import dvplug, sys; assert 'numpy' not in sys.modules; dvplug.call; assert 'numpy' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        dvplug.nothing  # noqa: B018
