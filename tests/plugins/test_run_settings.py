"""``--set plugin.key=value``: it reaches the plugin's functions, it is told, and what is wrong with it is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dvplug
from dvplug.calling.journal import differences, identity
from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants, prepare_call
from dvplug.engine.draw import RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.errors import DvplugError, InputError, PluginError
from dvplug.line.region import Region
from dvplug.plugins.loading import installed_plugins, load_plugins
from dvplug.plugins.run_settings import given_settings
from dvplug.reads.groups import ReadSource
from dvplug.simulate import SimulatedDataset
from dvplug.testing import conformance
from helpers.command import run_captured
from helpers.registry_fixtures import Site

SETTINGS = """
from typing import Literal

from pydantic import Field

from dvplug.hookspecs import Frozen, PluginSettings


class ToySettings(Frozen):
    more: int = Field(default=1, ge=0, description="reads that an indel needs more")
    shade: int = 255
    by: Literal["strand", "name"] = "name"
    sizes: tuple[int, ...] = ()


@hookimpl
def dvplug_settings():
    return [PluginSettings(ToySettings)]
"""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The toy with settings: of its finder, its feature set and its channel."""
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site", monkeypatch)
    site.first_party()
    package = site.toy()
    with (package / "__init__.py").open("a") as file:
        file.write(SETTINGS)
    edit(package / "finding.py", "min_count_snps + 1", "min_count_snps + context.settings.more")
    edit(package / "measuring.py", "reads / 100", "reads / 100 + scene.settings.more")
    edit(
        package / "drawing.py",
        "_stripes(pileup.cell, out)",
        "_stripes(pileup.cell, out)\n    out[out > 0] = pileup.settings.shade",
    )
    installed_plugins.cache_clear()
    yield package
    site.forget()
    installed_plugins.cache_clear()


def drawn(dataset: SimulatedDataset, *given: str) -> tuple[int, float, int]:
    """Candidates with indels, least of the first feature, and the highest pixel of the channel."""
    plugins = load_plugins(["toy"])
    pipeline = Pipeline.of(plugins, plugins.technology("toy"), given_settings(plugins, given))
    drawer = RegionImages(pipeline, dataset.reference, [ReadSource(dataset.reads)])
    parts = list(drawer.draw(Region("chrS", 0, 50_000)))
    indels = sum(
        any(len(alt) != len(ref) for alt in alts)
        for part in parts
        for ref, alts in zip(part.candidates.refs, part.candidates.alts, strict=True)
    )
    least = np.concatenate([part.images.features[:, 0] for part in parts]).min()
    return indels, float(least), int(max(part.images.images[..., 1].max() for part in parts))


def test_functions_of_the_plugin_get_what_was_set_or_the_defaults(
    toy: Path, dataset: SimulatedDataset
) -> None:
    indels, least, shade = drawn(dataset)
    assert 1 <= least < 2
    assert shade == 255
    fewer, more, darker = drawn(dataset, "toy.more=12", "toy.shade=7")
    assert 0 < fewer < indels
    assert 12 <= more < 13
    assert darker == 7
    assert dict(conformance("toy"))["settings of the plugin have defaults"] is None


def test_it_is_told_in_the_header_and_is_part_of_what_a_run_is(
    toy: Path, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    said = {}
    for name, given in (
        ("none", {}),
        ("text", {"set": "toy.more=12"}),
        ("values", {"set": {"toy.more": 12}}),
    ):
        out = tmp_path / f"{name}.vcf"
        dvplug.call("toy", dataset.reference, dataset.reads, out, **given)
        said[name] = out.read_text()
    assert said["text"] == said["values"]
    assert " --set toy.more=12\n" in said["text"]
    assert "--set" not in said["none"]
    assert said["none"].count("\n") > said["text"].count("\n")  # of the toy's finder fewer indels
    given = CallOptions.of(
        tech="toy", ref="a.fa", reads="a.bam", out="o.vcf", set=["toy.shade=7", "toy.more=12"]
    )
    assert given.to_repeat()["set"] == ["toy.more=12", "toy.shade=7"]


def test_a_run_that_goes_on_has_the_same_settings(
    toy: Path, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    def run(given: str) -> dict[str, Any]:
        options = CallOptions.of(
            tech="toy", ref=dataset.reference, reads=dataset.reads, out=str(tmp_path / "o.vcf"), set=given
        )
        prepared = prepare_call(options)
        return identity(options, prepared.job, prepared.partitions, prepared.code)

    assert differences(run("toy.more=12"), run("toy.more=12")) == []
    assert differences(run("toy.more=12"), run("toy.more=13")) == [
        "option set was toy.more=12, is toy.more=13"
    ]


WRONG = {
    "toy.mor=1": r"--set toy\.mor: .* no such setting: its settings are more, shade, by, sizes. Did you mean 'more'\?",
    "toi.more=1": r"--set toi\.more: no plugin is called 'toi': plugins with settings: toy. Did you mean 'toy'\?",
    "illumina.more=1": r"the plugin 'illumina' has no settings: plugins with settings: toy",
    "toy.more": r"--set toy\.more is no setting. Write plugin\.key=value",
    "more=1": "--set more=1 is no setting",
    "toy.more=-1": r"--set toy\.more=-1: the plugin 'toy' refuses that: more: Input should be greater than or equal",
    "toy.more=few": r"refuses that: more: Input should be a valid integer.*`dvplug plugins show toy`",
    "toy.more=1_0": r"--set toy\.more=1_0 is no number: an underscore stands in it",
    "toy.by=colour": r"by: Input should be 'strand' or 'name'",
    "toy.sizes=[1,": r"--set toy\.sizes=\[1, is no JSON",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_before_the_first_read(toy: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError, match=WRONG[text]):
        given_settings(load_plugins(["toy", "illumina"]), [text])
    with pytest.raises(DvplugError, match=WRONG[text]):
        call_variants(
            CallOptions.of(tech="toy", ref="no.fa", reads="no.bam", out=str(tmp_path / "o.vcf"), set=text)
        )


def test_a_setting_is_given_once_and_lists_are_json(toy: Path) -> None:
    plugins = load_plugins(["toy"])
    with pytest.raises(InputError, match=r"--set toy\.more is given twice"):
        given_settings(plugins, ["toy.more=1", "toy.more=2"])
    assert given_settings(plugins, ["toy.sizes=[1,2]"])["toy"].sizes == (1, 2)  # type: ignore[attr-defined]


def test_settings_of_a_plugin_that_takes_no_part_are_refused(toy: Path) -> None:
    plugins = load_plugins(["toy", "illumina"])
    given = given_settings(plugins, ["toy.more=2"])
    with pytest.raises(InputError, match="the plugin 'toy' takes no part in calls of 'illumina-wgs'"):
        Pipeline.of(plugins, plugins.technology("illumina-wgs"), given)


def test_they_are_shown_with_the_plugin(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = run_captured(capsys, "plugins", "show", "toy")[1]
    assert "toy.more=1: reads that an indel needs more\n" in text


def test_a_plugin_has_one_class_of_settings_with_defaults(toy: Path) -> None:
    edit(toy / "__init__.py", "shade: int = 255", "shade: int")
    plugins = load_plugins(["toy"])
    with pytest.raises(
        PluginError, match=r"the settings of dvplug-toy .* lack a default: shade: Field required"
    ):
        Pipeline.of(plugins, plugins.technology("toy"))
    edit(toy / "__init__.py", "[PluginSettings(ToySettings)]", "[PluginSettings(ToySettings)] * 2")
    sys.modules.pop("dvplug_toy")
    assert "dvplug_settings returned several classes" in load_plugins(["toy"]).plugins[-1].reason
