"""What examples were made of is said in few words, and nothing of it is lost."""

from __future__ import annotations

import random
import re

import pytest

from dvplug_registry.example_sources import same_sources, sources_in_words
from dvplug_registry.model_folder import load_manifest
from helpers.places import ROOT

MANIFESTS = sorted((ROOT / "plugins").rglob("models/*/manifest.json"))
BEGINS = "simulated, x the share of reads that was kept: "


def spelled_out(text: str) -> set[str]:
    """The parts that a text in few words was made of, as they were written."""
    if not text.startswith(BEGINS):
        return set(text.split("; "))
    *groups, rest = re.split(r"(?<=\))(?:; |$)", text.removeprefix(BEGINS))
    found = set(rest.split("; ")) - {""}
    for group in groups:
        names, ways = re.fullmatch(r"(.*) \((.*)\)", group).groups()  # type: ignore[union-attr]
        for way in ways.split("; "):
            shifts, shares = re.fullmatch(r"(.*?) ?x ([^x]*)", way).groups()  # type: ignore[union-attr]
            found |= {
                f"simulated {name}{shift and f', {shift},'} x {share}"
                for name in listed(names)
                for shift in shifts.split(", ")
                for share in shares.split(", ")
            }
    return found


def listed(names: str) -> list[str]:
    """Names of which some are numbers alone, as in `a_1, 3 to 5`."""
    found: list[str] = []
    for name in names.split(", "):
        first, *last = name.split(" to ")
        first = re.sub(r"\d+[a-z]*$", first, found[-1]) if re.fullmatch(r"\d+[a-z]*", first) else first
        found.append(first)
        while last and re.search(r"_0*(\d+)$", found[-1])[1] != str(int(last[0])):  # type: ignore[index]
            found.append(re.sub(r"\d+$", lambda old: f"{int(old[0]) + 1:0{len(old[0])}}", found[-1]))
    return found


def test_sets_that_were_treated_alike_are_told_together() -> None:
    parts = [f"simulated world_{number:03} x {kept}" for number in (0, 1, 2, 3, 7) for kept in (1, 0.45)]
    parts += [
        "simulated deep_17x x 1",
        "simulated deep_28x x 1",
        "simulated odd, single, x 0.6",
        "simulated odd x 1",
    ]
    assert sources_in_words("; ".join([*parts, "begun with another"])) == (
        "simulated, x the share of reads that was kept: world_000 to 003, 007 (x 0.45, 1); deep_17x, 28x (x 1); "
        "odd (x 1; single x 0.6); begun with another"
    )


def test_other_texts_are_left_as_they_are() -> None:
    for text in (
        "",
        "9 examples",
        "chr20; of three, x 1 and x 0.5",
        "simulated worlds 0 to 9 of seed 1, x 1 and x 0.5",
    ):
        assert sources_in_words(text) == text
        assert not same_sources(text, text)


@pytest.mark.parametrize("seed", range(50))
def test_nothing_is_lost(seed: int) -> None:
    rng = random.Random(seed)
    names = [f"{stem}_{number:0{width}}" for stem in ("a", "b_c") for number in range(12) for width in (1, 3)]
    names += ["a_17x", "a_18x", "a_19x", "a_extra", "b 4_1"]
    parts = [
        f"simulated {name}{rng.choice(['', '', ', single,', ', length-75,'])} x {rng.choice(['1', '0.5', '0.45'])}"
        for name in rng.choices(names, k=rng.randint(1, 60))
    ]
    parts += ["begun with another"] * rng.randint(0, 1)
    told = sources_in_words("; ".join(parts))
    assert spelled_out(told) == set(parts)
    shuffled = "; ".join(sorted(parts, key=lambda _: rng.random()))
    assert same_sources("; ".join(parts), f"1,234 examples: {shuffled}")
    assert not same_sources("; ".join(parts), "; ".join([*parts, "simulated other x 1"]))


@pytest.mark.parametrize(
    "text",
    [
        "simulated a x .; simulated b x 1.2.3",
        "simulated a x e; simulated a x 1; other",
        f"simulated a_{'9' * 5000} x 1; simulated b x 1",
        "simulated a_\u0663 x 1; simulated a_\u0664 x 1; simulated a_\u0665 x 1",
    ],
)
def test_what_a_stranger_wrote_is_told_whatever_it_is(text: str) -> None:
    assert spelled_out(sources_in_words(text)) == set(text.split("; "))


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.parent.name)
def test_of_the_models_nothing_is_lost(path: object) -> None:
    manifest = load_manifest(path.parent)  # type: ignore[attr-defined]
    data = [manifest.training.data]
    if manifest.first_stage:
        count, _, rest = manifest.first_stage.data.partition(": ")
        data.append(rest)
        assert sources_in_words(manifest.first_stage.data) == f"{count}: {sources_in_words(rest)}"
    for text in data:
        told = sources_in_words(text)
        assert spelled_out(told) == set(text.split("; "))
        assert len(told) < 1000
