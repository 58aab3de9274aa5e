"""Runs by the plain interface of a real service, in a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from dvplug.serve.places import new_id
from dvplug.serve.service import Service
from dvplug.serve.settings import ServiceSettings
from dvplug.serve.store import Run, State
from dvplug.simulate import SimulatedDataset
from dvplug_lab.services import ServiceProcess, served
from helpers.command import call_words, run
from helpers.loops import in_own_loop

REQUEST = {"reads": ["reads.bam"], "ref": "reference.fa"}


def test_a_run_gives_what_the_command_gives(
    service: ServiceProcess, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    taken = service.post("api/runs", REQUEST | {"gvcf": True, "name": "first", "tags": {"batch": "7"}})
    assert taken.status == 202
    assert taken.headers["location"] == f"/api/runs/{taken.json['id']}"
    assert "illumina-wgs" in taken.json["recognised"]
    done = service.wait(taken.json["id"])
    assert (done["state"], done["exit_code"], done["attempts"]) == ("done", 0, 1)
    assert (done["name"], done["tags"]) == ("first", {"batch": "7"})
    assert [one["name"] for one in done["outputs"]] == [
        "calls.g.vcf.gz", "calls.g.vcf.gz.tbi", "calls.vcf.gz", "calls.vcf.gz.tbi", "report.html",
    ]  # fmt: skip
    for one in done["outputs"]:
        content = service.get(one["url"][1:]).body
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one["size"], one["sha256"])
    assert run(*call_words(dataset, tmp_path / "own.vcf.gz")) == 0
    ours = _records(service.get(f"api/runs/{done['id']}/outputs/calls.vcf.gz").body)
    assert ours == _records((tmp_path / "own.vcf.gz").read_bytes())
    assert len(ours) > 20
    progress = done["progress"]
    assert (progress["done"], progress["fraction"]) == (progress["total"], 1)
    assert progress["variants"] == sum(line.split("\t")[6] == "PASS" for line in ours)
    assert progress["contigs"] == [{"name": "chrS", "done": 2, "total": 2}]


def _records(packed: bytes) -> list[str]:
    import gzip

    return [line for line in gzip.decompress(packed).decode().splitlines() if not line.startswith("#")]


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_queued(service: ServiceProcess) -> None:
    before = service.get("api/runs").json["runs"]
    answer = service.post(
        "api/runs?wait=60", REQUEST | {"tech": "pacbio", "regions": ["chr7:1-100"], "model": "ont@9"}
    )
    assert answer.status == 422
    told = answer.json["problems"]
    assert len(told) == 3
    assert all(one["problem"] and one["repair"] for one in told)
    assert {"Unknown contig 'chr7' in chr7:1-100", "--tech pacbio contradicts reads.bam"} <= {
        one["problem"] for one in told
    }
    assert service.get("api/runs").json["runs"] == before


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"reads": ["../service.sqlite"]}, "There is no file '../service.sqlite'"),
        ({"reads": ["/etc/passwd"]}, "There is no file '/etc/passwd'"),
        ({"reads": ["upload:AAAAAAAAAAAAAAAAAAAAAA"]}, "The upload 'AAAAAAAAAAAAAAAAAAAAAA' is not there"),
        ({"reads": ["upload:../../x"]}, "'../../x' is no id"),
        ({"reads": []}, "give one of reads and samples"),
        ({"reads": ["reads.bam"], "ref": None}, "give one of ref and ref_tarball"),
        ({"model": "../../model"}, "a model is name, name@1 or name@1.0.0"),
        ({"regions": ["../../other/inputs/regions.bed"]}, "these are names, not files"),
        ({"gvcf": "true"}, "'gvcf': Input should be a valid boolean"),
        ({"min_gq": True}, "'min_gq': Input should be a valid integer"),
        ({"workers": 64}, "'workers': Extra inputs are not permitted"),
        ({"deliver": [{"what": "vcf", "urls": ["file:///etc/passwd"]}]}, "String should match pattern"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused(
    service: ServiceProcess, changed: dict[str, object], says: str
) -> None:
    answer = service.post("api/runs", REQUEST | changed)
    assert answer.status == 422
    assert says in json.dumps(answer.json["problems"])


def test_words_that_look_like_options_are_values(service: ServiceProcess) -> None:
    taken = service.post("api/runs", REQUEST | {"sample_name": "--force", "regions": ["chrS:1-2000"]}).json
    assert service.wait(taken["id"])["state"] == "done"
    (start, *_) = map(json.loads, service.get(f"api/runs/{taken['id']}/log").body.splitlines())
    assert "--sample-name=--force" in start["command"]
    assert "--force" not in start["command"]


def test_a_run_is_cancelled_retried_and_removed(own_data: Path) -> None:
    with served(own_data, "--workers", "1", "--least-free", "1MB") as service:
        first, second = (service.post("api/runs", REQUEST | {"name": name}).json["id"] for name in "ab")
        service.wait(first, ["calling", "done"])
        waits = service.post(f"api/runs/{second}/cancel")
        assert (waits.status, waits.json["state"]) == (202, "cancelled")
        service.post(f"api/runs/{first}/cancel")
        ended = service.wait(first)["state"]
        assert ended in ("cancelled", "done")  # it may have been quicker
        assert service.post(f"api/runs/{second}/retry").status == 202
        assert service.wait(second)["state"] == "done"
        assert service.post(f"api/runs/{second}/retry").status == 409
        assert service.post(f"api/runs/{second}/cancel").status == 409
        assert service.ask("DELETE", f"api/runs/{second}").status == 204
        assert service.get(f"api/runs/{second}").status == 404
        assert [one.name for one in (own_data / "runs").iterdir()] == [first]


def test_pages_lead_through_all_runs(own_data: Path) -> None:
    with served(own_data, "--workers", "1", "--least-free", "1MB") as service:
        ids = [service.post("api/runs?wait=0", REQUEST | {"name": str(n)}).json["id"] for n in range(5)]
        found, after = [], ""
        while True:
            page = service.get(f"api/runs?limit=2{after}").json
            found += [one["id"] for one in page["runs"]]
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert found == ids[::-1]


def test_events_tell_a_run_from_its_beginning_to_its_end(service: ServiceProcess) -> None:
    taken = service.post("api/runs", REQUEST).json["id"]
    events = _events(service.get(f"api/runs/{taken}/events").body)
    states = [json.loads(one["data"])["state"] for one in events if one.get("event") == "state"]
    assert states[-1] == "done"
    assert (
        sorted(states, key=("checking", "queued", "fetching", "calling", "delivering", "done").index)
        == states
    )
    last = [json.loads(one["data"]) for one in events if one.get("event") == "progress"][-1]
    assert last["fraction"] == 1
    logged = [one for one in events if one.get("event") == "log"]
    assert [int(one["id"]) for one in logged] == list(range(1, len(logged) + 1))
    again = service.get(f"api/runs/{taken}/events", headers={"last-event-id": logged[-1]["id"]})
    assert not [one for one in _events(again.body) if one.get("event") == "log"]


def _events(stream: bytes) -> list[dict[str, str]]:
    """Read server-sent events, each of lines NAME: VALUE (HTML standard, 9.2.6)."""
    blocks = stream.decode().replace("\r", "").split("\n\n")
    return [dict(line.split(": ", 1) for line in one.splitlines() if ": " in line) for one in blocks if one]


def test_files_are_listed_and_none_outside(own_data: Path) -> None:
    (own_data / "files" / "deep").mkdir()
    (own_data / "files" / "deep" / "x.bed").write_text("chrS\t0\t10\n")
    (own_data / "files" / "out.txt").symlink_to("/etc/passwd")
    (own_data / "files" / "up").symlink_to("/etc")
    with served(own_data) as service:
        names = [one["name"] for one in service.get("api/files").json]
        assert {"deep", "reads.bam", "reference.fa"} <= set(names)
        assert not {"out.txt", "up"} & set(names)
        assert [one["name"] for one in service.get("api/files?folder=deep").json] == ["deep/x.bed"]
        for outside in ("..", "up", "deep/../..", "%2e%2e", "/etc", "nothere", "x" * 300, "a%00b"):
            assert service.get(f"api/files?folder={outside}").status == 422
        for name in ("out.txt", "up/passwd"):
            assert service.post("api/runs", REQUEST | {"reads": [name]}).status == 422


def test_inputs_without_indexes_get_them(own_data: Path) -> None:
    for index in (own_data / "files").glob("*.?ai"):
        index.unlink()
    with served(own_data, "--least-free", "1MB") as service:
        taken = service.post("api/runs?wait=60", REQUEST | {"regions": ["chrS:1-3000"]}).json
        assert service.wait(taken["id"])["state"] == "done"
        assert not list((own_data / "files").glob("*.?ai"))
        (own_data / "files" / "bad.bam").write_bytes(b"no BAM at all")
        answer = service.post("api/runs?wait=60", REQUEST | {"reads": ["bad.bam"]})
        assert answer.status == 422
        assert answer.json["problems"][0]["problem"] == "No index can be made of bad.bam"
        answer = service.post("api/runs?wait=60", REQUEST | {"ref": "bad.bam"})
        told = answer.json["problems"][0]
        assert told["problem"] == "No index can be made of bad.bam"
        assert told["cause"] == "[faidx] Could not build fai index bad.bam.fai"


@pytest.mark.parametrize(
    ("body", "kind", "status", "problem", "says"),
    [
        (b'{"reads":', "application/json", 400, "The body is no JSON", "at byte 9: Expecting value"),
        (
            b'{"reads": ["a.bam"]}',
            "text/plain",
            422,
            "The body is no JSON object",
            "Content-Type: application/json",
        ),
        (b"[]", "application/json", 422, "The body is no JSON object", "Send one"),
        (b"{}", "application/json", 422, "give one of ref and ref_tarball", "openapi"),
    ],
)
def test_what_is_no_request_is_told(
    service: ServiceProcess, body: bytes, kind: str, status: int, problem: str, says: str
) -> None:
    answer = service.post("api/runs", body, headers={"content-type": kind})
    [told] = answer.json["problems"]
    assert (answer.status, told["problem"], told["field"]) == (status, problem, "")
    assert says in told["cause"] + told["repair"]


def test_a_request_that_masks_lengthen_is_shown(service: ServiceProcess) -> None:
    long = f"http://127.0.0.1:9/{'x' * 3979}?a"
    name = f"see http://a.b/{'y' * 184}?"
    assert (len(long), len(name)) == (4000, 200)
    taken = service.post("api/runs", REQUEST | {"reads": [long], "name": name, "tags": {"url": "http://u@h"}})
    assert taken.status == 202
    run_id = taken.json["id"]
    assert service.wait(run_id)["request"]["reads"] == [f"{long[:-1]}***"]
    assert run_id in {one["id"] for one in service.get("api/runs").json["runs"]}
    assert service.get(f"runs/{run_id}", headers={"accept": "text/html"}).status == 200
    assert service.ask("DELETE", f"api/runs/{run_id}").status == 204


def test_what_is_too_old_is_removed_also_after_it_could_not_be_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def ended_before(moment: float) -> list[Run]:
        asked.append(moment)
        if len(asked) == 1:
            raise OSError("the disk is full")
        return []

    async def main() -> None:
        service = Service(ServiceSettings(tmp_path / "data", least_free=0, keep_days=1))
        monkeypatch.setattr(service.store, "ended_before", ended_before)
        await service.start()
        for _ in range(500):
            if len(asked) < 3:
                await asyncio.sleep(0.01)
        await service.stop()

    monkeypatch.setattr("dvplug.serve.service.SWEEP_S", 0.001)
    in_own_loop(main())
    assert len(asked) >= 3


def test_a_run_that_is_removed_while_it_is_looked_at_has_no_outputs(tmp_path: Path) -> None:
    service = Service(ServiceSettings(tmp_path / "data", least_free=0))
    run = Run(new_id(), "", "plain", State.DONE, {}, 0)
    assert service.outputs(run) == []
    (service.folder(run) / "out").mkdir(parents=True)
    (service.folder(run) / "out" / "calls.vcf.gz").write_bytes(b"x")
    assert [one.name for one in service.outputs(run)] == ["calls.vcf.gz"]
