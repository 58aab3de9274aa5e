"""Sets of worlds of a user's genome: what lies in them, how they go on where they were stopped, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pysam
import pytest

from dvplug.errors import DvplugError, InputError
from dvplug.simulate import SimulatedDataset
from dvplug.simulate.learn.reads import LearntReads, learn_reads
from dvplug.train import simulated
from dvplug.train.simulated import WorldInputs, WorldSettings, simulate_worlds
from helpers.aligners import needs_aligners
from helpers.planted_reads import planted

SMALL = WorldSettings(worlds=3, scale=0.02, depths=(10.0, 30.0), seed=2)


@pytest.fixture(scope="module")
def profile(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("profile") / "p.npz"
    learn_reads(dataset.reads, dataset.reference).save(path)
    return path


def records(world: Path) -> list[str]:
    with pysam.AlignmentFile(str(world / "reads.bam")) as reads:
        return [read.to_string() for read in reads.fetch()]


def lengths_of(world: Path) -> set[int]:
    with pysam.AlignmentFile(str(world / "reads.bam")) as reads:
        return {read.query_length for read in reads.fetch() if not read.is_supplementary}


@needs_aligners
def test_a_set_has_all_that_training_needs(profile: Path, dataset: SimulatedDataset, tmp_path: Path) -> None:
    made = simulate_worlds(profile, WorldInputs(dataset.reference), SMALL, tmp_path / "set", 1)
    assert [path.name for path in made] == ["world_000", "world_001", "world_002"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]
    for world in made:
        names = {path.name for path in world.iterdir()}
        assert names == {
            "ref.fa", "ref.fa.fai", "reads.bam", "reads.bam.bai", "truth.vcf.gz", "truth.vcf.gz.tbi", "confident.bed",
            "tune.bed", "world.json",
        }  # fmt: skip
        assert 10 <= json.loads((world / "world.json").read_text())["library"]["depth"] <= 30
        ((start, end),) = [
            map(int, line.split()[1:]) for line in (world / "tune.bed").read_text().splitlines()
        ]
        with pysam.VariantFile(str(world / "truth.vcf.gz")) as truth:
            alts = [record for record in truth if start <= record.start < end and len(record.ref) == 1]
        with pysam.AlignmentFile(str(world / "reads.bam")) as reads:
            assert reads.header["RG"][0]["SM"] == world.name
            depth = np.sum(reads.count_coverage(alts[0].contig, start, end, quality_threshold=0), axis=0)
        assert depth.mean() > 3
    # Every second one is as the reads that were learnt from.
    assert lengths_of(made[0]) == lengths_of(made[2]) == {150}
    assert lengths_of(made[1]) != {150}


@needs_aligners
def test_one_that_was_stopped_goes_on_and_is_the_same(
    profile: Path, dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = WorldInputs(dataset.reference)
    whole = simulate_worlds(profile, inputs, SMALL, tmp_path / "whole", 2)
    write, seen = simulated.write_world, []

    def stopped(*args: object) -> int:
        count = write(*args)  # type: ignore[arg-type]
        seen.append(args[0])
        if len(seen) == 2:
            raise KeyboardInterrupt("enough")
        return count

    monkeypatch.setattr(simulated, "write_world", stopped)
    with pytest.raises(KeyboardInterrupt, match="enough"):
        simulate_worlds(profile, inputs, SMALL, tmp_path / "parts", 1)
    assert not (tmp_path / "parts").exists()
    unfinished = tmp_path / "parts.unfinished"
    assert [path.name for path in simulated.worlds_in(unfinished)] == ["world_000"]
    (unfinished / ".world_001.0123abcd.part").mkdir()  # as one leaves that was killed
    with pytest.raises(InputError, match="was begun with other settings"):
        simulate_worlds(profile, inputs, SMALL.model_copy(update={"seed": 3}), tmp_path / "parts", 1)
    parts = simulate_worlds(profile, inputs, SMALL, tmp_path / "parts", 1)
    assert len(seen) == 4  # the first one was not made again
    assert sorted(path.name for path in (tmp_path / "parts").iterdir() if path.name.startswith(".")) == []
    for one, other in zip(whole, parts, strict=True):
        assert records(one) == records(other)
        for name in ("ref.fa", "truth.vcf.gz", "confident.bed", "tune.bed", "world.json"):
            assert (one / name).read_bytes() == (other / name).read_bytes()


def test_absent_programs_are_named(
    profile: Path, dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    inputs, out = WorldInputs(dataset.reference), tmp_path / "set"
    with pytest.raises(
        DvplugError, match=r"bwa or minimap2 and samtools cannot be found: .* apt-get install bwa"
    ):
        simulate_worlds(profile, inputs, SMALL, out, 1)
    with pytest.raises(
        DvplugError, match=r"minimap2 and samtools cannot be found: .* apt-get install minimap2"
    ):
        simulate_worlds(profile, inputs, SMALL.model_copy(update={"programs": ("minimap2",)}), out, 1)
    assert not list(tmp_path.iterdir())


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    for name in names:
        (folder / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_the_aligners_that_are_there_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(tmp_path, monkeypatch, "minimap2", "samtools")
    assert WorldSettings().resolved().programs == ("minimap2",)
    programs(tmp_path, monkeypatch, "bwa")
    assert WorldSettings().resolved().programs == ("bwa", "minimap2")
    assert WorldSettings(programs=("bwa",)).resolved().programs == ("bwa",)


def test_what_will_not_do_is_refused_at_once(
    profile: Path, dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    programs(bin_, monkeypatch, "bwa", "samtools")
    out, inputs = tmp_path / "set", WorldInputs(dataset.reference)
    with pytest.raises(InputError, match=r"--depths 30 10\. Give two numbers"):
        simulate_worlds(profile, inputs, SMALL.model_copy(update={"depths": (30.0, 10.0)}), out, 1)
    with pytest.raises(InputError, match="--contigs z: not in the genome"):
        simulate_worlds(profile, inputs, SMALL.model_copy(update={"contigs": ("z",)}), out, 1)
    with pytest.raises(InputError, match=r"Profile '.*absent\.npz' does not exist"):
        simulate_worlds(tmp_path / "absent.npz", inputs, SMALL, out, 1)
    long = planted()
    long.length[:] = 4_000
    LearntReads(long).save(tmp_path / "long.npz")
    with pytest.raises(InputError, match="reads of 4,000 bp cannot be mapped with bwa"):
        simulate_worlds(tmp_path / "long.npz", inputs, SMALL, out, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "long.npz"]
    out.mkdir()
    with pytest.raises(InputError, match=r"--out .*set exists already"):
        simulate_worlds(profile, inputs, SMALL, out, 1)
