"""`dvplug plugins new`: the project passes its own tests and ours, and calls."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pysam
import pytest

from dvplug.cli import main
from dvplug.evaluate import evaluate
from dvplug.plugins.loading import installed_plugins
from dvplug.plugins.scaffold import TEMPLATE, new_project
from dvplug.simulate import SimulatedDataset
from dvplug.testing import conformance
from helpers.registry_fixtures import REPOSITORY, Site


def run(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    with pytest.raises(SystemExit, match=r"^[012]$") as stop:
        main([str(word) for word in words])
    return int(str(stop.value)), "".join(capsys.readouterr())


@pytest.fixture(params=["plain", "steps"])
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> Path:
    """The project as it is by default, and with `--steps`."""
    more = [] if request.param == "plain" else ["--steps"]
    assert run(capsys, "plugins", "new", "my-seq", "--folder", tmp_path, *more)[0] == 0
    return tmp_path / "dvplug-my-seq"


def has_steps(project: Path) -> bool:
    return (project / "dvplug_my_seq" / "steps.py").is_file()


@pytest.fixture
def installed(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site", monkeypatch)
    site.first_party()
    site.project(project)
    installed_plugins.cache_clear()
    yield site
    site.forget()
    installed_plugins.cache_clear()


def test_every_file_of_the_template_is_written_and_filled_in(project: Path) -> None:
    written = [path for path in project.rglob("*") if path.is_file()]
    assert len(written) == len(list(TEMPLATE.rglob("*.in"))) - (0 if has_steps(project) else 2)
    assert [path for path in written if ":steps" in path.read_text()] == []
    assert (project / ".github" / "workflows" / "test.yml").is_file()
    assert [path for path in written if "$" in path.read_text()] == []


def test_the_project_is_conformant_and_passes_its_own_tests(installed: Site, project: Path) -> None:
    assert {problem for _, problem in conformance("my-seq")} == {None}
    roots = [installed.path, *(REPOSITORY / part for part in ("core", "registry", "plugins"))]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, roots))}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=project, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert f"{16 if has_steps(project) else 14} passed" in ran.stdout


def test_the_project_calls(
    installed: Site,
    project: Path,
    dataset: SimulatedDataset,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "calls.vcf.gz"
    more = ["--set", "my-seq.ends=2"] if has_steps(project) else []
    code, text = run(
        capsys, "call", "--tech", "my-seq", "--ref", dataset.reference, "--reads", dataset.reads, "--out", out,
        "--workers", 1, *more,
    )  # fmt: skip
    assert code == 0, text
    with pysam.VariantFile(str(out)) as records:
        molecules = [sum(record.info["MOL"]) for record in records if "MOL" in record.info]
        assert ("my-seq.ends=2" in str(records.header), len(molecules) > 20) == (bool(more), bool(more))
    assert evaluate(dataset.truth, out, dataset.confident, dataset.reference).snp.f1 > 0.97


@pytest.mark.parametrize("name", ["my-seq", "q", "sequencer-of-the-third-floor"])
@pytest.mark.parametrize("steps", [False, True])
def test_a_project_is_tidy_whatever_it_is_called(tmp_path: Path, name: str, steps: bool) -> None:
    project = new_project(name, tmp_path, steps=steps)
    for words in (["ruff", "check", "--no-cache", "."], ["ruff", "format", "--check", "--no-cache", "."]):
        checked = subprocess.run(
            [sys.executable, "-m", *words], cwd=project, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stdout


@pytest.mark.skipif(find_spec("mypy") is None, reason="mypy is not installed")
def test_the_project_is_typed_as_mypy_sees_it_without_plugins(project: Path) -> None:
    """And so are other plugins: what they call of ours has defaults that a type checker knows."""
    roots = [str(REPOSITORY / part) for part in ("core", "registry")]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-incremental", "."],
        cwd=project, env=os.environ | {"MYPYPATH": os.pathsep.join(roots)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout


def test_names_that_cannot_be_and_projects_that_are_there_are_refused(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text = run(capsys, "plugins", "new", "My_Seq", "--folder", tmp_path)
    assert (code, "'My_Seq' is not a plugin name" in text) == (2, True)
    code, text = run(capsys, "plugins", "new", "my-seq", "--folder", tmp_path)
    assert (code, "exists already" in text) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["dvplug-my-seq"]
