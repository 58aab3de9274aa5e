"""Clusters with a queue: the scripts of each kind, and a call by workers that a stand-in of `sbatch` starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import InputError
from dvplug.executors.jobqueue import make_cluster, open_jobqueue, read_settings
from dvplug.hookspecs.executors import WorkersWanted
from dvplug.simulate import SimulatedDataset
from helpers.clusters import wait_for

pytest.importorskip("dask_jobqueue", reason="dvplug[cluster] is not installed")
pytest.importorskip("tomllib", reason="Python 3.10 reads no TOML")

SBATCH = """#!/bin/sh
echo "$1" >> {folder}/submitted
cp "$1" {folder}/script.sh
setsid sh {folder}/script.sh > {folder}/worker.log 2>&1 &
echo $! >> {folder}/pids
echo "Submitted batch job $!"
"""
SCANCEL = """#!/bin/sh
for job in "$@"; do echo "$job" >> {folder}/cancelled; kill -- -"$job" 2> {folder}/kill.log; done
true
"""


def settings_file(folder: Path, system: str, *more: str) -> Path:
    path = folder / "cluster.toml"
    lines = [f'system = "{system}"', "jobs = 2", "cores = 2", 'memory = "8GB"', 'walltime = "02:00"']
    path.write_text("\n".join([*lines, 'queue = "long"', 'account = "lab7"', *more]) + "\n")
    return path


@pytest.mark.parametrize(
    ("system", "lines"),
    [
        (
            "slurm",
            ["#SBATCH -p long", "#SBATCH -A lab7", "--cpus-per-task=2", "--mem=8G", "#SBATCH -t 02:00"],
        ),
        ("pbs", ["#PBS -q long", "#PBS -A lab7", "ncpus=2:mem=7630MB", "walltime=02:00"]),
        ("lsf", ["#BSUB -q long", '#BSUB -P "lab7"', "#BSUB -n 2", "#BSUB -M 8000000", "#BSUB -W 02:00"]),
        ("sge", ["#$ -q long", "#$ -P lab7", "h_rt=02:00"]),
    ],
)
def test_the_script_of_each_kind_asks_for_what_the_settings_say(
    system: str, lines: list[str], tmp_path: Path
) -> None:
    settings = read_settings(settings_file(tmp_path, system, 'prologue = ["module load dvplug"]'))
    with make_cluster(settings, 3_000_000_000) as cluster:
        script = cluster.job_script()
    assert [line for line in lines if line not in script] == []
    assert "module load dvplug" in script
    assert "DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=False" in script
    assert "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False" in script
    (start,) = [line for line in script.splitlines() if "dask_worker" in line]
    assert "--nthreads 1 " in start
    assert "--nworkers 2 " in start
    assert start.rindex("--memory-limit 3000000000") > start.index("--memory-limit")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('system = "cray"', "system: Input should be"),
        ("walltimes = 3", "walltimes: Extra inputs are not permitted"),
        ("cores = 0", "cores: Input should be greater"),
        ("min_jobs = 5", "min_jobs 5 is more than jobs 2"),
        ("cores = = 3", "is not valid TOML"),
        ('memory = "much"', "'much' is not a size of memory"),
    ],
)
def test_wrong_settings_are_told(text: str, told: str, tmp_path: Path) -> None:
    path = settings_file(tmp_path, "slurm")
    name = text.partition(" ")[0]
    kept = [line for line in path.read_text().splitlines() if not line.startswith(f"{name} ")]
    path.write_text("\n".join([*kept, text]))
    with pytest.raises(InputError, match=told):
        read_settings(path)


def test_more_memory_than_a_worker_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--max-memory 5\.0GB is more than the 4\.0GB that each worker has"):
        make_cluster(read_settings(settings_file(tmp_path, "slurm")), 5_000_000_000)


def test_jobs_come_and_go_with_the_work_and_give_the_same_bytes(
    dataset: SimulatedDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue starts real workers; how many, is left to adaptive scaling from none on."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, script in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tools / name).write_text(script.format(folder=tmp_path))
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    settings = settings_file(
        tmp_path, "slurm", "min_jobs = 0", 'host = "127.0.0.1"', f'local_directory = "{tmp_path}"'
    )
    found = {}
    try:
        for executor in ("local", str(settings)):
            out = tmp_path / "calls.vcf.gz"
            call_variants(
                CallOptions(
                    "illumina-wgs",
                    dataset.reference,
                    (dataset.reads,),
                    str(out),
                    device="cpu",
                    executor=executor,
                )
            )
            found[executor] = out.read_bytes()
        assert found[str(settings)] == found["local"]
        pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
        assert 1 <= len(pids) <= 2
        wait_for(lambda: not any(Path(f"/proc/{pid}/task").exists() and not _is_zombie(pid) for pid in pids))
    finally:
        for line in (tmp_path / "pids").read_text().split() if (tmp_path / "pids").exists() else ():
            subprocess.run(["kill", "-9", "--", f"-{line}"], check=False, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("more", ["", "min_jobs = 0"])
@pytest.mark.parametrize("there", [True, False])
def test_a_job_that_the_queue_does_not_take_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, *, there: bool
) -> None:
    """Dask says nothing of it, and waits for ever."""
    if there:
        (tmp_path / "sbatch").write_text("#!/bin/sh\necho invalid account lab7 >&2\nexit 1\n")
        (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    settings = read_settings(settings_file(tmp_path, "slurm", 'host = "127.0.0.1"', more))
    says = r"by sbatch: .*invalid account lab7" if there else r"by sbatch: .*No such file.*where sbatch is"
    with (
        pytest.raises(InputError, match=says),
        open_jobqueue(settings, WorkersWanted(1, None)),
    ):
        raise AssertionError("no worker can be there")


def _is_zombie(pid: int) -> bool:
    """Ended, and not yet asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_dask_is_imported_by_no_other_executor(dataset: SimulatedDataset, tmp_path: Path) -> None:
    code = (
        "import sys; from dvplug.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print(sorted({'dask', 'distributed', 'dask_jobqueue'} & set(sys.modules)))"
    )
    words = ["call", "--tech", "illumina-wgs", "--ref", dataset.reference, "--reads", dataset.reads]
    words += [
        "--out",
        tmp_path / "calls.vcf",
        "--workers",
        "1",
        "--device",
        "cpu",
        "--regions",
        "chrSim:1-2000",
    ]
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, words)], check=False, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
