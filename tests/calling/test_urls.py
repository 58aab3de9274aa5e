"""Reads and references from web servers.

Each is read in a new process, as `dvplug call` would, since TensorFlow, which other tests load, clashes with htslib.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pysam
import pytest

from dvplug.errors import InputError
from dvplug.simulate import SimulatedDataset
from helpers.command import records
from helpers.registry_servers import WebProcess, self_signed, web_process
from helpers.url_readers import CONTIG, after_growing, beside_tensorflow, in_a_new_process, sequence, starts

PART = "10001-30000"


def call(out: Path, reference: object, *reads: object, workers: int = 1) -> subprocess.CompletedProcess[str]:
    words = ["call", "--tech", "illumina-wgs", "--ref", reference, "--out", out, "--device", "cpu"]
    words += ["--workers", workers, "--reads", *reads, "--regions", f"{CONTIG}:{PART}"]
    code = "import sys\nfrom dvplug.cli import main\nmain(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def expected(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Records of 20 kb of the simulated dataset, from its files."""
    out = tmp_path_factory.mktemp("expected") / "x.vcf"
    assert call(out, dataset.reference, dataset.reads).returncode == 0
    assert len(records(out)) > 10
    return records(out)


@pytest.fixture
def served(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WebProcess]:
    """The dataset on a server that knows ranges; the current folder is an empty one."""
    folder, here = tmp_path / "served", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    for path in (dataset.reads, dataset.reference):
        shutil.copy(path, folder)
    shutil.copy(f"{dataset.reads}.bai", folder)
    shutil.copy(f"{dataset.reference}.fai", folder)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(os.path.abspath, sys.path)))
    monkeypatch.chdir(here)
    with web_process(folder) as server:
        yield server


@pytest.mark.parametrize("workers", [1, 2])
def test_reads_from_a_server(
    served: WebProcess, dataset: SimulatedDataset, tmp_path: Path, expected: list[str], workers: int
) -> None:
    out = tmp_path / "x.vcf"
    url = f"{served.url}{dataset.reads.name}?X-Amz-Signature=secret"
    done = call(out, dataset.reference, url, workers=workers)
    assert done.returncode == 0, done.stderr
    assert records(out) == expected
    assert not list(Path().iterdir())  # htslib would leave the index here
    assert any(served.asked("secret"))  # ranges
    assert f" --reads {served.url}{dataset.reads.name} --regions" in out.read_text()
    assert "secret" not in out.read_text() + done.stderr


def test_a_file_that_grows_on_its_server_ends_the_run(
    served: WebProcess, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    """Of a URL htslib tells the size and nothing else."""
    on_server = tmp_path / "served" / dataset.reads.name
    says = in_a_new_process(
        after_growing, f"{served.url}{dataset.reads.name}?X-Amz-Signature=secret", on_server
    )
    assert says.startswith(f"{served.url}{dataset.reads.name} changed while it was read: it had ")
    assert f"and has {on_server.stat().st_size:,}." in says


def test_cram_and_its_reference_from_a_server(
    served: WebProcess, dataset: SimulatedDataset, tmp_path: Path, expected: list[str]
) -> None:
    path, out = served.folder / "x.cram", tmp_path / "x.vcf"
    pysam.view("-C", "-T", str(dataset.reference), "-o", str(path), str(dataset.reads), catch_stdout=False)
    pysam.index(str(path))
    reference = served.url + dataset.reference.name
    done = call(out, reference, served.url + "x.cram")
    assert done.returncode == 0, done.stderr
    assert records(out) == expected
    assert not list(Path().iterdir())
    path.write_bytes(path.read_bytes()[:-20])
    assert "x.cram is truncated" in call(out, reference, served.url + "x.cram").stderr


@pytest.mark.parametrize("index", ["x.bai", "elsewhere/index.csi"])
def test_an_index_under_another_name(served: WebProcess, dataset: SimulatedDataset, index: str) -> None:
    path = shutil.copy(dataset.reads, served.folder / "x.bam")
    (served.folder / "elsewhere").mkdir()
    pysam.index(*(["-c"] if index.endswith("csi") else []), str(path), str(served.folder / index))
    url = served.url + "x.bam" + (f"##idx##{served.url}{index}" if "/" in index else "")
    assert (
        in_a_new_process(starts, url, dataset.reference)
        == starts(str(dataset.reads), dataset.reference)
        != []
    )


def test_what_a_server_does_not_give_is_said(
    served: WebProcess, dataset: SimulatedDataset, tmp_path: Path
) -> None:
    (served.folder / f"{dataset.reads.name}.bai").unlink()
    wanted = served.url + "no.bam", served.url + dataset.reads.name
    done = call(tmp_path / "x.vcf", served.url + "no.fa", *wanted)
    assert done.returncode == 2
    for text in ("3 problems", "no.fa cannot be read", "no.bam cannot be read", "has no index", "##idx##"):
        assert text in done.stderr
    assert not (tmp_path / "x.vcf").exists()


def test_https_trusts_the_authorities_that_python_does(
    served: WebProcess, dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with web_process(served.folder, certificate) as server:
        url = server.url + dataset.reads.name
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
        with pytest.raises(InputError, match=r"reads.bam cannot be read: .*CURL_CA_BUNDLE"):
            in_a_new_process(starts, url, dataset.reference)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert in_a_new_process(starts, url, dataset.reference)


def test_a_remote_reference_is_read_as_a_local_one(served: WebProcess, dataset: SimulatedDataset) -> None:
    assert in_a_new_process(sequence, served.url + dataset.reference.name) == sequence(str(dataset.reference))
    assert not list(Path().iterdir())


def test_a_clash_with_tensorflow_is_an_error_and_no_crash(
    served: WebProcess, dataset: SimulatedDataset
) -> None:
    url = served.url + dataset.reads.name
    with pytest.raises(InputError, match=r"URLs cannot be read in this process: TensorFlow"):
        in_a_new_process(beside_tensorflow, url, dataset.reference, False)
    assert in_a_new_process(beside_tensorflow, url, dataset.reference, True)
