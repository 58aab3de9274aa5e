"""Dask's dashboard of a scheduler of ours: there once a run takes longer."""

from __future__ import annotations

import time
import urllib.error
import urllib.request

import pytest

from dvplug.executors import dask_pool
from dvplug.hookspecs.executors import WorkersWanted

pytest.importorskip("distributed", reason="dvplug[cluster] is not installed")
pytest.importorskip("bokeh", reason="dvplug[cluster] is not installed")


def test_it_comes_where_its_address_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_pool, "DASHBOARD_S", 0.1)
    with dask_pool.open_dask("local", WorkersWanted(1, None)) as pool:
        address = pool.described().rpartition("dashboard ")[2]
        until = time.monotonic() + 120
        while (status := _status(address)) != 200:
            assert time.monotonic() < until, status
            time.sleep(0.05)
        for page in ("health", "info/main/workers.html", "json/counts.json"):
            assert _status(address.replace("status", page)) == 200, page


def _status(address: str) -> int:
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
