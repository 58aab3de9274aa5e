"""Lists for pip, packages for conda, the image: they hold what dvplug asks for; and the image's steps, run."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from dvplug import __version__
from dvplug.simulate import SimulatedDataset
from dvplug_lab.slim_requirements import requirement_lists
from helpers.command import call_words
from helpers.places import ROOT
from helpers.recipes import RECIPES

CONDA_NAMES = {"matplotlib": ["matplotlib-base"], "flatbuffers": ["python-flatbuffers"]}
CONDA_EXTRAS = {("securesystemslib", "crypto"): "cryptography"}
NOBODY = 65534
MOST_MB = 800
"""Of the installation; the base image has some 130 MB."""


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML")
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_lists_hold_all_but_tensorflow(project: dict[str, Any]) -> None:
    for name, text in requirement_lists(ROOT / "pyproject.toml").items():
        assert (RECIPES / name).read_text() == text, "run python tools/slim_requirements.py"
    left = [Requirement(line) for line in (RECIPES / "slim.txt").read_text().splitlines() if line[0] != "#"]
    needed = [Requirement(line) for line in project["dependencies"]]
    assert {str(one) for one in needed} - {str(one) for one in left} == {"tensorflow<3,>=2.18"}
    assert len(left) == len(needed) - 1


def in_conda(needed: list[Requirement]) -> dict[str, SpecifierSet]:
    """What conda calls these requirements."""
    found = {}
    for one in needed:
        for name in CONDA_NAMES.get(one.name, [one.name]):
            found[name] = one.specifier
        found |= {CONDA_EXTRAS[one.name, extra]: SpecifierSet() for extra in one.extras}
    return found


def told(entries: list[str]) -> dict[str, SpecifierSet]:
    """What a recipe asks for."""
    return {name: SpecifierSet(rest) for name, _, rest in (entry.partition(" ") for entry in entries)}


def recipe(name: str) -> dict[str, Any]:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return yaml.safe_load((RECIPES / "conda" / name).read_text())


def test_packages_for_conda_ask_for_what_dvplug_does(project: dict[str, Any]) -> None:
    found = recipe("recipe.yaml")
    base, whole = found["outputs"]
    needed = [Requirement(line) for line in project["dependencies"]]
    slim = [one for one in needed if one.name != "tensorflow"]
    (tensorflow,) = (one for one in needed if one.name == "tensorflow")
    cluster = [Requirement(line) for line in project["optional-dependencies"]["cluster"]]

    assert found["context"]["version"] == __version__
    assert Requirement(f"python{project['requires-python']}").specifier.contains(
        found["context"]["python_min"]
    )
    python, *rest = base["requirements"]["run"]
    assert python == "python >=${{ python_min }}"
    assert told(rest) == in_conda(slim)
    constrained = told(base["requirements"]["run_constraints"])
    assert constrained == in_conda([tensorflow, *(one for one in cluster if one.marker is None)])
    assert whole["requirements"]["run"] == ["dvplug-base ==${{ version }}", "tensorflow >=2.18,<3"]
    assert told(["tensorflow >=2.18,<3"]) == in_conda([tensorflow])
    scripts = [f"{name} = {target}" for name, target in project["scripts"].items()]
    assert base["build"]["python"]["entry_points"] == scripts
    assert "hatchling >=1.26" in base["requirements"]["host"]
    source = RECIPES / "conda" / found["source"]["path"]
    assert (source / "pyproject.toml").samefile(ROOT / "pyproject.toml")


@pytest.mark.parametrize("name", ["ai-edge-litert", "deflate"])
def test_a_package_that_conda_lacks_asks_for_what_its_wheel_does(project: dict[str, Any], name: str) -> None:
    found = recipe(f"{name}/recipe.yaml")
    (wanted,) = (one for one in map(Requirement, project["dependencies"]) if one.name == name)
    assert wanted.specifier.contains(found["context"]["version"])
    installed = importlib.metadata.version(name)
    if installed != found["context"]["version"]:
        pytest.skip(f"{name} {installed} is installed")
    asked = map(Requirement, importlib.metadata.requires(name) or [])
    needed = {
        name.replace("-", "_"): rest
        for name, rest in in_conda([one for one in asked if not one.marker]).items()
    }
    python, *rest = found["requirements"]["run"]
    assert python == "python"
    assert {name.replace("-", "_"): rest for name, rest in told(rest).items()} == needed


def instructions() -> list[list[tuple[str, str]]]:
    """The Containerfile's instructions by stage: what stands before the first FROM, the build, the image."""
    text = re.sub(r"^#.*\n", "", (RECIPES / "Containerfile").read_text(), flags=re.M).replace("\\\n", " ")
    stages: list[list[tuple[str, str]]] = [[]]
    for line in filter(None, text.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest))
    return stages


def clean_environment() -> dict[str, str]:
    left_out = ("PYTHONPATH", "NUMBA_CACHE_DIR", "DVPLUG_HOME", "XDG_CACHE_HOME")
    return {name: value for name, value in os.environ.items() if name not in left_out}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage that builds makes, by its own steps: /opt/dvplug and /source lie in a folder here."""
    root = tmp_path_factory.mktemp("image")
    tried = subprocess.run(
        ["pip", "download", "-q", "--no-deps", "-d", str(root / "tried"), "pluggy"],
        env=clean_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    if tried.returncode:
        pytest.skip(f"pip reaches no packages: {tried.stderr.strip()[-200:]}")
    _, build, _ = instructions()
    variables, place = clean_environment(), root
    for word, rest in build:
        if word == "ARG":
            name, _, value = rest.partition("=")
            variables[name] = value.strip('"')
        elif word == "WORKDIR":
            place = root / rest.lstrip("/")
            place.mkdir(parents=True)
        elif word == "COPY":
            *sources, to = rest.split()
            for source in sources:
                copy(ROOT / source, place / to)
        elif word == "RUN":
            step = rest.replace("/opt/", f"{root}/opt/")
            done = subprocess.run(
                ["sh", "-ec", step], cwd=place, env=variables, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{step}\n{done.stdout}\n{done.stderr}"
            assert "ERROR" not in done.stderr
        else:
            assert word == "FROM", word
    return root / "opt" / "dvplug"


def copy(source: Path, to: Path) -> None:
    """As COPY: a file into a folder, what is in a folder into a folder."""
    if source.is_dir():
        shutil.copytree(source, to, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, to)


def test_the_image_is_small_and_all_may_read_it(image: Path) -> None:
    files = [path for path in image.rglob("*") if not path.is_symlink()]
    (packages,) = image.glob("lib/python3*/site-packages")
    assert (packages / "ai_edge_litert").is_dir()
    assert not [path.name for path in packages.iterdir() if re.match(r"(tensorflow|keras)\b", path.name)]
    assert sum(path.stat().st_blocks * 512 for path in files) / 1e6 < MOST_MB
    (kernels,) = image.glob("lib/python3*/site-packages/dvplug/__pycache__/kernels")
    assert len(list(kernels.rglob("*.o"))) > 20
    for path in (path for path in files if path.name != "lock"):
        wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
        assert path.stat().st_mode & wanted == wanted, path
        assert not path.stat().st_mode & stat.S_IWOTH


COMPILED = """
import sys
from numba.core import event

class Compiled(event.Listener):
    def on_start(self, event): pass
    def on_end(self, event): print("compiled", event.data["dispatcher"].py_func.__qualname__)
event.register("numba:compile", Compiled())

from dvplug.cli import main
main(sys.argv[1:])
"""


@pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0 or shutil.which("setpriv") is None,
    reason="only root can become somebody else, with setpriv",
)
def test_whoever_runs_it_compiles_nothing_and_writes_but_the_output(
    image: Path, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    os.chown(out, NOBODY, NOBODY)
    words = call_words(dataset, out / "calls.vcf.gz", "--gvcf", out / "calls.g.vcf.gz", "--resume")
    as_nobody = [
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
        "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search",  # for what lies above the image here
    ]  # fmt: skip
    home = dict.fromkeys(("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DVPLUG_HOME"), "/proc/nonexistent")
    done = subprocess.run(
        [*as_nobody, str(image / "bin" / "python"), "-c", COMPILED, *words],
        env=clean_environment() | home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert {path.name for path in out.iterdir()} == {
        "calls.vcf.gz", "calls.vcf.gz.tbi", "calls.g.vcf.gz", "calls.g.vcf.gz.tbi"
    }  # fmt: skip


def test_in_the_image_what_needs_tensorflow_says_so(
    image: Path, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    words = [word.replace("cpu", "gpu") for word in call_words(dataset, tmp_path / "calls.vcf")]
    done = subprocess.run(
        [str(image / "bin" / "dvplug"), *words],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "tensorflow is not installed" in done.stderr


def test_the_image_is_nobodys_and_starts_what_it_is_told(image: Path) -> None:
    *_, last = instructions()
    words = dict(last)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", words["USER"])
    assert "ENTRYPOINT" not in words
    assert ("COPY", "--from=build /opt/dvplug /opt/dvplug") in last
    assert words["ENV"].startswith("PATH=/opt/dvplug/bin:$PATH ")
    assert words["CMD"] == '["dvplug", "--help"]'
    done = subprocess.run(
        [str(image / "bin" / "dvplug"), "--help"],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Usage: dvplug" in done.stdout
