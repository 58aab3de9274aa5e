"""What `--executor` may say, and an executor that strangers bring, as docs/cluster.md shows one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import DvplugError, InputError, PluginError
from dvplug.executors.choice import check_executor, open_pool
from dvplug.hookspecs import WorkersWanted
from dvplug.plugins.loading import installed_plugins
from dvplug.simulate import SimulatedDataset
from dvplug.testing import conformance
from helpers.pages import BLOCK
from helpers.places import ROOT, THIRD_PARTY
from helpers.registry_fixtures import Site

BROKEN = """
from dvplug.hookspecs import Executor, hookimpl

DVPLUG_API = 3


@hookimpl
def dvplug_executors():
    return [
        Executor("broken", "cannot be imported", "no_such_module:open_pool"),
        Executor("failing", "cannot be opened", "broken_lab:open_pool"),
        Executor("dask", "has a name of the engine's", "broken_lab:open_pool"),
    ]


def open_pool(place, wanted):
    raise OSError("the lab is shut")
"""


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    site = Site(tmp_path / "site", monkeypatch)
    site.first_party()
    installed_plugins.cache_clear()
    yield site
    site.forget()
    installed_plugins.cache_clear()


def test_the_page_shows_the_executor_that_is_tested() -> None:
    """Its wheel is built, checked and called with in tests/plugins/test_wheels.py."""
    page = (ROOT / "docs" / "cluster.md").read_text()
    shown = {
        block["language"].split()[1]: block["body"]
        for block in BLOCK.finditer(page)
        if " " in block["language"]
    }
    project = THIRD_PARTY / "dvplug_processes"
    assert shown == {str(path.relative_to(project)): path.read_text() for path in project.glob("*/*.py")}


def test_what_a_strangers_executor_raises_is_told_with_its_plugin(lab: Site) -> None:
    lab.plugin("broken-lab", BROKEN)
    with pytest.raises(
        PluginError, match=r"'broken' of broken-lab 1\.0 \(plugin 'broken-lab'\) cannot be used"
    ):
        check_executor("broken:here", "auto")
    check_executor("failing:here", "auto")
    with (
        pytest.raises(
            PluginError, match=r"'failing' of broken-lab .* cannot be opened at 'here': .*the lab is shut"
        ),
        open_pool("failing:here", WorkersWanted(1)),
    ):
        pass
    with pytest.raises(PluginError, match=r"'dask' is claimed by dvplug .*builtin.* and broken-lab"):
        check_executor("dask:local", "auto")


def test_one_without_a_fault_is_checked_by_opening_it(lab: Site) -> None:
    lab.project(THIRD_PARTY / "dvplug_processes")
    assert set(dict(conformance("processes")).values()) == {None}
    pool = lab.path / "dvplug_processes" / "pool.py"
    pool.write_text(
        pool.read_text().replace("function, *arguments)\n", "function, *arguments[::-1], b'x')\n", 1)
    )
    lab.forget()
    assert (
        "takes 1 positional argument but 2 were given"
        in dict(conformance("processes"))["executors call functions"]
    )


@pytest.mark.parametrize(
    ("executor", "told"),
    [
        ("dsk:local", "--executor 'dsk:local' is unknown"),
        ("dask:somewhere", "--executor dask:somewhere names no scheduler"),
        ("dask:", "--executor dask: names no scheduler"),
        ("absent.toml", "--executor absent.toml cannot be read: No such file"),
    ],
)
def test_what_is_none_is_refused(executor: str, told: str) -> None:
    pytest.importorskip("dask_jobqueue", reason="dvplug[cluster] is not installed")
    with pytest.raises(InputError, match=re.escape(told)):
        check_executor(executor, "auto")


def test_a_gpu_and_what_is_wrong_besides_are_told_together(dataset: SimulatedDataset, tmp_path: Path) -> None:
    options = CallOptions(
        "illumina-wgs", dataset.reference, (tmp_path / "absent.bam",), str(tmp_path / "calls.vcf.gz"),
        device="gpu", executor="dask:local",
    )  # fmt: skip
    with pytest.raises(
        DvplugError, match=r"--device gpu cannot be had with --executor dask:local[^$]*absent\.bam"
    ):
        call_variants(options)
