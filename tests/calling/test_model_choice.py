"""Of several models of a technology the one that is for these reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pysam
import pytest

import dvplug
from dvplug.calling.model_choice import choose_model
from dvplug.errors import ModelError
from dvplug.inputs.read_evidence import Evidence
from dvplug.plugins.loading import installed_plugins, load_plugins
from dvplug.simulate import SimulatedDataset
from dvplug.testing import conformance
from dvplug_registry.manifest import ModelRule
from helpers.registry_fixtures import Site, make_model

RULES: dict[str, dict[str, Any]] = {
    "toy-hac": {"header": ["basecall_model=hac"]},
    "toy-long-hac": {"header": ["basecall_model=hac"], "read_length": {"low": 1000}},
    "toy-capture": {"captured": True},
}
SUP = Evidence(
    header=("@RG DS:basecall_model=SUP", "@RG PL:X"), read_length=300, concentration=0.45, depth=30.0
)
HAC = Evidence(header=("@RG PL:X", "@RG DS:runid=1 basecall_model=HAC_v4"), read_length=300)
LONG = Evidence(header=HAC.header, read_length=5000)
EXOME = Evidence(header=("@RG PL:X",), read_length=300, concentration=0.05, depth=30.0)
UNTOLD = Evidence()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    place = Site(tmp_path / "site", monkeypatch)
    package = place.toy()
    text = (package / "__init__.py").read_text()
    models = tuple(f"{name}@1" for name in RULES)
    (package / "__init__.py").write_text(
        text.replace('model="toy >=1,<2",', f'model="toy >=1,<2", models={models},')
    )
    for name, rule in RULES.items():
        make_model(package / "models", name=name, chosen_for=rule)
    installed_plugins.cache_clear()
    yield place
    place.forget()
    installed_plugins.cache_clear()


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        ((SUP,), "toy"),
        ((HAC,), "toy-hac"),
        ((HAC, HAC), "toy-hac"),
        ((LONG,), "toy-long-hac"),
        ((LONG, HAC), "toy-hac"),
        ((EXOME,), "toy-capture"),
        ((HAC, SUP), "toy"),
        ((UNTOLD,), "toy"),
        ((), "toy"),
    ],
)
def test_the_rule_that_all_files_meet_decides(
    site: Site, capsys: pytest.CaptureFixture[str], files: tuple[Evidence, ...], chosen: str
) -> None:
    plugins = load_plugins(["toy"])
    evidence = {f"{number}.bam": told for number, told in enumerate(files)}
    model = choose_model(plugins, plugins.technology("toy"), evidence, offline=True)
    assert model.manifest.name == chosen
    said = " ".join(capsys.readouterr().err.split())
    assert (f"The model {chosen}@1.0.0 was chosen by the reads: " in said) == (chosen != "toy")
    if files == (HAC, SUP):
        assert (
            "toy-hac@1.0.0 is for some of these files alone, and is not chosen: 1.bam: no @RG or @PG has"
            in said
        )


def test_a_request_goes_before_the_rules(site: Site) -> None:
    plugins = load_plugins(["toy"])
    model = choose_model(plugins, plugins.technology("toy"), {"a": HAC}, "toy@1", offline=True)
    assert model.manifest.name == "toy"


def test_reads_are_called_with_it_and_the_header_says_so(
    site: Site, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    said = {}
    for text in ("hac@v1", "sup@v1"):
        path = tmp_path / f"{text[:3]}.bam"
        with pysam.AlignmentFile(str(dataset.reads)) as given:
            header = given.header.to_dict()
            header["RG"][0]["DS"] = f"runid=1 basecall_model={text}"
            with pysam.AlignmentFile(str(path), "wb", header=header) as out:
                for read in given.fetch("chrS", 0, 5000):
                    out.write(read)
        pysam.index(str(path))
        dvplug.call("toy", dataset.reference, path, tmp_path / f"{text[:3]}.vcf", regions="chrS:1-4000")
        said[text[:3]] = (tmp_path / f"{text[:3]}.vcf").read_text()
    assert "##dvplugModel=<ID=toy-hac@1.0.0," in said["hac"]
    assert "##dvplugModel=<ID=toy@1.0.0," in said["sup"]


def test_a_model_without_a_rule_cannot_be_one_of_several(site: Site, tmp_path: Path) -> None:
    assert dict(conformance("toy"))["models fit and verify"] is None
    models = site.path / "dvplug_toy" / "models"
    for file in (models / "toy-hac-1.0.0").iterdir():
        file.unlink()
    (models / "toy-hac-1.0.0").rmdir()
    make_model(models, name="toy-hac")
    plugins = load_plugins(["toy"])
    with pytest.raises(
        ModelError, match=r"toy-hac@1\.0\.0 does not say when it is to be chosen: .*no `chosen_for`"
    ):
        choose_model(plugins, plugins.technology("toy"), {"a": SUP}, offline=True)
    assert "has no `chosen_for`" in str(dict(conformance("toy"))["models fit and verify"])


def test_a_rule_asks_something() -> None:
    for rule in ({}, {"header": [""]}, {"colour": 1}, {"read_length": {"low": 5, "high": 1}}):
        with pytest.raises(
            ValueError, match=r"it has no condition|at least 1 character|not permitted|above high"
        ):
            ModelRule.model_validate(rule)
