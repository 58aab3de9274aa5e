"""Training examples on disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dvplug.errors import InputError
from dvplug.train import store
from dvplug.train.store import ExampleReader, Examples, ExampleWriter, concatenate
from helpers.training_toys import FEATURES, LAYOUT, header, toy_examples, write_shard


def numbered(n: int, start: int = 0) -> Examples:
    """Examples that carry their number in image and feature, so that they can be told apart."""
    examples = toy_examples(n, seed=start)
    number = np.arange(start, start + n)
    examples.images[:, 0, 0, 0], examples.images[:, 0, 0, 1] = number % 256, number // 256
    examples.features[:, 1] = number
    return examples


def numbers(examples: Examples) -> list[int]:
    """Numbers of examples, after checking that image and feature still belong together."""
    low, high = examples.images[:, 0, 0].astype(int).T
    of_image = low + 256 * high
    assert of_image.tolist() == examples.features[:, 1].astype(int).tolist()
    return of_image.tolist()


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Two shards of 150 and 90 numbered examples."""
    return [
        write_shard(tmp_path / "a.h5", numbered(150)),
        write_shard(tmp_path / "b.h5", numbered(90, start=150), source="other reads"),
    ]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 130), min_size=1, max_size=5))
def test_what_is_appended_in_any_pieces_comes_back(tmp_path: Path, sizes: list[int]) -> None:
    whole = numbered(sum(sizes))
    path = tmp_path / "pieces.h5"
    start = 0
    with ExampleWriter(path, header()) as writer:
        for size in sizes:
            rows = slice(start, start + size)
            position = np.arange(start, start + size)
            writer.append(whole.take(rows), position * 0, position, position % 4)
            start += size
    if not len(whole):
        with pytest.raises(InputError, match="no examples in"):
            ExampleReader([path])
        return
    reader = ExampleReader([path])
    back = concatenate(list(reader.in_order()))
    np.testing.assert_array_equal(back.images, whole.images)
    np.testing.assert_array_equal(back.features, whole.features)
    np.testing.assert_array_equal(reader.labels, whole.labels)
    np.testing.assert_array_equal(reader.variant_types, np.arange(len(whole)) % 4)
    assert reader.header == header()


def test_a_shard_that_says_more_than_it_has_is_refused(shards: list[Path]) -> None:
    with h5py.File(shards[0], "a") as file:
        for name in ("label", "contig", "position", "variant_type", "image", "features"):
            file[name].resize(10**13, axis=0)  # as a damaged head may say: read, it would fill the memory
    with pytest.raises(InputError, match=r"a.h5' cannot be read as examples: .* 10000000000000 examples"):
        ExampleReader(shards)
    with h5py.File(shards[1], "a") as file:
        file["label"].resize(80, axis=0)
    with pytest.raises(InputError, match=r"b.h5' cannot be read as examples: .* has fewer"):
        ExampleReader(shards[1:])


@pytest.mark.parametrize(("room", "examples"), [(20_000, 5000), (0, 5), (3000, 5), (8000, 5)])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, room: int, examples: int) -> None:
    """At whichever write: the error that was met first is raised, and HDF5 does not crash at the end of the process."""
    code = (
        "import resource, sys\nimport numpy as np\nfrom pathlib import Path\n"
        "from dvplug.errors import InputError\nfrom dvplug.train.store import ExampleWriter\n"
        "from helpers.training_toys import header, toy_examples\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, -1))\n"
        f"made, place = toy_examples({examples}, seed=1), np.arange({examples})\n"
        "try:\n    with ExampleWriter(Path(sys.argv[1]), header()) as writer:\n"
        "        writer.append(made, place * 0, place, place % 4)\n"
        "except InputError as error: print(error)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "x.h5")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert "x.h5 cannot be written: File too large." in done.stdout, done.stderr
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_an_epoch_shows_every_example_once_in_full_batches(
    shards: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_BUFFER_BYTES", 2 * 64 * int(np.prod(LAYOUT.shape)))  # several buffers
    batches = list(ExampleReader(shards).shuffled(32, seed=3))
    assert [len(batch) for batch in batches] == [32] * (240 // 32)
    seen = [number for batch in batches for number in numbers(batch)]
    assert len(set(seen)) == len(seen)


def test_order_depends_on_the_seed_alone_and_mixes_shards(shards: list[Path]) -> None:
    def order(seed: int) -> list[int]:
        return [number for batch in ExampleReader(shards).shuffled(80, seed) for number in numbers(batch)]

    assert order(1) == order(1)
    assert order(1) != order(2)
    assert sorted(order(1)) == list(range(240))
    assert {number >= 150 for number in order(1)[:80]} == {True, False}


def test_keep_thins_classes(tmp_path: Path) -> None:
    reader = ExampleReader([write_shard(tmp_path / "c.h5", toy_examples(1500, seed=4))])
    labels = np.concatenate([batch.labels for batch in reader.shuffled(1, seed=1, keep=(0.2, 1.0, 0.0))])
    counts, kept = reader.class_counts(), np.bincount(labels, minlength=3)
    assert kept[1] == counts[1]
    assert kept[2] == 0
    assert abs(kept[0] - 0.2 * counts[0]) < 4 * np.sqrt(counts[0] * 0.2 * 0.8)


def test_a_failure_leaves_nothing_and_keeps_what_was_there(tmp_path: Path) -> None:
    path = write_shard(tmp_path / "d.h5", numbered(5))
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match="power cut"), ExampleWriter(path, header()):
        raise RuntimeError("power cut")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_arrays_of_another_shape_are_refused(tmp_path: Path) -> None:
    examples = toy_examples(4, seed=0)
    narrow = Examples(examples.images[:, :, :-1], examples.features, examples.labels)
    with (
        pytest.raises(ValueError, match="image has shape"),
        ExampleWriter(tmp_path / "e.h5", header()) as writer,
    ):
        writer.append(narrow, np.zeros(4, int), np.zeros(4, int), np.zeros(4, int))


def test_features_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    examples = toy_examples(4, seed=0)
    examples.features[2, 1] = np.nan
    with pytest.raises(ValueError, match="features are not all finite"):
        write_shard(tmp_path / "nan.h5", examples)
    assert not (tmp_path / "nan.h5").exists()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"encoder_version": 2}, "different encoder version"),
        ({"features": (*FEATURES[:1], "other")}, "different features"),
    ],
)
def test_shards_made_differently_are_refused(tmp_path: Path, changes: dict, match: str) -> None:
    one = write_shard(tmp_path / "f.h5", toy_examples(3, seed=0))
    other = write_shard(tmp_path / "g.h5", toy_examples(3, seed=0), **changes)
    with pytest.raises(InputError, match=match):
        ExampleReader([one, other])


def test_files_that_hold_no_examples_are_refused(tmp_path: Path) -> None:
    text, foreign = tmp_path / "text.h5", tmp_path / "foreign.h5"
    text.write_text("not HDF5")
    with h5py.File(foreign, "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match=r"text.h5' cannot be read as examples: it is no HDF5 file\. Make"):
        ExampleReader([text])
    with pytest.raises(InputError, match=r"^Examples '.*none.h5' do not exist\. Make them: `dvplug train"):
        ExampleReader([tmp_path / "none.h5"])
    with pytest.raises(InputError, match="does not hold examples"):
        ExampleReader([foreign])
    with pytest.raises(InputError, match="no examples were given"):
        ExampleReader([])
