"""The page about Python: its examples run, its tables are those of the classes, and paths may be strings."""

from __future__ import annotations

import dataclasses
import inspect
import os
import pickle
import pkgutil
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dvplug
from dvplug.calling.options import CallOptions
from dvplug.errors import InputError, ManyProblems
from dvplug.evaluate import Evaluation
from dvplug.models import find_model
from dvplug.plugins.loading import installed_plugins
from dvplug.records.merge import with_lapses
from helpers.pages import BLOCK, table
from helpers.places import ROOT

PAGE = ROOT / "docs" / "python.md"
FUNCTIONS = [row[0].strip("`") for row in table("python.md", "All functions")]


def test_the_examples_of_the_page_run_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = [b["body"] for b in BLOCK.finditer(PAGE.read_text()) if b["language"].strip() == "python"]
    names: dict[str, Any] = {}
    said = []
    for number, block in enumerate(blocks):
        script = tmp_path / f"block_{number}.py"
        script.write_text(block)
        names |= runpy.run_path(str(script), names)
        said.append(capsys.readouterr().out)
    assert len(said[1].splitlines()) > 10
    errors = next(text for text in said if "|" in text).splitlines()
    assert len(errors) == 2
    assert "Did you mean 'illumina'" in errors[0]
    assert "absent.bam" in errors[1]
    assert names["found"].snp.f1 > 0.95
    assert (tmp_path / "example" / "pileup.png").stat().st_size > 1000
    assert "my-wgs@1.0.0" in said[-1]


@pytest.mark.parametrize(
    ("heading", "fields"),
    [
        ("A record", dvplug.VcfRecord._fields),
        ("A summary", [field.name for field in dataclasses.fields(dvplug.CallSummary)]),
        ("Evaluate", [field.name for field in dataclasses.fields(Evaluation)]),
    ],
)
def test_the_tables_name_all_fields_in_their_order(heading: str, fields: list[str]) -> None:
    told = [name for row in table("python.md", heading) for name in re.findall(r"`(\w+)`", row[0])]
    assert told == list(fields)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_takes_paths_as_text(name: str) -> None:
    """By its annotations; the examples of the page show it at work."""
    function: Callable[..., Any] = pkgutil.resolve_name(name)
    told = {p.name: str(p.annotation) for p in inspect.signature(function).parameters.values()}
    assert [each for each, text in told.items() if re.search(r"\bPath\b", text)] == []
    takes_paths = [each for each, text in told.items() if re.search(r"StrPath|PathLike", text)]
    assert takes_paths or name == "dvplug.show.sites.show_positions"  # whose options do


def test_every_function_of_the_packages_that_are_public_is_listed() -> None:
    """What `dvplug.train`, `dvplug.evaluate` and `dvplug.simulate` offer by name."""
    import dvplug.evaluate as evaluation
    import dvplug.simulate as simulation

    for module in (evaluation, simulation):
        for name in module.__all__:
            item = getattr(module, name)
            if inspect.isfunction(item) and any(
                "Path" in str(p) for p in inspect.signature(item).parameters.values()
            ):
                assert f"{module.__name__}.{name}" in FUNCTIONS


def test_one_text_is_one_value_and_not_its_letters(tmp_path: Path) -> None:
    bed = tmp_path / "x.bed"
    several = CallOptions.of(
        tech="wgs",
        ref="g.fa",
        reads="s.bam",
        out="",
        regions=bed,
        exclude_regions=str(bed),
        haploid_contigs="chrX",
    )
    assert several.regions == (str(bed),)
    assert several.exclude_regions == (bed,)
    assert several.haploid_contigs == ("chrX",)


def test_a_path_object_is_a_folder_of_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(dvplug.DvplugError, match="'mine' is not a model folder"):
        find_model(installed_plugins(), Path("mine"))
    assert CallOptions.of(tech="t", ref="r", reads="b", out="", model=Path("mine")).model == f"mine{os.sep}"


def test_the_highest_gq_is_what_the_lapses_allow() -> None:
    """By the function that mixes them in, at a site of whose genotype the network has no doubt."""
    for label, *told in table("python.md", "The highest GQ"):
        name, version = label.split()
        lapses = find_model(installed_plugins(), f"{name}@{version}").manifest.lapse_rates
        p = with_lapses(
            np.array([[0.0, 1.0, 0.0]] * 2),
            np.array([1, 1]),
            np.array([lapses.snp[-1][1], lapses.indel[-1][1]]),
        )
        assert told == [str(round(-10 * np.log10(1 - best))) for best in p.max(axis=1)]


def test_several_problems_survive_pickling() -> None:
    one, other = InputError("a", cause="b", repair="c"), dvplug.DvplugError("d")
    many = pickle.loads(pickle.dumps(ManyProblems([one, other])))
    assert isinstance(many, dvplug.ManyProblems)
    assert [(p.problem, p.cause, p.repair) for p in many.problems] == [("a", "b", "c"), ("d", "", "")]
    assert str(many) == "2 problems\n  1. a: b. c\n  2. d"
    assert one.problems == (one,)


def test_no_page_recommends_a_limit_of_gq_that_indels_cannot_reach() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    found = [p.name for p in pages if re.search(r"\bgq *(>=?|&gt;) *[12345]\d", p.read_text(), re.IGNORECASE)]
    assert found == []
