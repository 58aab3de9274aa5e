"""Sets of examples that must lie apart, and fits that are told of before and after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug.errors import InputError, ManyProblems
from dvplug.genome.reference import Reference
from dvplug.simulate import SimulatedDataset
from dvplug.train.compare import compare_strategies
from dvplug.train.examples import LabeledReads, make_examples
from dvplug.train.fit import fit
from dvplug.train.fit_inputs import check_fit_inputs, warn_of_chance, warn_of_few_steps
from dvplug.train.places import common_places
from dvplug.train.state import Epoch, Fit, FitSettings
from dvplug.train.store import ExampleReader
from dvplug.train.tune import measure
from helpers.training_toys import TINY, header, toy_examples, write_shard

SETTINGS = FitSettings(architecture_settings=TINY, epochs=1, batch_size=32)
POSITIONS = st.lists(st.integers(0, 30), max_size=12)


@given(one=POSITIONS, other=POSITIONS, digests=st.tuples(*[st.sampled_from(["", "x", "y"])] * 2))
def test_common_places_are_those_of_sets(one: list[int], other: list[int], digests: tuple[str, str]) -> None:
    arrays = [np.unique(np.array(positions, np.int32)) for positions in (one, other)]
    found = common_places(
        {"1": (digests[0], arrays[0])}, {"1": (digests[1], arrays[1]), "2": ("", arrays[0])}
    )
    both = set(one) & set(other) if digests[0] == digests[1] or "" in digests else set()
    assert {contig: positions.tolist() for contig, positions in found.items()} == (
        {"1": sorted(both)} if both else {}
    )


def test_examples_of_one_place_are_refused_whichever_file_they_lie_in(tmp_path: Path) -> None:
    train = write_shard(tmp_path / "train.h5", toy_examples(64, seed=1), contigs=("chr1",))
    tune = write_shard(tmp_path / "tune.h5", toy_examples(40, seed=2), contigs=("chr1",))
    with pytest.raises(InputError, match=r"training and tune examples share 40 places, such as chr1:1 of"):
        fit([train], [tune], SETTINGS, tmp_path / "fit")
    with pytest.raises(InputError, match=r"'train\.h5' is among both training and tune examples"):
        fit([train], [train], SETTINGS, tmp_path / "fit")
    assert not list(tmp_path.glob("fit*"))


def test_contigs_of_one_name_in_two_genomes_are_two_places(tmp_path: Path) -> None:
    """As in simulated genomes, all of which call their contigs alike."""
    shards = [
        write_shard(
            tmp_path / f"{name}.h5", toy_examples(64, seed=1), contigs=("chr1",), contig_digests=(name,)
        )
        for name in ("one", "other")
    ]
    assert len(check_fit_inputs(shards[:1], shards[1:], SETTINGS).tune) == 64


def test_shards_of_overlapping_regions_of_real_work_are_refused(
    dataset: SimulatedDataset, tmp_path: Path
) -> None:
    with Reference.open(dataset.reference) as reference:
        contig, length = next(iter(reference.lengths.items()))
        digest = reference.fingerprint(contig)
    reads = LabeledReads.of(str(dataset.reference), [dataset.reads], dataset.truth, str(dataset.confident))
    shards = []
    for name, region in (("low", (1, length // 2)), ("high", (length // 2 - 3000, length))):
        shards.append(str(tmp_path / f"{name}.h5"))
        assert make_examples("wgs", reads, shards[-1], regions=[f"{contig}:{region[0]}-{region[1]}"])
    low, high = (ExampleReader([shard]) for shard in shards)
    assert low.header.contig_digests == (digest,)
    both = set(low.sites[0][contig][1].tolist()) & set(high.sites[0][contig][1].tolist())
    with pytest.raises(InputError, match=f"share {len(both)} places"):
        check_fit_inputs(shards[:1], shards[1:], SETTINGS.model_copy(update={"batch_size": 1}))


def test_a_comparison_looks_at_everything_before_it_trains(tmp_path: Path) -> None:
    target = [write_shard(tmp_path / "target.h5", toy_examples(64, seed=1))]
    source = [write_shard(tmp_path / "source.h5", toy_examples(64, seed=2), technology="other")]
    tune = [write_shard(tmp_path / "tune.h5", toy_examples(64, seed=3))]
    test = write_shard(tmp_path / "test.h5", toy_examples(64, seed=4), contigs=("tune",))
    other = write_shard(tmp_path / "other.h5", toy_examples(64, seed=5), encoder_version=2)
    fit(source, tune, SETTINGS, tmp_path / "from")
    missing = tmp_path / "missing.h5"
    out = tmp_path / "out"
    with pytest.raises(ManyProblems) as caught:
        compare_strategies(target, tune, [test, other, missing], source, tmp_path / "from", SETTINGS, 4, out)
    said = [str(problem) for problem in caught.value.problems]
    assert len(said) == 3
    assert "missing.h5' do not exist" in said[0]
    assert "tune and test examples share 64 places" in said[1]
    assert "differ in encoder_version" in said[2]
    assert not out.exists()
    with pytest.raises(ManyProblems, match=r"(?s)nowhere' is not a model folder.*no test examples"):
        compare_strategies(target, tune, [], source, tmp_path / "nowhere", SETTINGS, 4, out)


def test_few_steps_are_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_few_steps(FitSettings(epochs=5, batch_size=64), 99)
    assert "only 495 steps (5 epochs of 99 batches of 64)" in capsys.readouterr().err
    warn_of_few_steps(FitSettings(epochs=5), 100)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("sharpness", "told"), [(0.0, True), (0.3, True), (5.0, False)])
def test_a_fit_near_chance_is_told_of(
    sharpness: float, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers between the shares of the genotypes, which know nothing, and the labels."""
    labels = np.random.default_rng(1).choice(3, 4000, p=(0.7, 0.2, 0.1)).astype(np.int8)
    shares = np.bincount(labels) / len(labels)
    odds = shares * np.exp(sharpness * np.eye(3)[labels])
    metrics = measure((odds / odds.sum(axis=1, keepdims=True)).astype(np.float32), labels, labels * 0)
    entropy = -(shares * np.log(shares)).sum()
    assert metrics.chance_log_loss == pytest.approx(entropy)
    if not sharpness:
        assert metrics.log_loss == pytest.approx(entropy, rel=1e-5)
    epochs = (Epoch(train_losses=(1.0,), tune=metrics),)
    state = Fit(header=header(), settings=SETTINGS, n_examples=1, sources=(), epochs=epochs)
    warn_of_chance(state)
    assert ("hardly better than chance" in capsys.readouterr().err) is told
