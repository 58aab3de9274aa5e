"""Who is let in: tokens, owners, hosts, origins, sizes."""

from __future__ import annotations

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from dvplug.errors import InputError
from dvplug.serve.settings import ServiceSettings, read_tokens
from dvplug_lab.services import ServiceProcess, served

REQUEST = {"reads": ["reads.bam"], "ref": "reference.fa", "regions": ["chrS:1-2000"]}
ANNA, BEN = "annas-token-0123456789", "bens-token-0123456789"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# who may\nanna {ANNA}\n\nben {BEN}\n")
    path.chmod(0o600)
    return path


def test_each_token_sees_its_own_runs(own_data: Path, tokens: Path) -> None:
    with served(own_data, "--token-file", str(tokens), "--least-free", "1MB", token=ANNA) as service:
        ben = {"authorization": f"Bearer {BEN}"}
        taken = service.post("api/runs", REQUEST).json["id"]
        assert service.wait(taken)["state"] == "done"
        for method, path in [
            ("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/retry"), ("GET", "/events"),
            ("GET", "/stderr"), ("GET", "/outputs/calls.vcf.gz"),
        ]:  # fmt: skip
            assert service.ask(method, f"api/runs/{taken}{path}", headers=ben).status == 404
        assert service.get("api/runs", headers=ben).json["runs"] == []
        assert len(service.get("api/runs").json["runs"]) == 1
        for wrong in ("Bearer nobody-s-token-00000", "Bearer", "Basic abc", f"Bearer {ANNA}x", ""):
            refused = service.get("api/runs", headers={"authorization": wrong})
            assert (refused.status, refused.headers.get("www-authenticate")) == (401, "Bearer")
        assert service.post("api/runs", REQUEST, headers={"authorization": "Bearer x"}).status == 401
        assert len(list((own_data / "runs").iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        ("anna short\n", 0o600, "Line 1 .* is not NAME TOKEN"),
        (f"anna {ANNA} more\n", 0o600, "Line 1 .* is not NAME TOKEN"),
        (f"anna {ANNA}\nben {ANNA}\n", 0o600, "Line 2 .* is not NAME TOKEN"),
        ("# nobody\n", 0o600, "has no token"),
        (f"anna {ANNA}\n", 0o644, "can be read by other users"),
    ],
)
def test_files_of_tokens_that_are_not_safe_are_refused(
    tmp_path: Path, text: str, mode: int, says: str
) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(InputError, match=says):
        read_tokens(path)


def test_without_tokens_it_listens_to_this_machine_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--host 0\.0\.0\.0 lets others in without a token"):
        ServiceSettings(tmp_path, host="0.0.0.0").check()
    for host in ("127.0.0.1", "::1", "localhost"):
        ServiceSettings(tmp_path, host=host).check()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 400),
        ({"host": "evil.example:8000"}, 400),
        ({"host": ""}, 400),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
def test_what_another_sites_page_sends_is_refused(
    service: ServiceProcess, headers: dict[str, str], status: int
) -> None:
    assert service.post("api/runs", REQUEST, headers=headers).status == status


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_limited(service: ServiceProcess, *, chunked: bool) -> None:
    before = len(service.get("api/runs").json["runs"])
    place = urlsplit(service.url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    connection.putrequest("POST", "/api/runs")
    connection.putheader("content-type", "application/json")
    how = ("transfer-encoding", "chunked") if chunked else ("content-length", str(64 << 20))
    connection.putheader(*how)
    connection.endheaders()
    sent, status = 0, 413
    try:
        while sent < 64 << 20:
            connection.send(b"10000\r\n" + b" " * (1 << 16) + b"\r\n" if chunked else b" " * (1 << 16))
            sent += 1 << 16
        status = connection.getresponse().status
    except OSError:  # it hung up, as is its right
        pass
    assert status == 413
    assert sent < 32 << 20
    assert len(service.get("api/runs").json["runs"]) == before


def test_answers_let_no_other_page_in(service: ServiceProcess) -> None:
    headers = {name.lower(): value for name, value in service.get("api/runs").headers.items()}
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_names_with_markup_stay_text(service: ServiceProcess) -> None:
    name = "<script>alert(1)</script>\x1b[31m"
    taken = service.post("api/runs", REQUEST | {"name": name, "sample_name": "<b>x</b>"})
    assert taken.json["name"] == name
    assert taken.headers["content-type"] == "application/json"
    service.wait(taken.json["id"])
