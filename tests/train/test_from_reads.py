"""From one file of reads to a model: in one go, in several after being killed, and what is refused at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dvplug.errors import InputError, ManyProblems, PluginError
from dvplug.simulate import SimulatedDataset
from dvplug.simulate.learn.reads import LearntReads
from dvplug.simulate.stated import read_profile
from dvplug.train import fit as fit_module
from dvplug.train import from_reads
from dvplug.train.from_reads import ModelInputs, ModelSettings, label_of, model_from_reads
from dvplug.train.simulated import WorldSettings, worlds_in
from dvplug.train.state import FitSettings, read_fit
from dvplug.train.store import ExampleReader
from dvplug_registry.manifest import Manifest
from helpers.aligners import needs_aligners
from helpers.command import call_words, records, run, run_captured
from helpers.stated_reads import STATED
from helpers.training_toys import TINY

SETTINGS = ModelSettings(
    technology="illumina-wgs",
    name="my-seq",
    version="2.0.0",
    worlds=WorldSettings(worlds=2, scale=0.02, depths=(15.0, 30.0)),
    fit=FitSettings(epochs=2, batch_size=32, architecture_settings=TINY),
)
KILLED = """
import os, signal, sys
from pathlib import Path
from dvplug.train import from_reads, simulated
write, made = simulated.write_world, []
def dying(*words):
    made.append(write(*words))
    if len(made) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
simulated.write_world = dying
settings = from_reads.ModelSettings.model_validate_json(sys.argv[1])
from_reads.model_from_reads(from_reads.ModelInputs(*map(Path, sys.argv[2:4])), settings, Path(sys.argv[4]), 1)
"""


@needs_aligners
def test_one_that_was_killed_goes_on_to_the_same_model(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = ModelInputs(dataset.reads, dataset.reference)
    with monkeypatch.context() as without_export:
        without_export.setattr(from_reads, "export", lambda *words: None)
        model_from_reads(inputs, SETTINGS, tmp_path / "whole", 1)
    out, work = tmp_path / "parts", tmp_path / "parts.work"
    words = [SETTINGS.model_dump_json(), str(dataset.reads), str(dataset.reference), str(out)]
    killed = subprocess.run([sys.executable, "-c", KILLED, *words], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert [path.name for path in worlds_in(work / "reads.unfinished")] == ["world_000"]
    checkpoint = fit_module._checkpoint

    def stopped(*given: object) -> None:
        checkpoint(*given)  # type: ignore[arg-type]
        raise KeyboardInterrupt("enough")

    with monkeypatch.context() as interrupted:
        interrupted.setattr(fit_module, "_checkpoint", stopped)
        with pytest.raises(KeyboardInterrupt, match="enough"):
            model_from_reads(inputs, SETTINGS, out, 1)
    (tmp_path / ".parts.0123abcd.part").mkdir()  # as one leaves that was killed while it exported
    made = {path: path.stat().st_mtime_ns for path in (work / "examples").iterdir()}
    with pytest.raises(InputError, match=r"parts\.work' was begun with other settings"):
        model_from_reads(inputs, SETTINGS.model_copy(update={"version": "3.0.0"}), out, 1)
    model_from_reads(inputs, SETTINGS, out, 1)
    assert made == {path: path.stat().st_mtime_ns for path in (work / "examples").iterdir()}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parts", "parts.work", "whole.work"]
    same_work(tmp_path / "whole.work", work)
    manifest = Manifest.model_validate_json((out / "manifest.json").read_bytes())
    assert (manifest.label, manifest.technology) == ("my-seq@2.0.0", "illumina-wgs")
    assert manifest.training.data.count("simulated world_") == 4
    assert "last quarter" in manifest.training.held_out
    calls = tmp_path / "calls.vcf"
    assert run(*call_words(dataset, calls, "--model", out)) == 0
    assert len(records(calls)) > 10


def same_work(one: Path, other: Path) -> None:
    profiles = [LearntReads.load(work / "profile.npz").profile for work in (one, other)]
    for name, value in vars(profiles[0]).items():
        np.testing.assert_array_equal(getattr(profiles[1], name), value)
    names = [path.name for path in sorted((one / "examples").iterdir())]
    assert [name[:4] for name in names] == ["trai"] * 4 + ["tune"] * 2
    for name in names:
        first, second = (next(ExampleReader([work / "examples" / name]).in_order()) for work in (one, other))
        assert len(first)
        np.testing.assert_array_equal(first.images, second.images)
        np.testing.assert_array_equal(first.features, second.features)
        np.testing.assert_array_equal(first.labels, second.labels)
    fits = [read_fit(work / "fit") for work in (one, other)]
    assert [len(fit.epochs) for fit in fits] == [2, 2]
    for epochs in zip(*(fit.epochs for fit in fits), strict=True):
        np.testing.assert_allclose(epochs[0].train_losses, epochs[1].train_losses, rtol=0.02, atol=2e-3)


def test_the_label_is_that_of_the_folder() -> None:
    assert label_of(Path("a/my-seq-1.2.0"), "t") == ("my-seq", "1.2.0")
    assert label_of(Path("my-seq-1.2.0-rc.1"), "t") == ("my-seq", "1.2.0-rc.1")
    assert label_of(Path("model"), "t") == ("t", "1.0.0")


def test_depths_are_those_that_the_technology_is_for(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WorldSettings, "resolved", lambda self: self)
    inputs = ModelInputs(dataset.reads, dataset.reference)
    asked = SETTINGS.model_copy(update={"worlds": WorldSettings()})
    assert from_reads._check(inputs, asked, tmp_path / "m").settings.worlds.depths == (8, 100)
    assert from_reads._check(inputs, SETTINGS, tmp_path / "m").settings.worlds.depths == (15, 30)


def test_all_that_is_wrong_is_told_before_any_work(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    inputs = ModelInputs(tmp_path / "no.bam", dataset.reference, tmp_path / "no.vcf")
    out = tmp_path / "out"
    out.mkdir()
    wrong = SETTINGS.model_copy(
        update={
            "technology": "my-seq",
            "version": "one",
            "fit": from_reads.fit_settings(1, "small-ccn"),
            "start_from": str(tmp_path / "nothing"),
        }
    )
    with pytest.raises(ManyProblems, match="8 problems") as told:
        model_from_reads(inputs, wrong, out, 1)
    text = str(told.value)
    for said in (
        "--out", "exists already", "'one' is no model version", "no plugin offers the technology 'my-seq'",
        "dvplug plugins new my-seq",
        "no plugin offers the network 'small-ccn'. Did you mean 'small-cnn'",
        "bwa or minimap2 and samtools cannot be found", "nothing", "no.bam", "no.vcf",
    ):  # fmt: skip
        assert said in text
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_profile_serves_in_place_of_reads(dataset: SimulatedDataset, tmp_path: Path) -> None:
    stated, learnt = tmp_path / "stated.json", tmp_path / "learnt.npz"
    stated.write_text(json.dumps(STATED))
    read_profile(stated).save(learnt)
    out, made = tmp_path / "m", []
    for profile in (stated, learnt):
        inputs = ModelInputs(profile, dataset.reference)
        assert from_reads._check(inputs, SETTINGS, out).source is None
        work = tmp_path / profile.stem
        work.mkdir()
        from_reads.learn_stage(inputs, from_reads._check(inputs, SETTINGS, out), work / "profile.npz")
        made.append(LearntReads.load(work / "profile.npz"))
    assert made[0].platform == made[1].platform == "OTHER"
    for name, value in vars(made[0].profile).items():
        np.testing.assert_array_equal(getattr(made[1].profile, name), value)
    stated.write_text("{}")
    with pytest.raises(InputError, match=r"stated.json' does not state how reads err"):
        from_reads._check(ModelInputs(stated, dataset.reference), SETTINGS, out)


def test_a_technology_that_is_not_there_can_be_made() -> None:
    with pytest.raises(
        PluginError,
        match=r"'my-seq'.* To make one: dvplug plugins new my-seq, then dvplug plugins install -e",
    ):
        from_reads.require_technology("my-seq")


def test_the_command_says_what_is_wrong(
    dataset: SimulatedDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "my-seq-1.0.0"
    words = [
        "train",
        "model",
        dataset.reads,
        "--ref",
        tmp_path / "no.fa",
        "--tech",
        "illumina-wgs",
        "--out",
        out,
    ]
    code, _, err = run_captured(capsys, *words)
    assert code == 2
    assert "no.fa" in err
    for option, value in (("--worlds", 0), ("--seed", 1 << 32), ("--seed", -1)):
        code, _, err = run_captured(capsys, *words[:-2], option, value, "--out", out)
        assert code == 2
        assert f"a setting of the worlds is out of range: {option[2:]}" in " ".join(err.split())
    assert not list(tmp_path.iterdir())
