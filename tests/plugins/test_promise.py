"""A version of the boundary is a promise: plugins of every hook API that is served go on working."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.hookspecs import HOOK_API, SERVED_APIS
from dvplug.plugins.adapters import PositionalEncode, PositionalFind, loaded
from dvplug.plugins.loading import installed_plugins, load_plugins
from dvplug.simulate import SimulatedDataset
from dvplug.testing import PluginConformance
from helpers.places import THIRD_PARTY
from helpers.registry_fixtures import Site, make_model

YESTERDAY = THIRD_PARTY / "api_2"
ENCODER = {"name": "toy-images", "version": 1}


class TestYesterday(PluginConformance):
    """A plugin of hook API 2, with a part of each kind, as its author would test it today."""

    entry_point = "toy"

    @pytest.fixture(autouse=True)
    def _installed(self, site: Site) -> None:
        make_model(site.project(YESTERDAY) / "models", encoder=ENCODER)

    def test_it_is_of_the_api_before_this_one(self) -> None:
        assert self.info().api == 2
        assert SERVED_APIS == (2, HOOK_API) == (2, 3)
        plugins = self.plugins()
        assert isinstance(loaded(plugins.offer("candidate finder", "toy-finder")), PositionalFind)
        assert isinstance(loaded(plugins.offer("image encoder", "toy-images")), PositionalEncode)


def records(dataset: SimulatedDataset, out: Path) -> list[str]:
    call_variants(CallOptions("toy", dataset.reference, (dataset.reads,), str(out), workers=2))
    return [line for line in out.read_text().splitlines() if not line.startswith("#")]


def test_a_plugin_of_yesterday_calls_what_it_would_call_today(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dataset: SimulatedDataset
) -> None:
    """The toy as it was, in worker processes, and the toy as it is: the same finder, images, features and formula."""
    said = []
    for day in ("yesterday", "today"):
        folder = tmp_path / day
        folder.mkdir()
        with monkeypatch.context() as patch:
            site = Site(folder, patch)
            if day == "yesterday":
                make_model(site.project(YESTERDAY) / "models", encoder=ENCODER)
            else:
                site.toy()
            installed_plugins.cache_clear()
            assert load_plugins(["toy"]).plugins[-1].api == (2 if day == "yesterday" else 3)
            said.append(records(dataset, tmp_path / f"{day}.vcf"))
            site.forget()
            installed_plugins.cache_clear()
    assert len(said[0]) > 50
    assert said[0] == said[1]
