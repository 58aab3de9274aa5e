"""Outputs go where they were ordered; a place that does not answer keeps neither the service nor a user waiting."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from dvplug_lab.services import ServiceProcess, served
from helpers.object_server import Objects, object_server

REQUEST = {"reads": ["reads.bam"], "ref": "reference.fa", "regions": ["chrS:1-3000"], "report": False}
OPTIONS = ("--workers", "1", "--allow-private", "--least-free", "1MB", "--drain", "0")


@pytest.fixture
def places() -> Iterator[Objects]:
    with object_server() as objects:
        yield objects


@pytest.fixture
def deaf(places: Objects) -> threading.Event:
    """A place, ``vcf``, that takes a connection and then answers nothing; set when somebody came."""
    came = threading.Event()

    def say_nothing(handler: BaseHTTPRequestHandler) -> None:
        came.set()
        places.ends.wait(300)

    places.answers["vcf"] = say_nothing
    return came


def _order(places: Objects, what: str, **more: object) -> dict[str, object]:
    return {"what": what, "urls": [f"{places.url}{what}"], **more}


def test_a_service_that_delivers_ends_when_it_is_told_and_delivers_at_its_next_start(
    own_data: Path, places: Objects, deaf: threading.Event
) -> None:
    with served(own_data, *OPTIONS) as service:
        taken = service.post(
            "api/runs", REQUEST | {"deliver": [_order(places, "vcf"), _order(places, "log")]}
        )
        assert deaf.wait(300)
        assert service.get(f"api/runs/{taken.json['id']}").json["state"] == "delivering"
        began = time.monotonic()
        service.end()
        assert time.monotonic() - began < 150  # half of what it would wait for the place
        places.answers.clear()
        service.start()
        assert service.wait(taken.json["id"])["state"] == "done"
        assert places.files["vcf"] == service.get(f"api/runs/{taken.json['id']}/outputs/calls.vcf.gz").body
        assert b'"event": "end"' in places.files["log"]


def test_a_run_that_delivers_can_be_cancelled_and_retried(
    own_data: Path, places: Objects, deaf: threading.Event
) -> None:
    with served(own_data, *OPTIONS) as service:
        run = service.post("api/runs", REQUEST | {"deliver": [_order(places, "vcf")]}).json["id"]
        assert deaf.wait(300)
        assert service.post(f"api/runs/{run}/cancel").status == 202
        assert service.wait(run)["state"] == "cancelled"
        places.answers.clear()
        assert service.post(f"api/runs/{run}/retry").status == 202
        assert service.wait(run)["state"] == "done"
        assert places.files["vcf"].startswith(b"\x1f\x8b")


def test_vcfs_are_unpacked_where_that_is_asked_for(service: ServiceProcess, places: Objects) -> None:
    orders = [_order(places, "gvcf", unpacked=True), _order(places, "vcf")]
    run = service.post("api/runs", REQUEST | {"gvcf": True, "deliver": orders}).json["id"]
    assert service.wait(run)["state"] == "done"
    packed = service.get(f"api/runs/{run}/outputs/calls.g.vcf.gz").body
    assert places.files["gvcf"] == gzip.decompress(packed)
    assert gzip.decompress(places.files["vcf"]).startswith(b"##fileformat")
    refused = service.post("api/runs", REQUEST | {"deliver": [_order(places, "log", unpacked=True)]})
    assert "only vcf and gvcf can be unpacked" in refused.json["problems"][0]["problem"]


def test_what_is_of_a_file_that_is_not_asked_for_is_refused(service: ServiceProcess) -> None:
    answer = service.post("api/runs", REQUEST | {"non_ref": True})
    assert (answer.status, b"give gvcf as true, too" in answer.body) == (422, True)


@pytest.mark.parametrize("what", ["gvcf", "gvcf_index", "report", "archive"])
def test_what_will_not_be_there_is_refused_before_it_is_called(service: ServiceProcess, what: str) -> None:
    orders = [{"what": what, "urls": ["http://127.0.0.1:9/x"]}]
    answer = service.post("api/runs", REQUEST | {"deliver": orders})
    assert answer.status == 422
    assert what.removesuffix("_index") in answer.json["problems"][0]["problem"] or what == "archive"
