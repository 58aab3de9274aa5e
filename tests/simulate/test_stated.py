"""A sequencer stated in numbers: reads drawn by it err as stated, and files that state nothing are refused."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dvplug.errors import InputError
from dvplug.simulate.learn.alignments import GAP, Alignment, run_at
from dvplug.simulate.stated import StatedReads, read_profile, stated_profile
from helpers.planted_reads import simulated
from helpers.stated_reads import STATED


def stated(**changes: Any) -> StatedReads:
    return StatedReads.model_validate(STATED | changes)


def test_bases_are_misread_as_often_as_stated_and_as_their_qualities_say() -> None:
    found, _ = simulated(stated_profile(stated(spread=0.0)), np.random.default_rng(1))
    true, read, quality = (
        np.concatenate([getattr(one, name)[(one.read != GAP) & (one.reference != GAP)] for one in found])
        for name in ("reference", "read", "quality")
    )
    wrong = true != read
    assert wrong.mean() == pytest.approx(0.02, rel=0.05)
    assert ((true + 2) % 4 == read)[wrong].mean() == pytest.approx(0.7, abs=0.02)  # A and G, C and T
    assert set(quality.tolist()) == {8, 20, 40}
    assert (quality[~wrong] == 40).mean() == pytest.approx(0.6, abs=0.01)
    # Of a Q8 base the odds to be wrong are 10 ** 1.2 times those of a Q20 base.
    odds = {q: wrong[quality == q].mean() / (~wrong[quality == q]).mean() for q in (8, 20)}
    assert odds[8] / odds[20] == pytest.approx(10**1.2, rel=0.2)


def test_qualities_that_tell_nothing() -> None:
    quality = {"values": {"40": 0.5, "10": 0.5}, "tell": 0.0}
    found, _ = simulated(stated_profile(stated(spread=1.0, quality=quality)), np.random.default_rng(2))
    read, true, told = (
        np.concatenate([getattr(a, n) for a in found]) for n in ("read", "reference", "quality")
    )
    wrong = (read != true) & (read != GAP) & (true != GAP)
    assert (told[wrong] == 40).mean() == pytest.approx(0.5, abs=0.05)


def test_lengths_of_homopolymers_are_misread_the_more_often_the_longer_they_are() -> None:
    runs = {"error": 0.01, "growth": 2.0, "too_long": 0.25, "by_more": 0.2}
    profile = stated_profile(stated(substitution=1e-9, spread=0.0, runs=runs))
    found, _ = simulated(profile, np.random.default_rng(3))
    seen: dict[int, list[int]] = {}
    for one in found:
        i = 1
        while i < len(one.reference) - 12:
            if one.reference[i] == GAP or one.reference[i] == one.reference[i - 1]:
                i += 1
                continue
            _, end, length, shown = run_at(one.read, one.reference, i)
            if shown >= 0:
                seen.setdefault(length, []).append(shown - length)
            i = max(end, i + 1)
    for length in (2, 3, 4):
        changes = np.array(seen[length])
        odds = 0.01 / 0.99 * 2 ** (length - 1)
        assert (changes != 0).mean() == pytest.approx(odds / (1 + odds), rel=0.2)
    changes = np.concatenate([seen[length] for length in (3, 4, 5)])
    assert (changes > 0).sum() / (changes != 0).sum() == pytest.approx(0.25, abs=0.05)


def test_indels_are_as_often_and_as_long_as_stated() -> None:
    profile = stated_profile(stated(substitution=1e-9, deletion=0.003, longer_indels=0.5, spread=0.0))
    found, _ = simulated(profile, np.random.default_rng(4))
    gone = np.concatenate([np.append(one.read == GAP, False) for one in found])
    first, last = (np.flatnonzero(np.diff(gone.astype(np.int8), prepend=0) == step) for step in (1, -1))
    lengths = np.bincount(last - first)
    assert len(first) / sum(len(one.read) for one in found) == pytest.approx(0.003, rel=0.15)
    assert lengths[1] / lengths[2] == pytest.approx(2.0, rel=0.25)


def test_reads_differ_by_the_spread_and_their_mean_does_not() -> None:
    narrow, wide = (stated_profile(stated(spread=spread)) for spread in (0.0, 1.0))
    assert np.ptp(narrow.substitution_p) == 0
    assert wide.substitution_p.mean() == pytest.approx(narrow.substitution_p.mean())
    assert wide.substitution_p[3] / wide.substitution_p[0] == pytest.approx(np.exp(2 * 1.15), rel=0.01)
    assert wide.length.mean() == pytest.approx(600, rel=0.01)
    assert wide.length.std() == pytest.approx(150, rel=0.02)


def test_qualities_fall_along_homopolymers_where_they_tell_of_them() -> None:
    def mean(told: bool, run: int) -> float:
        quality = {"values": {"40": 1.0}, "runs_tell": told}
        profile = stated_profile(stated(spread=0.0, runs={"error": 0.001, "growth": 2.0}, quality=quality))
        return float((np.diff(profile.quality[0, 0, run, 0], prepend=0) * np.arange(94)).sum())

    assert mean(False, 3) == 40
    assert mean(True, 0) == 40
    assert mean(True, 3) == pytest.approx(40 - 3 * 10 * np.log10(2), abs=1)  # runs of 4 bp


def as_it_was_read(one: Alignment) -> tuple[np.ndarray, ...]:
    """True bases, those read and their qualities, in sequencing order, without gaps: of reads that have no indels."""
    shown = one.read != GAP
    columns = one.reference[one.reference != GAP], one.read[shown], one.quality[shown]
    return tuple(x[::-1] if one.reverse else x for x in columns)


def test_a_wrong_colour_turns_all_bases_behind_it_by_one_step_until_it_is_mended() -> None:
    colours = {"error": 0.004, "mended": 0.25}
    quality = {"values": {"30": 0.8, "10": 0.2}}
    told = stated(substitution=1e-9, spread=0.0, colours=colours, quality=quality)
    found, _ = simulated(stated_profile(told), np.random.default_rng(6))
    lengths, first, later = [], [], []
    for one in found:
        true, read, said = as_it_was_read(one)
        step = true ^ read
        edges = np.flatnonzero(np.diff(step, prepend=0, append=0))
        for start, end in pairwise(edges.tolist()):
            if step[start] and end < len(step):
                lengths.append(end - start)
                first.append(said[start])
                later += said[start + 1 : end].tolist()
    bases = sum(len(one.read) for one in found)
    assert len(lengths) / bases == pytest.approx(0.004 * 0.986, rel=0.1)  # none begins within another
    assert np.mean(lengths) == pytest.approx(1 / 0.25, rel=0.1)
    # The odds of Q10 are a hundred times those of Q30, 25 times as many being there: only the first base tells.
    assert np.mean(np.array(first) == 10) == pytest.approx(0.2 * 0.1 / (0.2 * 0.1 + 0.8 * 0.001), abs=0.05)
    assert np.mean(np.array(later) == 10) == pytest.approx(0.2, abs=0.05)


def test_errors_grow_along_a_read_and_qualities_fall_with_them() -> None:
    quality = {"values": {"30": 1.0}}
    profile = stated_profile(stated(spread=0.0, last_to_first=16, quality=quality, length={"mean": 600}))
    found, _ = simulated(profile, np.random.default_rng(7))
    wrong, said = np.zeros(2), np.zeros(2)
    for one in found:
        true, read, q = as_it_was_read(one)
        for half, part in enumerate(np.array_split(np.arange(len(read)), 2)):
            wrong[half] += (read[part] != true[part]).mean() / len(found)
            said[half] += q[part].mean() / len(found)
    assert wrong.mean() == pytest.approx(0.02, rel=0.05)
    assert wrong[1] / wrong[0] == pytest.approx(16**0.5, rel=0.15)
    assert said[0] - said[1] == pytest.approx(10 * np.log10(16) / 2, abs=0.5)


def test_short_reads_are_written_too() -> None:
    found, _ = simulated(stated_profile(stated(length={"mean": 50}, deletion=0.01)), np.random.default_rng(8))
    assert min(len(one.read) - (one.read == GAP).sum() for one in found) < 50


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Expecting property name"),
        ("[]", "valid dictionary"),
        (json.dumps(STATED | {"substitution": "often"}), "substitution"),
        (json.dumps(STATED | {"substitutions": 0.1}), "substitutions"),
        (json.dumps({k: v for k, v in STATED.items() if k != "source"}), "source"),
        (json.dumps(STATED | {"quality": {"values": {"120": 1.0}}}), "120 is no base quality"),
        (json.dumps(STATED | {"quality": {"values": {}}}), "values"),
        (b"\xff\xfe{}", "decode"),
    ],
)
def test_a_file_that_states_nothing_is_refused(text: str | bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "reads.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=r"'.*reads.json' does not state how reads err") as told:
        read_profile(path)
    assert said in str(told.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no.json' does not exist"):
        read_profile(tmp_path / "no.json")


def test_the_example_of_the_docs_has_the_defaults_that_they_name() -> None:
    text = (Path(__file__).parents[2] / "docs" / "train-a-model.md").read_text()
    shown = json.loads(text.split("```json\n", 1)[1].split("```", 1)[0])
    least = {name: shown[name] for name in ("source", "length", "substitution")}
    least |= {"runs": {"error": shown["runs"]["error"]}, "quality": {"values": shown["quality"]["values"]}}
    told = {"growth": 1.9}, {"insertion": 1e-4, "deletion": 1e-4, "platform": "ULTIMA"}, {"runs_tell": True}
    least["runs"] |= told[0]
    least["quality"] |= told[2]
    assert StatedReads.model_validate(least | told[1]) == StatedReads.model_validate(shown)
