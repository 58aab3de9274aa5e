"""Loading plugins: real distributions on sys.path, whole ones, broken ones and ones that clash."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from dvplug.errors import PluginError
from dvplug.hookspecs import HOOK_API, Channel, FeatureSet, import_named
from dvplug.plugins.loading import PluginInfo, Plugins, installed_plugins, load_plugins
from helpers.registry_fixtures import Site, make_model

CHANNEL = """
from dvplug.hookspecs import Channel, hookimpl
DVPLUG_API = 2

@hookimpl
def dvplug_channels():
    return [Channel("{name}", "a channel", "nowhere:draw")]
"""

TECHNOLOGY = """
from dvplug.hookspecs import hookimpl
from dvplug.technology import ImageLayout, TechnologyProfile
DVPLUG_API = 2

@hookimpl
def dvplug_technologies():
    image = ImageLayout(height=8, width=11, channels=("read_base",))
    return [TechnologyProfile(name="{name}", aliases=("{alias}",), description="d", model="m", image=image)]
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    place = Site(tmp_path, monkeypatch)
    yield place
    place.forget()
    installed_plugins.cache_clear()


def info(plugins: Plugins, name: str) -> PluginInfo:
    return next(plugin for plugin in plugins.plugins if plugin.name == name)


def test_the_engine_registers_its_parts_by_the_hooks() -> None:
    plugins = load_plugins(())
    assert plugins.candidate_finder("allele-counter").function == "dvplug.candidates.finder:find_in_context"
    assert plugins.image_encoder("pileup").version == 2
    assert plugins.genotyper("litert").function == "dvplug.genotypes.genotyper:open_genotyper"
    assert len(plugins.names("channel")) == 12
    assert plugins.names("feature set") == [
        *("length-likelihoods", "length-shares", "length-summary", "read-odds", "relative-site", "site")
    ]
    assert plugins.network("small-cnn").settings == "dvplug.genotypes.small_cnn:SmallCnnSettings"
    assert [(p.name, p.status) for p in plugins.plugins if p.status != "off"] == [("builtin", "ok")]
    assert plugins.problems == ()


def test_a_technology_is_found_by_name_and_alias(site: Site) -> None:
    site.toy()
    plugins = load_plugins(["toy"])
    assert plugins.technology("toy") is plugins.technology("toy-reads")
    assert [profile.name for profile in plugins.technologies()] == ["toy"]
    toy = info(plugins, "toy")
    assert (toy.distribution, toy.version, toy.status) == ("dvplug-toy", "0.3.0", "ok")
    assert toy.provides == (
        "technology toy",
        "candidate finder toy-finder",
        "feature set toy-counts",
        "channel toy_stripes",
        "network toy-dense",
        "genotyper toy-formula",
        "model toy@1.0.0",
    )
    with pytest.raises(PluginError, match=r"no plugin offers the technology 'toi'\. Did you mean 'toy'\?"):
        plugins.technology("toi")


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (("Requires-Dist: dvplug>=99",), "it needs dvplug >=99: this is .*Install a dvplug that it is for"),
        (("Requires-Dist: dvplug <0.1",), r"it needs dvplug <0\.1"),
        (("Keywords: genomics,dvplug-hook-api-7",), "it was written for hook API 7: this dvplug"),
        (
            ("Keywords: dvplug-hook-api-1",),
            r"hook API 1: this dvplug .* has hook API 3, and serves plugins for 2 and 3\. .*or a plugin for 3",
        ),
    ],
)
def test_a_plugin_for_another_dvplug_is_refused_without_importing_it(
    site: Site, about: tuple[str, ...], reason: str
) -> None:
    site.plugin("dvplug-other", "import no_such_module_at_all", point="other", about=about)
    found = info(load_plugins(["other"]), "other")
    assert found.status == "failed"
    assert re.search(reason, found.reason)


def test_a_plugin_for_this_dvplug_is_loaded(site: Site) -> None:
    about = (
        "Requires-Dist: dvplug>=0.1",
        "Requires-Dist: dvplug-other>=99",
        "Requires-Dist: dvplug>=99; extra == 'future'",
        f"Keywords: genomics,dvplug-hook-api-{HOOK_API}",
    )
    source = CHANNEL.replace("DVPLUG_API = 2", f"DVPLUG_API = {HOOK_API}")
    site.plugin("dvplug-fine", source.format(name="fine"), point="fine", about=about)
    found = info(load_plugins(["fine"]), "fine")
    assert (found.status, found.api) == ("ok", HOOK_API)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_at_all", "importing it failed: ModuleNotFoundError: .*no_such_module_at_all"),
        ("raise RuntimeError('no licence found')", "importing it failed: RuntimeError: no licence found"),
        ("raise SystemExit(3)", "importing it failed: SystemExit: 3"),
        ("def f(:", "importing it failed: SyntaxError"),
        (CHANNEL.replace("DVPLUG_API = 2", ""), f"does not say which hook API .*DVPLUG_API = {HOOK_API}"),
        (
            CHANNEL.replace("DVPLUG_API = 2", "DVPLUG_API = 1"),
            "hook API 1: this dvplug .* has hook API 3, and serves .*with hook API 1, or a plugin for 3",
        ),
        (
            CHANNEL.replace("dvplug_channels", "dvplug_chanels"),
            "not as specified: .*unknown hook 'dvplug_chanels'",
        ),
        (CHANNEL.replace("channels()", "channels(reads)"), "not as specified: .*{'reads'} are declared"),
        (CHANNEL.replace("@hookimpl", ""), "it has no hooks. Mark functions"),
        (CHANNEL.replace("[Channel", "Channel").replace(")]", ")"), r"returned Channel, not list\[Channel\]"),
        (CHANNEL.replace("[Channel(", "[str("), "calling dvplug_channels failed: TypeError"),
        (
            CHANNEL.replace('[Channel("{name}", "a channel", "nowhere:draw")]', '["x"]'),
            "'x', which is not a Channel",
        ),
        (
            CHANNEL.replace("{name}", "a b"),
            "calling dvplug_channels failed: channel 'a b': a name is letters",
        ),
    ],
)
def test_a_broken_plugin_is_reported_and_the_others_work(site: Site, source: str, reason: str) -> None:
    site.plugin("dvplug-broken", source.replace("{name}", "x"), point="broken", version="0.2")
    site.plugin("dvplug-fine", CHANNEL.format(name="fine"), point="fine")
    plugins = load_plugins(["broken", "fine"])
    broken = info(plugins, "broken")
    assert broken.status == "failed"
    assert not broken.provides
    assert re.search(reason, broken.reason)
    assert plugins.problems == (f"dvplug-broken 0.2 (plugin 'broken'): {broken.reason}",)
    assert plugins.channel("fine").name == "fine"
    with pytest.raises(PluginError, match=r"failed to load: dvplug-broken 0\.2 \(plugin 'broken'\)"):
        plugins.technology("what-the-broken-one-had")


def test_a_name_of_two_distributions_is_neither_s(site: Site) -> None:
    site.plugin("dvplug-one", CHANNEL.format(name="same"), point="one", version="1.1")
    site.plugin("dvplug-two", CHANNEL.format(name="same"), point="two", version="2.2")
    plugins = load_plugins(["one", "two"])
    with pytest.raises(
        PluginError, match=r"'same' is claimed by dvplug-one 1\.1 .* and dvplug-two 2\.2 .*Uninstall"
    ):
        plugins.channel("same")
    assert "same" not in plugins.names("channel")
    assert [info(plugins, name).status for name in ("one", "two")] == ["problem", "problem"]
    assert "also claimed by dvplug-two 2.2" in info(plugins, "one").reason
    assert plugins.channel("read_base").name == "read_base"
    assert load_plugins(["one"]).channel("same").name == "same"


def test_an_alias_cannot_take_over_a_technology(site: Site) -> None:
    site.toy()
    site.plugin("dvplug-thief", TECHNOLOGY.format(name="thief", alias="toy"), point="thief")
    plugins = load_plugins(["toy", "thief"])
    with pytest.raises(PluginError, match=r"technology 'toy' is claimed by dvplug-thief .* and dvplug-toy"):
        plugins.technology("toy")
    # what only one of them claims still works
    assert plugins.technology("toy-reads").name == "toy"
    assert plugins.technology("thief").name == "thief"


def test_nobody_replaces_a_part_of_the_engine(site: Site) -> None:
    site.plugin("dvplug-thief", CHANNEL.format(name="read_base"), point="thief")
    with pytest.raises(PluginError, match=r"'read_base' is claimed by dvplug .*'builtin'\) and dvplug-thief"):
        load_plugins(["thief"]).channel("read_base")


def test_one_plugin_that_names_a_thing_twice(site: Site) -> None:
    site.plugin("dvplug-twice", TECHNOLOGY.format(name="same", alias="same"), point="twice")
    plugins = load_plugins(["twice"])
    assert "technology 'same' is also claimed by itself" in info(plugins, "twice").reason
    with pytest.raises(PluginError, match="'same' is claimed by dvplug-twice"):
        plugins.technology("same")


def test_model_sources_that_are_not_as_they_should_be(site: Site) -> None:
    source = """
        from pathlib import Path
        from dvplug.hookspecs import hookimpl
        DVPLUG_API = 2

        @hookimpl
        def dvplug_model_sources():
            here = Path(__file__).parent
            return [here / "absent", here / "models", here / "models" / "toy-1.0.0"]
        """
    site.plugin("dvplug-m", textwrap.dedent(source), point="m")
    make_model(site.path / "models")
    make_model(site.path / "models", version="1.1.0").rename(site.path / "models" / "latest")
    plugins = load_plugins(["m"])
    m = info(plugins, "m")
    assert m.status == "problem"
    assert m.provides == ("model toy@1.0.0",)
    for text in ("absent' is not a folder", "latest' is not called name-version", "is itself a model folder"):
        assert text in m.reason


def test_the_environment_variable_chooses(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.plugin("dvplug-one", CHANNEL.format(name="one"), point="one")
    site.plugin("dvplug-bad", "raise RuntimeError('imported')", point="bad")
    for value, loaded in (("one", ["builtin", "one"]), ("", ["builtin"]), (" one , ", ["builtin", "one"])):
        monkeypatch.setenv("DVPLUG_PLUGINS", value)
        installed_plugins.cache_clear()
        plugins = installed_plugins()
        assert [p.name for p in plugins.plugins if p.status == "ok"] == loaded
        assert info(plugins, "bad").status == "off"
        assert installed_plugins() is plugins
    monkeypatch.setenv("DVPLUG_PLUGINS", "oone")
    installed_plugins.cache_clear()
    with pytest.raises(PluginError, match=r"DVPLUG_PLUGINS: no plugin 'oone'\. Did you mean 'one'"):
        installed_plugins()


def test_the_order_does_not_depend_on_installation(site: Site) -> None:
    for name in ("dvplug-z", "dvplug-a", "dvplug-m"):
        site.plugin(name, CHANNEL.format(name=name), point=name)
    plugins = load_plugins(["dvplug-z", "dvplug-a", "dvplug-m"])
    assert [p.name for p in plugins.plugins if p.status == "ok"] == [
        "builtin",
        "dvplug-a",
        "dvplug-m",
        "dvplug-z",
    ]


def test_features_that_no_manifest_could_name_are_refused_before_any_training() -> None:
    own = FeatureSet("own", "d", "nowhere:measure", ("depth", "change_+1"))
    with pytest.raises(PluginError, match=r"'own': feature 'change_\+1' cannot be named so: .*Rename it"):
        own.column_names()
    assert FeatureSet("own", "d", "nowhere:measure", ("change_-1",)).column_names() == ("change_-1",)
    for columns in ("math:pi", ()):
        with pytest.raises(PluginError, match=r"'own': its columns are .*Name what it measures, in a tuple"):
            FeatureSet("own", "d", "nowhere:measure", columns).column_names()


def test_import_strings_that_lead_nowhere() -> None:
    with pytest.raises(PluginError, match="'numpy' does not say where to import from"):
        import_named("numpy")
    with pytest.raises(PluginError, match="'nowhere:draw' cannot be imported: ModuleNotFoundError"):
        Channel("x", "d", "nowhere:draw").load()
    with pytest.raises(PluginError, match="'math:no_such' cannot be imported: AttributeError"):
        import_named("math:no_such")
    with pytest.raises(PluginError, match="channel 'x': math:pi is not a function"):
        Channel("x", "d", "math:pi").load()
    assert Channel("x", "d", "math:floor").load()(1.5) == 1
    assert Channel("x", "d", abs).load()(-1) == 1
