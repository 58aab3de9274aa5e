"""How the service starts: light, told what is wrong, with something to try."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dvplug_lab.services import ServiceProcess, served
from helpers.command import run_captured

HEAVY = ("tensorflow", "keras", "numba", "pysam", "numpy", "matplotlib")


def test_nothing_heavy_is_imported(own_data: Path) -> None:
    code = "import sys, dvplug.serve.app, dvplug.serve.run; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    assert not set(HEAVY) & set(loaded)
    with served(own_data, "--workers", "1", "--least-free", "1MB") as service:
        service.wait(service.post("api/runs", {"reads": ["reads.bam"], "ref": "reference.fa"}).json["id"])
        assert service.process is not None
        maps = Path(f"/proc/{service.process.pid}/maps").read_text()
        assert not [name for name in HEAVY if f"/{name}/" in maps]


def test_a_demo_waits_to_be_called(tmp_path: Path) -> None:
    with served(tmp_path / "data", "--demo", "--least-free", "1MB") as service:
        names = {one["name"] for one in service.get("api/files?folder=demo").json}
        assert {"demo/reads.bam", "demo/reads.bam.bai", "demo/reference.fa", "demo/reference.fa.fai"} <= names
        page = service.get("demo", headers={"accept": "text/html"})
        assert b">demo/reads.bam</textarea>" in page.body
        assert b'value="demo/reference.fa"' in page.body
        assert f"To call the demo: {service.url}demo" in (tmp_path / "data.log").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--host", "0.0.0.0"], "lets others in without a token"),
        (["--runs", "0"], "--runs 0 is too little"),
        (["--keep-days", "nan"], "--keep-days nan is too little"),
        (["--workers", "1.5"], "1.5"),
        (["--max-memory", "lots"], "'lots' is not a size of memory"),
        (["--token-file", "nothere"], "--token-file nothere cannot be read"),
        (["--host", "192.0.2.1", "--token-file", "TOKENS"], "Nothing can listen at 192.0.2.1"),
        (["--files", "no/such"], "--files no/such cannot be written"),
        (["--port", "99999"], "Nothing can listen at 127.0.0.1, port 99999"),
    ],
)
def test_what_cannot_be_is_told_before_it_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("anna annas-token-0123456789\n")
    tokens.chmod(0o600)
    given = [str(tokens) if word == "TOKENS" else word for word in words]
    code, _, err = run_captured(capsys, "serve", "--data", tmp_path / "data", *given)
    assert (code, says in err) == (2, True)


def test_a_port_that_is_taken_is_told(service: ServiceProcess, tmp_path: Path) -> None:
    port = service.url.rstrip("/").rpartition(":")[2]
    with pytest.raises(RuntimeError, match="Address already in use"):
        ServiceProcess(tmp_path / "data", ("--port", port)).start()


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dvplug.serve.run.find_spec", lambda name: None if name == "uvicorn" else object())
    code, _, err = run_captured(capsys, "serve", "--data", tmp_path / "data")
    assert code == 2
    assert 'uvicorn is not installed. Install it: pip install "dvplug[serve]"' in err
