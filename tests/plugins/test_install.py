"""`dvplug plugins install` and `uninstall` in an environment of their own: the whole cycle, and what is rolled back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.plugins import install as installing
from dvplug.plugins.scaffold import new_project
from dvplug.simulate import SimulatedDataset
from helpers.command import run as command
from helpers.environments import OFFLINE, fresh_environment
from helpers.registry_fixtures import TOY, make_model

pytestmark = pytest.mark.skipif(
    not all(map(find_spec, ("pip", "hatchling", "editables"))), reason="pip and hatchling build the plugins"
)
Run = Callable[..., tuple[int, str]]
ONNX = TOY.parent / "dvplug_onnx"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fresh_environment(tmp_path_factory.mktemp("environment"))


@pytest.fixture
def run(python: Path, tmp_path: Path) -> Iterator[Run]:
    environment = (
        os.environ
        | OFFLINE
        | {
            "DVPLUG_HOME": str(tmp_path / "home"),
            "DVPLUG_PLUGINS": "illumina",
        }
    )
    environment.pop("PYTHONPATH", None)

    def run_(*words: object, only: str | None = None) -> tuple[int, str]:
        chosen = environment | ({"DVPLUG_PLUGINS": only} if only else {})
        ran = subprocess.run(
            [python, "-c", "from dvplug.cli import main; main()", *map(str, words)],
            env=chosen, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return ran.returncode, " ".join((ran.stdout + ran.stderr).split())

    yield run_
    for name in ("dvplug-my-seq", "dvplug-toy", "dvplug-bad", "dvplug-onnx"):
        subprocess.run([python, "-m", "pip", "uninstall", "-y", name], capture_output=True, check=False)


def listed(run: Run) -> dict[str, str]:
    environment_wide = json.loads(run("plugins", "list", "--json", only="illumina")[1])
    return {row["name"]: row["status"] for row in environment_wide}


def module(folder: Path, name: str, source: str, entry_point: str = "") -> Path:
    """A project of one module."""
    project = folder / name
    project.mkdir()
    package = name.replace("-", "_")
    (project / f"{package}.py").write_text(textwrap.dedent(source))
    (project / "pyproject.toml").write_text(
        f'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n[project]\nname = "{name}"\n'
        f'version = "1.0"\n[tool.hatch.build.targets.wheel]\ninclude = ["{package}.py"]\n'
        + (f'[project.entry-points.dvplug]\n{entry_point} = "{package}"\n' if entry_point else "")
    )
    return project


def test_from_a_new_project_to_a_call_and_away_again(
    run: Run, dataset: SimulatedDataset, tmp_path: Path, python: Path
) -> None:
    project = new_project("my-seq", tmp_path)
    code, text = run("plugins", "install", project, "--dry-run")
    assert (code, "Would install dvplug-my-seq-0.1.0" in text) == (0, True), text
    assert "my-seq" not in listed(run)
    code, text = run("plugins", "install", project)
    assert (code, "Ready: my-seq." in text) == (0, True), text
    assert listed(run)["my-seq"] == "off"  # as the variable says; installed it is
    out = tmp_path / "calls.vcf"
    code, text = run(
        "call", "--tech", "my-seq", "--ref", dataset.reference, "--reads", dataset.reads, "--out", out,
        "--workers", 1, only="illumina,my-seq",
    )  # fmt: skip
    assert code == 0, text
    assert "##" in out.read_text()
    code, text = run("plugins", "check", "my-seq", only="illumina,my-seq")
    assert code == 0, text
    own = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (own.returncode, " passed" in own.stdout) == (0, True), own.stdout
    code, text = run("plugins", "uninstall", "my-seq")
    assert (code, "Uninstalled dvplug-my-seq." in text) == (0, True), text
    assert "my-seq" not in listed(run)


def test_an_editable_project(run: Run, tmp_path: Path) -> None:
    project = shutil.copytree(TOY, tmp_path / "toy")
    make_model(project / "dvplug_toy" / "models")
    code, text = run("plugins", "install", "-e", project)
    assert (code, "Ready: toy." in text) == (0, True), text


@pytest.mark.skipif(not find_spec("onnxruntime"), reason="onnxruntime is not installed")
def test_a_wheel_of_another_genotyper(run: Run, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ONNX],
        check=True,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("*.whl")
    code, text = run("plugins", "install", wheel)
    assert (code, "Ready: onnx." in text) == (0, True), text
    code, text = run("plugins", "check", "onnx", only="illumina,onnx")
    assert (code, text.count(": ok")) == (0, text.count("onnx: ")), text


@pytest.mark.parametrize(
    ("source", "entry_point", "problem"),
    [
        ("raise RuntimeError('no licence')", "bad", "importing it failed: RuntimeError: no licence"),
        ("DVPLUG_API = 0", "bad", "it was written for hook API 0"),
        (
            """
            from dvplug.hookspecs import Channel, hookimpl
            DVPLUG_API = 2
            @hookimpl
            def dvplug_channels(): return [Channel("strand", "mine", "dvplug_bad:draw")]
            """,
            "bad",
            "channel 'strand' is also claimed by dvplug",
        ),
        ("x = 1", "", "dvplug-bad: no dvplug plugin is in it"),
    ],
)
def test_what_does_not_load_or_clashes_is_uninstalled_again(
    run: Run, tmp_path: Path, source: str, entry_point: str, problem: str
) -> None:
    code, text = run("plugins", "install", module(tmp_path, "dvplug-bad", source, entry_point))
    assert (code, problem in text, "it was uninstalled again" in text) == (2, True, True), text
    assert "bad" not in listed(run)


def test_what_breaks_dvplug_itself_is_uninstalled_again(run: Run, tmp_path: Path) -> None:
    project = module(tmp_path, "dvplug-bad", "DVPLUG_API = 2", "bad")
    (project / "pluggy.py").write_text("raise ImportError('another pluggy')\n")
    described = project / "pyproject.toml"
    described.write_text(described.read_text().replace("include = [", 'include = ["pluggy.py", '))
    code, text = run("plugins", "install", project)
    assert (code, "dvplug does not run beside it" in text, "new: dvplug-bad" in text) == (2, True, True), text
    names = listed(run)
    assert ("illumina" in names, "bad" in names) == (True, False)


def test_what_was_replaced_comes_back(run: Run, tmp_path: Path) -> None:
    good = module(
        tmp_path, "dvplug-bad",
        """
        from dvplug.hookspecs import Channel, hookimpl
        DVPLUG_API = 2
        @hookimpl
        def dvplug_channels(): return [Channel("mine", "mine", "dvplug_bad:draw")]
        """,
        "bad",
    )  # fmt: skip
    assert run("plugins", "install", good)[0] == 0
    (tmp_path / "worse").mkdir()
    worse = module(tmp_path / "worse", "dvplug-bad", "raise RuntimeError('no licence')", "bad")
    (worse / "pyproject.toml").write_text((worse / "pyproject.toml").read_text().replace('"1.0"', '"2.0"'))
    code, text = run("plugins", "install", worse)
    assert (code, "no licence" in text) == (2, True), text
    code, text = run("plugins", "show", "bad", only="bad")
    assert "dvplug-bad 1.0" in text
    assert "status: ok" in text


def test_what_cannot_be_done_is_told(run: Run, tmp_path: Path) -> None:
    for words, problem in (
        (("install",), "no plugin was named"),
        (("install", tmp_path / "nothing"), "the plan cannot be made"),
        (("uninstall", "ilumina"), "no plugin is called 'ilumina'"),
        (("uninstall", "illumina"), "'illumina' is a part of dvplug"),
    ):
        code, text = run("plugins", *words)
        assert (code, problem in text) == (2, True), text


@pytest.mark.parametrize(
    "words",
    [
        ("install", "--", "--index-url=https://example.org"),
        ("install", "--", "-r", "list.txt"),
        ("install", "--", "toy", " --target=/tmp"),
        ("install", "--editable=--upgrade"),
        ("uninstall", "--", "-y"),
    ],
)
def test_options_are_not_passed_on_to_the_installer(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran: list[object] = []
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **_: ran.append(arguments))
    assert command("plugins", *words) == 2
    assert "is an option, and no plugin: options of pip and uv are not passed on" in capsys.readouterr().err
    assert ran == []


def test_an_address_that_a_distribution_claims_to_come_from_is_no_option_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(installing, "_run", lambda *_: pytest.fail("the installer was run"))
    installer = installing.Installer(("pip",))
    changes = installing.Changes((), {"toy": ("1.0", "--index-url=https://example.org")})
    with pytest.raises(InputError, match="is an option"):
        installing._roll_back(installer, changes)
    with pytest.raises(InputError, match="is an option"):
        installer.uninstall("-r")
