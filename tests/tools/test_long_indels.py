"""How calls of long indels are matched with true ones."""

from __future__ import annotations

import random

import pytest

from dvplug.errors import InputError
from dvplug_lab.long_indels.measured import Indel, IndelMeasures, added, measure, similarity
from dvplug_lab.long_indels.simulated import reads_of_file
from dvplug_lab.places import REPOSITORY

RNG = random.Random(1)
REFERENCE = "".join(RNG.choices("ACGT", k=4000))
NOVEL = "".join(RNG.choices("ACGT", k=300))


def inserted(at: int, bases: str, copies: int = 1) -> Indel:
    return Indel(at, REFERENCE[at], REFERENCE[at] + bases, copies)


def deleted(at: int, size: int, copies: int = 1) -> Indel:
    return Indel(at, REFERENCE[at : at + 1 + size], REFERENCE[at], copies)


def counts(truth: list[Indel], called: list[Indel]) -> IndelMeasures:
    return added(measure(truth, called, REFERENCE).values())


def test_near_calls_of_like_size_and_bases_are_found() -> None:
    noisy = NOVEL[:100] + "T" + NOVEL[101:290]
    assert counts([inserted(1000, NOVEL)], [inserted(1010, noisy)]) == (1, 0, 0, 0)
    assert counts([deleted(2000, 200)], [deleted(2004, 180)]) == (1, 0, 0, 0)
    assert counts([inserted(1000, NOVEL, 2)], [inserted(1000, NOVEL)]) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    "called",
    [
        inserted(1501, NOVEL),  # too far
        inserted(1000, NOVEL[:200]),  # too short
        inserted(1000, NOVEL[::-1]),  # other bases
        deleted(1000, 300),
    ],
)
def test_others_are_missed_and_false(called: Indel) -> None:
    assert counts([inserted(1000, NOVEL)], [called]) == (0, 1, 1, 0)


def test_each_call_is_one_indel_and_short_ones_are_not_false() -> None:
    one = inserted(1000, NOVEL)
    assert counts([one], [one, one]) == (1, 0, 1, 0)
    assert counts([one, one], [one]) == (1, 1, 0, 0)
    assert counts([], [inserted(1000, NOVEL[:45])]) == (0, 0, 0, 0)
    assert counts([inserted(1000, NOVEL[:50])], [inserted(1000, NOVEL[:45])]) == (1, 0, 0, 0)


def test_a_copy_is_the_same_before_and_behind_the_other_one() -> None:
    copy = REFERENCE[1001:1301]
    behind = inserted(1300, copy)
    assert similarity(inserted(1000, copy), behind, REFERENCE) == 1
    between = inserted(1150, copy[150:] + copy[:150])
    assert similarity(behind, between, REFERENCE) == 1


def test_classes_and_shares() -> None:
    found = measure([deleted(500, 60), inserted(2000, NOVEL)], [deleted(500, 60)], REFERENCE)
    assert found == {("DEL", "50 to 99"): (1, 0, 0, 0), ("INS", "200 to 399"): (0, 1, 0, 0)}
    both = added(found.values())
    assert (both.recall, both.precision) == (0.5, 1)


def test_reads_that_are_stated_are_mapped_by_how_much_they_err_and_short_ones_are_refused() -> None:
    stated = {name: REPOSITORY / "plugins" / f"dvplug-{name}" / "reads.json" for name in ("ont-r9", "solid")}
    noisy = reads_of_file(stated["ont-r9"])
    assert (noisy.aligner, noisy.platform) == ("map-ont", "ONT")
    with pytest.raises(InputError, match="is of short reads"):
        reads_of_file(stated["solid"])
