"""Where the reads of a world lie, and what is labelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from dvplug.simulate.genome import Codes, N, random_genome
from dvplug.simulate.locus_noise import LocusNoise
from dvplug.simulate.world_reads import WorldPerson, WorldRun, intervals, lay_out, write_labels
from helpers.worlds import world


def person(contigs: dict[str, Codes], tune: tuple[tuple[str, int, int], ...] = ()) -> WorldPerson:
    whole: dict[str, NDArray[np.bool_]] = {name: codes != N for name, codes in contigs.items()}
    return WorldPerson(contigs, {name: [] for name in contigs}, whole, tune)


def run(bases: float, stretch: int | None = None, **changes: object) -> WorldRun:
    return WorldRun("s", world(**changes), LocusNoise(), bases, "", stretch)


@pytest.mark.parametrize("kind", ["whole", "captured", "amplicons"])
def test_stretches_hold_so_many_bases_as_planned(kind: str) -> None:
    chosen = run(6e6, kind=kind, read_length=100)
    codes = random_genome(1_500_000, np.random.default_rng(1))
    codes[300_000:600_000] = N
    someone = person({"x": codes, "y": codes[:700_000]})
    bases = 0.0
    for layout in lay_out(someone, chosen, 0.0, np.random.default_rng(2)).values():
        if layout.amplicons is not None:
            bases += float((layout.amplicons.depth * (layout.amplicons.end - layout.amplicons.start)).sum())
        else:
            bases += float(layout.blocks.depth_at(np.arange(0, len(layout.read))).sum())
        outside = np.ones(len(layout.read), bool)
        for start, end in layout.pieces:
            assert end <= 300_000 or start >= 225_000
            outside[start : end + 1000] = False
        assert not layout.read[outside].any()
    assert 0.9 * chosen.bases < bases < 4 * chosen.bases


def test_there_is_a_part_to_tune_on_and_one_to_train_on() -> None:
    codes = random_genome(1_000_000, np.random.default_rng(1))
    windows = (("x", 700_000, 1_000_000), ("z", 0, 5))
    for seed in range(5):
        layouts = lay_out(person({"x": codes}, windows), run(1.0), 0.0, np.random.default_rng(seed))
        inside = [700_000 <= start < end for start, end in layouts["x"].pieces]
        assert sum(inside) >= 1
        assert inside.count(False) == 1


def test_what_is_tuned_on_is_not_trained_on(tmp_path: Path) -> None:
    codes = random_genome(400_000, np.random.default_rng(1))
    windows = (("x", 300_000, 400_000), ("y", 100_000, 200_000))
    someone = person({"x": codes, "y": codes}, windows)
    layouts = lay_out(someone, run(1e9, 25_000), 0.0, np.random.default_rng(2))
    write_labels(tmp_path, someone, layouts)
    tune = _rows(tmp_path / "tune.bed")
    assert {name for name, _, _ in tune} == {"x", "y"}
    for name, start, end in tune:
        assert any(name == on and low <= start < end <= high for on, low, high in windows)
    for name, start, end in _rows(tmp_path / "confident.bed"):
        assert all(name != on or end <= low or start >= high for on, low, high in windows)


def test_without_a_part_to_tune_on_no_file_says_so(tmp_path: Path) -> None:
    someone = person({"x": random_genome(200_000, np.random.default_rng(1))}, (("elsewhere", 0, 9),))
    write_labels(tmp_path, someone, lay_out(someone, run(1.0), 0.0, np.random.default_rng(2)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["confident.bed"]


def test_intervals_are_the_runs_of_true() -> None:
    assert intervals("c", np.array([True, True, False, True])) == [("c", 0, 2), ("c", 3, 4)]


def _rows(path: Path) -> list[tuple[str, int, int]]:
    rows = [line.split() for line in path.read_text().splitlines()]
    return [(name, int(start), int(end)) for name, start, end in rows]
