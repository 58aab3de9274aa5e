"""What the service tells of itself."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from dvplug import __version__
from dvplug_lab.services import ServiceProcess, served
from helpers.places import ROOT


def test_it_is_live_and_ready(service: ServiceProcess) -> None:
    assert service.get("v1/health/live").json["status"] == "live"
    ready = service.get("v1/health/ready")
    assert (ready.status, ready.json["status"]) == (200, "ready")


def test_it_is_not_ready_without_room(own_data: Path) -> None:
    with served(own_data, "--least-free", "1000TB") as service:
        ready = service.get("v1/health/ready")
        assert ready.status == 503
        assert "bytes of the disk are free" in ready.json["message"]
        assert service.get("v1/health/live").status == 200
        refused = service.post("api/runs", {"reads": ["reads.bam"], "ref": "reference.fa"})
        assert refused.status == 507


def test_models_are_told_with_their_files(service: ServiceProcess) -> None:
    manifest = service.get("v1/manifest").json
    models = manifest["models"]
    assert json.loads(manifest["manifest_file"])["models"] == models
    assert {"illumina-wgs", "illumina-wes", "pacbio", "ont", "ion"} <= {one["name"] for one in models}
    import dvplug_pacbio

    folder = Path(dvplug_pacbio.__file__).parent / "models" / "pacbio-1.0.0"
    pacbio = next(one for one in models if one["name"] == "pacbio")
    assert pacbio["sha256"] == hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    for one in pacbio["files"]:
        content = (folder / one["name"]).read_bytes()
        assert (one["size"], one["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_version_licence_and_metadata(service: ServiceProcess) -> None:
    assert service.get("v1/version").json["release"] == __version__
    told = service.get("v1/metadata").json
    assert {"illumina-wgs", "pacbio"} <= set(told["technologies"])
    assert [one["shortName"] for one in told["modelInfo"]] == told["models"]
    licence = service.get("v1/license").json
    text = (ROOT / "LICENSE").read_text()
    assert (licence["content"], licence["size"]) == (text, len(text))
    assert licence["sha"] == hashlib.sha1(text.encode()).hexdigest() == told["licenseInfo"]["sha"]
    assert licence["name"] == told["licence"] == "Apache-2.0"
    assert set(licence["models"]) == set(told["models"])


def test_prometheus_can_read_the_metrics(own_data: Path) -> None:
    with served(own_data, "--workers", "1", "--least-free", "1MB") as service:
        done = service.wait(
            service.post("api/runs", {"reads": ["reads.bam"], "ref": "reference.fa"}).json["id"]
        )
        failed = service.post(
            "api/runs", {"reads": ["http://127.0.0.1:9/x.bam"], "ref": "reference.fa"}
        ).json["id"]
        service.wait(failed)
        text = service.get("v1/metrics").body.decode()
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["dvplug_runs", "done"] == 1
    assert found["dvplug_runs", "failed"] == 1
    assert found["dvplug_queue_length",] == 0
    assert found["dvplug_reads_total",] == done["progress"]["reads"]
    assert found["dvplug_regions_total",] == done["progress"]["total"]
    assert found["dvplug_stage_cpu_seconds_total", "infer"] > 0
    assert found["dvplug_errors_total", "failed"] == 1
    assert 20e6 < found["process_resident_memory_bytes",] < 300e6
    assert re.search(r"^# HELP dvplug_runs ", text, re.MULTILINE)
