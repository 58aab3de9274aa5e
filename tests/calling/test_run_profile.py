"""The profile of a run where it goes: workers, the VCF's header, the log, Python, the command line, examples."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import pytest

import dvplug
from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants, prepare_call
from dvplug.inputs.run_profile import measure_run
from dvplug.line.run_profile import RunProfile
from dvplug.plugins.loading import installed_plugins
from dvplug.reads.groups import ReadSource
from dvplug.records.profile_lines import profile_lines, read_profile_lines
from dvplug.simulate import SimulatedDataset
from dvplug.train import examples
from dvplug.train.examples import ExamplesJob, LabeledReads, make_examples
from helpers.command import run


@pytest.fixture(scope="module")
def measured(dataset: SimulatedDataset) -> RunProfile:
    technology = installed_plugins().technology("illumina-wgs")
    return measure_run([ReadSource(dataset.reads)], dataset.reference, technology)[1]


def options(dataset: SimulatedDataset, out: str, **more: object) -> CallOptions:
    return CallOptions("illumina-wgs", dataset.reference, (dataset.reads,), out, device="cpu", **more)


@pytest.mark.parametrize("regions", [("chrS:1-2,000",), ("chrS:50,001-60,000",)])
def test_workers_get_the_same_profile_wherever_is_called(
    dataset: SimulatedDataset, measured: RunProfile, regions: tuple[str, ...]
) -> None:
    job = prepare_call(options(dataset, "-", regions=regions)).job
    assert job.run == measured
    drawn = job.open_drawer().run
    assert drawn.length_p.tolist() == measured.length_p.tolist()
    assert drawn.mismatch_p[30] == pytest.approx(measured.mismatch_p[30])


def test_header_log_and_report_tell_it(
    dataset: SimulatedDataset, measured: RunProfile, tmp_path: Path
) -> None:
    out, log, page = tmp_path / "x.vcf", tmp_path / "x.jsonl", tmp_path / "x.html"
    call_variants(options(dataset, str(out), regions=("chrS:1-2000",), log_json=log, report=page))
    lines = [line for line in out.read_text().splitlines() if line.startswith("##dvplugRunProfile=")]
    assert lines == list(profile_lines(measured))
    assert len(lines) == 2
    shown = read_profile_lines(lines)
    assert shown is not None
    assert float(shown.facts["Depth"]) == measured.depth
    assert [(q.reported, q.bases) for q in shown.qualities] == [
        (q, measured.base_counts[q, 0]) for q in measured.counted_qualities()
    ]
    for one in shown.qualities:
        assert one.empirical == pytest.approx(measured.empirical_quality(one.reported), abs=0.05)
    assert shown.misread["A/T"][8] == pytest.approx(measured.misread_p(0, 8), rel=0.05)
    (event,) = [one for one in map(json.loads, log.read_text().splitlines()) if one["event"] == "profile"]
    assert {name: event[name] for name in measured.summary()} == json.loads(json.dumps(measured.summary()))
    text = page.read_text()
    assert '"title":"What base qualities mean"' in text
    assert f'["depth, median","{measured.depth:g}"]' in text


def test_headers_of_others_tell_nothing() -> None:
    assert read_profile_lines(["##fileformat=VCFv4.2", "##source=other"]) is None
    assert read_profile_lines(["##dvplugRunProfile=<ID=reads,Reads=7>"]) is None
    assert (
        read_profile_lines(
            ['##dvplugRunProfile=<ID=errors,Quality="a:b:c",HomopolymerAT="",HomopolymerCG="">']
        )
        is None
    )


def test_python_and_the_command_measure_it_without_calling(
    dataset: SimulatedDataset, measured: RunProfile, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dvplug.profile_reads(dataset.reference, dataset.reads, tech="illumina-wgs") == measured
    assert isinstance(dvplug.profile_reads(str(dataset.reference), [str(dataset.reads)]), dvplug.RunProfile)
    capsys.readouterr()
    assert run("profile", dataset.reads, "--ref", dataset.reference, "--tech", "wgs", "--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(measured.summary()))
    assert run("profile", dataset.reads, "--ref", dataset.reference) == 0
    said = capsys.readouterr().out
    assert f"{measured.reads:,} reads from {measured.places} places" in said
    assert f"depth {measured.depth:g} " in said
    assert run("profile", dataset.reads, "--ref", dataset.reference.with_name("absent.fa")) == 2
    assert "absent.fa" in capsys.readouterr().err


def test_examples_are_made_with_the_profile_of_their_own_reads(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    technology = installed_plugins().technology("illumina-wgs")
    inputs = LabeledReads.of(
        dataset.reference, [dataset.reads], dataset.truth, dataset.confident, keep_fraction=0.5
    )
    jobs: list[ExamplesJob] = []
    plain = examples.map_in_order

    def noting(make: object, job: ExamplesJob, *rest: object) -> object:
        jobs.append(job)
        return plain(make, job, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(examples, "map_in_order", noting)
    assert make_examples("illumina-wgs", inputs, tmp_path / "x.h5") > 20
    own = measure_run([ReadSource(dataset.reads)], dataset.reference, technology, 0.5)[1]
    (job,) = jobs
    assert job.run == own
    with h5py.File(tmp_path / "x.h5") as shard:
        assert shard["label"].shape[0] > 20
