"""What tells the code of a run: an edit of a plugin's file does, whatever its version says."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dvplug.plugins import sources
from dvplug.plugins.loading import Plugins, load_plugins
from dvplug.plugins.sources import RunCode, code_digests

FILES = {
    "lab_finder.py": "from dvplug.candidates.finder import find_candidates\nfrom lab_helper import LIMIT\n"
    "def find(*given):\n    return find_candidates(*given)\n",
    "lab_helper.py": "LIMIT = 3\n",
    "lab_unused.py": "LIMIT = 3\n",
    "lab_package/__init__.py": "",
    "lab_package/encoder.py": "def encode(*given):\n    return None\n",
    "lab_package/inner/table.tsv": "1\t2\n",
    "lab_package/models/m-1.0.0/weights": "0",
    "lab_measures.py": "def measure(scene):\n    return None\n",
    "lab_tech.py": "from pathlib import Path\n"
    "from dvplug.hookspecs import CandidateFinder, FeatureSet, ImageEncoder, hookimpl\n"
    "from dvplug_illumina.profile import ILLUMINA_WGS\n"
    "DVPLUG_API = 2\n"
    "@hookimpl\ndef dvplug_technologies():\n"
    "    return [ILLUMINA_WGS.model_copy(update={'name': 'lab', 'aliases': (), 'candidate_finder': 'lab-finder',"
    " 'image_encoder': 'lab-encoder', 'features': ('lab-features',)})]\n"
    "@hookimpl\ndef dvplug_candidate_finders():\n"
    "    return [CandidateFinder('lab-finder', 'x', 'lab_finder:find')]\n"
    "@hookimpl\ndef dvplug_image_encoders():\n"
    "    return [ImageEncoder('lab-encoder', 'x', 'lab_package.encoder:encode')]\n"
    "@hookimpl\ndef dvplug_feature_sets():\n"
    "    return [FeatureSet('lab-features', 'x', 'lab_measures:measure', ('x',))]\n"
    "@hookimpl\ndef dvplug_model_sources():\n"
    "    return [Path(__file__).parent / 'lab_package' / 'models']\n",
}


LITERT = (("genotyper", "litert"),)


class Point:
    """An entry point of a plugin that is installed as editable: a path, and a version that stays."""

    name, module, value = "lab", "lab_tech", "lab_tech"

    class dist:
        name, version = "pluggy", "0.1.0"  # some distribution that is there
        metadata = importlib.metadata.metadata("pluggy")

    def load(self) -> object:
        return importlib.import_module("lab_tech")


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Plugins]:
    """Loads the plugin of those files, as a new process does."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    points = list(importlib.metadata.entry_points(group="dvplug"))
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **_: [*points, Point()])

    def load() -> Plugins:
        for name in [name for name in sys.modules if name.startswith("lab_")]:
            monkeypatch.delitem(sys.modules, name)
        sys.dont_write_bytecode = True
        return load_plugins()

    return load


def digests(plugins: Plugins) -> dict[str, str]:
    return code_digests(plugins, plugins.technology("lab"), LITERT)


def test_those_that_take_part_are_named(lab: Callable[[], Plugins]) -> None:
    found = digests(lab())
    found.pop("dvplug_illumina", "")  # which the plugin imports: it counts where it is no installed one
    assert set(found) == {"dvplug", "lab_finder", "lab_helper", "lab_measures", "lab_package", "lab_tech"}
    plugins = lab()
    assert set(code_digests(plugins, plugins.technology("pacbio"), LITERT)) == {"dvplug", "dvplug_pacbio"}


@pytest.mark.parametrize("name", FILES)
def test_an_edit_shows(lab: Callable[[], Plugins], tmp_path: Path, name: str) -> None:
    before, path = digests(lab()), tmp_path / name
    assert digests(lab()) == before
    path.write_text(FILES[name] + "# 1\n")
    changed = {module for module, digest in digests(lab()).items() if digest != before[module]}
    unused = {
        "lab_unused.py",
        "lab_package/models/m-1.0.0/weights",
    }  # a model's manifest has hashes of its files
    assert changed == (set() if name in unused else {name.partition("/")[0].removesuffix(".py")})


def test_a_new_file_in_a_package_shows_and_compiled_ones_do_not(
    lab: Callable[[], Plugins], tmp_path: Path
) -> None:
    before = digests(lab())
    (tmp_path / "lab_package/__pycache__").mkdir(exist_ok=True)
    (tmp_path / "lab_package/__pycache__/x.nbi").write_text("1")
    assert digests(lab()) == before
    (tmp_path / "lab_package/more.npz").write_text("1")
    assert digests(lab())["lab_package"] != before["lab_package"]


def test_libraries_are_those_of_dvplug_and_of_the_plugins(lab: Callable[[], Plugins]) -> None:
    plugins = lab()
    found = RunCode.of(plugins, plugins.technology("lab"), LITERT)
    assert {"numpy", "numba", "pysam", "ai-edge-litert"} <= set(found.libraries)
    assert "tensorflow" not in found.libraries
    assert "tensorflow" in RunCode.of(plugins, plugins.technology("lab"), LITERT, ["tensorflow"]).libraries


def test_libraries_installed_elsewhere_are_none_of_the_plugins_code(
    lab: Callable[[], Plugins], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a system's Python, `pip install --target` or PYTHONPATH: to read all of them took a minute and a half."""
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "lab_library").mkdir(parents=True)
    (elsewhere / "lab_library" / "__init__.py").write_text("import lab_beside\n")
    (elsewhere / "lab_beside.py").write_text("")
    monkeypatch.syspath_prepend(str(elsewhere))
    with (tmp_path / "lab_measures.py").open("a") as file:
        file.write("import lab_library\n")
    assert {"lab_library", "lab_beside"} <= set(digests(lab()))
    sources._holds_distributions.cache_clear()
    (elsewhere / "lab_library-1.0.dist-info").mkdir()
    assert not {"lab_library", "lab_beside"} & set(digests(lab()))
    sources._holds_distributions.cache_clear()
