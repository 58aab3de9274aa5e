"""Downloads over real HTTP: resumed, verified, safe beside each other; and addresses that are refused."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import Offer, refresh
from dvplug_registry.download import download, download_all
from dvplug_registry.errors import RegistryError
from dvplug_registry.model_folder import open_folder, verify_files
from dvplug_registry.sources import Source
from dvplug_registry.transport import NotThere, Unreachable, check_url
from helpers.registry_servers import QUICK, Web, host, trust, web


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DVPLUG_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def offered(tmp_path: Path, home: Path) -> Iterator[tuple[Web, Source, list[Offer]]]:
    """A registry with two versions of the toy on a server, and what it offers."""
    registry = host(tmp_path, "1.0.0", "1.1.0")
    with web(registry.folder) as server:
        source = trust(registry, server.url)
        yield server, source, list(refresh(source, QUICK).offers)


Offered = tuple[Web, Source, list[Offer]]


def whole(folder: Path) -> bool:
    return verify_files(folder, open_folder(folder).manifest) == ()


def test_models_come_whole_and_are_not_fetched_twice(offered: Offered) -> None:
    server, source, offers = offered
    wanted = [(source, offer) for offer in offers]
    folders = download_all(wanted, ModelCache(), QUICK)
    assert [folder.name for folder in folders] == ["toy-1.0.0", "toy-1.1.0"]
    assert all(map(whole, folders))
    asked = len(server.log)
    assert download_all(wanted, ModelCache(), QUICK) == folders
    assert len(server.log) == asked


def test_an_unchanged_registry_is_asked_for_its_timestamp_alone(offered: Offered) -> None:
    server, source, offers = offered
    server.log.clear()
    assert list(refresh(source, QUICK).offers) == offers
    assert [path for path, _ in server.log] == ["/metadata/timestamp.json"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_transfer_that_breaks_off_is_resumed(offered: Offered, ranges: bool) -> None:
    server, source, (offer, _) = offered
    server.cuts, server.ranges = [700, 2000], ranges
    assert whole(download(source, offer, ModelCache(), QUICK))
    resumed = server.asked(offer.file)
    assert resumed == ([None, "bytes=700-", "bytes=2700-"] if ranges else [None, "bytes=700-", "bytes=2000-"])


def test_a_transfer_that_brings_nothing_ends_and_keeps_what_is_there(offered: Offered) -> None:
    server, source, (offer, _) = offered
    server.cuts = [700, 0, 0, 0, 0]
    with pytest.raises(Unreachable, match=r"stopped half-way.*--offline"):
        download(source, offer, ModelCache(), QUICK)
    assert (ModelCache().downloads / f"{offer.sha256}.part").stat().st_size == 700
    assert ModelCache().roots == ()
    server.cuts, server.log = [], []
    assert whole(download(source, offer, ModelCache(), QUICK))
    assert server.asked(offer.file) == ["bytes=700-"]


def test_a_busy_server_is_asked_again(offered: Offered) -> None:
    server, source, (offer, _) = offered
    server.refuse = [503, 429]
    assert whole(download(source, offer, ModelCache(), QUICK))
    server.refuse = [503] * 9
    with pytest.raises(Unreachable, match="cannot be had: HTTP 503"):
        QUICK.read(server.url, 10)


@pytest.mark.parametrize("part", ["spoilt", "longer"])
def test_a_spoilt_part_is_fetched_anew(offered: Offered, part: str) -> None:
    server, source, (offer, _) = offered
    cache = ModelCache()
    cache.downloads.mkdir(parents=True)
    spoilt = bytes(500) if part == "spoilt" else bytes(offer.size + 1)
    (cache.downloads / f"{offer.sha256}.part").write_bytes(spoilt)
    assert whole(download(source, offer, cache, QUICK))
    assert None in server.asked(offer.file)


KILLED = """
import sys
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import known_catalog
from dvplug_registry.download import download
from dvplug_registry.sources import find_source
from dvplug_registry.transport import Transport
source = find_source("ours")
def slowly(offer, done):
    import time
    print(done, flush=True)
    time.sleep(0.002)
print(download(source, known_catalog(source).offers[0], ModelCache(), Transport(), slowly))
"""


def test_a_killed_download_leaves_nothing_bad_and_goes_on_where_it_was(offered: Offered, home: Path) -> None:
    """The archive is padded to many chunks, and the process killed at random ones."""
    server, source, (offer, _) = offered
    path = server.folder / "targets" / offer.file
    content = path.read_bytes()
    rng = random.Random(3)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for _ in range(3):
        # The server trickles: each answer breaks off after some bytes, and is resumed until the process is killed.
        server.cuts = [rng.randint(1, 40) for _ in range(2000)]
        with subprocess.Popen(
            [sys.executable, "-c", KILLED], env=environment, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.random() * 0.1)
            process.send_signal(signal.SIGKILL)
        part = ModelCache().downloads / f"{offer.sha256}.part"
        assert content.startswith(part.read_bytes())
        assert ModelCache().roots == ()
    have = part.stat().st_size
    assert 0 < have < len(content)
    server.cuts, server.log = [], []
    assert whole(download(source, offer, ModelCache(), QUICK))
    assert server.asked(offer.file) == [f"bytes={have}-"]


def test_two_processes_fetch_a_model_once(offered: Offered, home: Path) -> None:
    server, _, (offer, _) = offered
    server.cuts = [60] * 12
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    told = [process.communicate()[0].splitlines()[-1] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert told[0] == told[1]
    assert whole(Path(told[0]))
    assert server.asked(offer.file).count(None) == 1


def test_threads_fetch_a_model_once(offered: Offered) -> None:
    server, source, (offer, _) = offered
    server.cuts = [300, 300, 300]
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(lambda _: download(source, offer, ModelCache(), QUICK), range(4)))
    assert len(folders) == 1
    assert server.asked(offer.file) == [None, "bytes=300-", "bytes=600-", "bytes=900-"]


def test_what_is_too_large_is_not_begun(offered: Offered, monkeypatch: pytest.MonkeyPatch) -> None:
    server, source, (offer, _) = offered
    server.log.clear()
    with pytest.raises(RegistryError, match="more than 2000000000 are never downloaded"):
        download(source, offer.model_copy(update={"size": 3 * 10**9}), ModelCache(), QUICK)
    with pytest.raises(RegistryError, match=r"no room for toy@1.0.0: it needs .*DVPLUG_HOME"):
        download(source, offer.model_copy(update={"unpacked": 10**18}), ModelCache(), QUICK)
    assert server.log == []


def test_redirects_are_followed_but_not_to_less_safety(offered: Offered, tmp_path: Path) -> None:
    server, source, (offer, _) = offered
    moved = server.folder / "moved.tar"
    (server.folder / "targets" / offer.file).rename(moved)
    server.redirects[f"/targets/{offer.file}"] = "/moved.tar"
    assert whole(download(source, offer, ModelCache(), QUICK))
    for target, problem in (
        ("http://example.com/x", "is not an address to download from"),
        (f"file://{moved}", "must not leave https, nor lead to files"),
        ("/again", "redirected too often"),
    ):
        server.redirects |= {"/again": target}
        with pytest.raises(RegistryError, match=problem):
            QUICK.read(f"{server.url}again", 10**6)
    with pytest.raises(RegistryError, match="must not leave https"):
        check_url("http://127.0.0.1/", before="https://example.com/")


def test_a_proxy_of_the_environment_is_used(offered: Offered, monkeypatch: pytest.MonkeyPatch) -> None:
    server, _, _ = offered
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "")
    with pytest.raises(NotThere, match="HTTP 404"):
        QUICK.read("http://localhost:9/metadata/timestamp.json", 10**6)
    assert server.log[-1][0] == "http://localhost:9/metadata/timestamp.json"
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert QUICK.read(f"{server.url}metadata/timestamp.json", 10**6)
    assert server.log[-1][0] == "/metadata/timestamp.json"


def test_files_serve_as_well_as_a_server(tmp_path: Path, home: Path) -> None:
    registry = host(tmp_path, "1.0.0")
    source = trust(registry, registry.folder.as_uri())
    (offer,) = refresh(source, QUICK).offers
    assert whole(download(source, offer, ModelCache(), QUICK))
    with pytest.raises(NotThere, match=r"nothing' does not exist"):
        QUICK.read(f"{registry.folder.as_uri()}/nothing", 10)
    with pytest.raises(RegistryError, match="more than 10 bytes"):
        QUICK.read(f"{registry.folder.as_uri()}/metadata/timestamp.json", 10)
