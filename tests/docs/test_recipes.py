"""The commands of docs/recipes do what they are for, and go on, or begin anew, where they were killed."""

from __future__ import annotations

import gzip
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pysam
import pytest

from dvplug import __version__
from dvplug.simulate import SimulatedDataset
from helpers.recipes import RECIPES, Recipe, Shell, body, nextflow, snakemake, wdl

KILLED = 128 + signal.SIGKILL
MODULES = RECIPES / "nextflow" / "modules" / "dvplug"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "bin")


@pytest.fixture(scope="module")
def undisturbed(dataset: SimulatedDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a call's outputs: of two partitions."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = Shell(folder / "bin").run(
        f"dvplug call --tech illumina-wgs --ref {dataset.reference} --reads {dataset.reads} --out calls.vcf.gz "
        "--gvcf calls.g.vcf.gz --workers 1",
        folder,
    )
    assert done.returncode == 0, done.stderr
    return folder


def same(found: list[Path], undisturbed: Path) -> None:
    """Assert that a VCF and a gVCF are there, with the lines of a run that nobody disturbed."""
    for ending in (".g.vcf.gz", ".vcf.gz"):
        (vcf,) = (
            path for path in found if path.name.endswith(ending) and not path.name.endswith(f".g{ending}")
        )
        assert body(vcf) == body(undisturbed / f"calls{ending}")


def killed_and_repeated(
    shell: Shell, recipe: Recipe, first: Path, second: Path, undisturbed: Path, where: str = "."
) -> str:
    """Kill a command in one folder, repeat it in another or the same, compare; what the second time said."""
    shell.order.touch()
    killed = shell.run(recipe.command, first)
    assert killed.returncode == KILLED, killed.stderr
    assert not shell.order.exists()
    assert not list((first / where).glob("[!.]*.vcf.gz"))
    again = shell.run(recipe.command, second)
    assert again.returncode == 0, again.stderr
    same([path for path in recipe.written(second) if path.suffix == ".gz"], undisturbed)
    assert not list(second.rglob(".*.dvplug-journal"))
    return again.stderr


def staged(data: SimulatedDataset, folder: Path) -> Path:
    """A task's folder as Nextflow makes it: of links to the inputs."""
    folder.mkdir()
    for path in (data.reads, Path(f"{data.reads}.bai"), data.reference, Path(f"{data.reference}.fai")):
        (folder / path.name).symlink_to(path)
    return folder


@pytest.mark.parametrize("kept", [True, False])
def test_nextflow_call(
    shell: Shell, dataset: SimulatedDataset, undisturbed: Path, tmp_path: Path, *, kept: bool
) -> None:
    """A task that is tried again has a new folder: it goes on where `ext.state` keeps the journal."""
    values = {
        "meta.id": "NA1", "meta.tech": "illumina-wgs", "fasta": dataset.reference.name,
        "reads": dataset.reads.name, "task.cpus": "1", "task.memory": "8 GB", "task.memory.toMega()": "8192",
        "task.process": "CALLING:DVPLUG_CALL", **({"task.ext.state": str(tmp_path / "state")} if kept else {}),
    }  # fmt: skip
    recipe = nextflow(MODULES / "call" / "main.nf", values)
    first, second = (staged(dataset, tmp_path / name) for name in ("first", "second"))
    said = killed_and_repeated(shell, recipe, first, second, undisturbed)
    assert ("Resuming: 1 of 2 partitions" if kept else "Nothing to resume") in said
    assert (second / "versions.yml").read_text() == f'"CALLING:DVPLUG_CALL":\n    dvplug: {__version__}\n'
    assert [path.name for path in recipe.written(second)][-1] == "versions.yml"
    if kept:
        assert not list((tmp_path / "state").iterdir())


def test_snakemake_call(shell: Shell, dataset: SimulatedDataset, undisturbed: Path, tmp_path: Path) -> None:
    values = {
        "sample": "NA1", "params.tech": "illumina-wgs", "input.ref": str(dataset.reference),
        "input.reads": str(dataset.reads), "threads": "1", "resources.mem_mb": "8000",
    }  # fmt: skip
    recipe = snakemake("dvplug_call", values)
    folder = tmp_path / "project"
    folder.mkdir()
    killed_and_repeated(shell, recipe, folder, folder, undisturbed, where="calls")
    assert "Resuming: 1 of 2 partitions" in (folder / "logs" / "NA1.log").read_text()
    assert [str(path.relative_to(folder)) for path in recipe.written(folder)][-1] == "calls/NA1.html"


def test_wdl_call(shell: Shell, dataset: SimulatedDataset, undisturbed: Path, tmp_path: Path) -> None:
    """Inputs are copies, each in a folder of its own; so is every attempt."""
    given = {}
    for name, path in {
        "reads": dataset.reads, "index": Path(f"{dataset.reads}.bai"),
        "fasta": dataset.reference, "fai": Path(f"{dataset.reference}.fai"),
    }.items():  # fmt: skip
        (tmp_path / name).mkdir()
        given[name] = str(shutil.copyfile(path, tmp_path / name / path.name))
    values = {
        **given, "tech": "illumina-wgs", "name": "NA1", "basename(fasta)": dataset.reference.name,
        "basename(reads)": dataset.reads.name, "cpu": "1", "memory_gb": "8", "options": "--min-gq 3",
    }  # fmt: skip
    recipe = wdl("call_sample", values)
    first, second = tmp_path / "attempt-1", tmp_path / "attempt-2"
    first.mkdir()
    second.mkdir()
    assert "Nothing to resume" in killed_and_repeated(shell, recipe, first, second, undisturbed)


def slurm_task(shell: Shell, number: int, *words: object, script: str = "call.sh") -> tuple[int, str]:
    """Run a script as Slurm runs a task; its exit code and what it said."""
    words = tuple(str(word) for word in words)
    folder = Path(words[0]).parent
    done = shell.run(
        f'bash "{RECIPES / "slurm" / script}" ' + " ".join(f'"{word}"' for word in words), folder,
        {"SLURM_ARRAY_TASK_ID": str(number), "SLURM_CPUS_PER_TASK": "1", "SLURM_MEM_PER_NODE": "6000"},
    )  # fmt: skip
    return done.returncode, done.stderr


def of_another_sample(reads: Path, out: Path, sample: str) -> Path:
    """The same reads, said to be of somebody else."""
    with pysam.AlignmentFile(str(reads)) as given:
        header = given.header.to_dict()
        for group in header["RG"]:
            group["SM"] = sample
        with pysam.AlignmentFile(str(out), "wb", header=pysam.AlignmentHeader.from_dict(header)) as written:
            for read in given:
                written.write(read)
    pysam.index(str(out))
    return out


def test_slurm_array_and_what_follows_it(
    shell: Shell, dataset: SimulatedDataset, undisturbed: Path, tmp_path: Path
) -> None:
    other = of_another_sample(dataset.reads, tmp_path / "other reads.bam", "other")
    sheet, calls = tmp_path / "samples.tsv", tmp_path / "calls"
    sheet.write_bytes(
        f"sample\treads\ttech\tsex\r\none\t{dataset.reads}\tillumina-wgs\r\nother\t{other}\t\tmale\r\nnone\t\t".encode()
    )
    (count,) = re.findall(r"--array=1-\"(.*)\"%50", (RECIPES / "slurm" / "call.sh").read_text())
    assert shell.run(f"echo {count}", tmp_path).stdout.strip() == "3"
    shell.order.touch()
    code, said = slurm_task(shell, 1, sheet, dataset.reference, calls)
    assert code == KILLED, said
    assert list(calls.glob("[!.]*")) == []
    code, said = slurm_task(shell, 1, sheet, dataset.reference, calls)
    assert code == 0, said
    assert "Resuming: 1 of 2 partitions" in said
    same(list(calls.glob("one.*vcf.gz")), undisturbed)

    before = (calls / "one.vcf.gz").stat()
    assert slurm_task(shell, 1, sheet, dataset.reference, calls) == (
        0,
        "",
    )  # submitted again, it has nothing to do
    assert (calls / "one.vcf.gz").stat().st_ino == before.st_ino

    code, said = slurm_task(shell, 2, sheet, dataset.reference, calls)
    assert code == 0, said
    for number in (3, 4):
        code, said = slurm_task(shell, number, sheet, dataset.reference, calls)
        assert code == 2
        assert f"has no sample for task {number}" in said
    assert {path.name for path in calls.iterdir() if path.suffix in (".gz", ".html", ".done")} == {
        f"{name}.{ending}" for name in ("one", "other") for ending in ("vcf.gz", "g.vcf.gz", "html", "done")
    }

    code, said = slurm_task(shell, 0, dataset.reference, calls, tmp_path / "cohort.vcf.gz", script="joint.sh")
    assert code == 0, said
    with pysam.VariantFile(str(tmp_path / "cohort.vcf.gz")) as cohort:
        assert len(cohort.header.samples) == 2
        assert len(list(cohort)) > 20


@pytest.fixture(scope="module")
def gvcfs(
    dataset: SimulatedDataset, undisturbed: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[Path]:
    """The gVCFs of two samples, without their indexes: which lie in a folder of their own, as WDL may have it."""
    folder = tmp_path_factory.mktemp("gvcfs")
    (folder / "indexes").mkdir()
    found = []
    for number in (1, 2):
        out = folder / f"s{number}.g.vcf.gz"
        text = gzip.decompress((undisturbed / "calls.g.vcf.gz").read_bytes()).decode()
        with pysam.BGZFile(str(out), "w") as file:
            file.write(re.sub(r"^(#CHROM.*\t)\S+$", rf"\g<1>s{number}", text, flags=re.M).encode())
        pysam.tabix_index(str(out), preset="vcf", index=str(folder / "indexes" / f"{out.name}.tbi"))
        found.append(out)
    return found


@pytest.mark.parametrize("engine", ["nextflow", "snakemake", "wdl"])
def test_joint_genotyping(
    shell: Shell, dataset: SimulatedDataset, gvcfs: list[Path], tmp_path: Path, engine: str
) -> None:
    """With a pedigree, where there can be one."""
    folder = tmp_path / "work"
    folder.mkdir()
    indexes = [path.parent / "indexes" / f"{path.name}.tbi" for path in gvcfs]
    if engine != "wdl":
        for path in (*gvcfs, *indexes):
            (folder / path.name).symlink_to(path)
    pedigree = folder / "family.ped"
    pedigree.write_text("f s1 s2 0 1 0\n".replace(" ", "\t"))
    names = " ".join(path.name for path in gvcfs)
    if engine == "nextflow":
        reference = folder / dataset.reference.name
        for suffix in ("", ".fai"):
            Path(f"{reference}{suffix}").symlink_to(f"{dataset.reference}{suffix}")
        recipe = nextflow(MODULES / "joint" / "main.nf", {
            "meta.id": "cohort", "gvcfs": names, "fasta": reference.name, "task.cpus": "1",
            "pedigree": pedigree.name, "task.process": "DVPLUG_JOINT",
        })  # fmt: skip
        assert "--pedigree family.ped" in recipe.command
    elif engine == "snakemake":
        values = {"input.gvcfs": names, "input.ref": str(dataset.reference), "threads": "1"}
        recipe = snakemake("dvplug_joint", values)
    else:
        lists = {"gvcfs": gvcfs, "indexes": indexes}
        for name, paths in lists.items():
            (folder / name).write_text("".join(f"{path}\n" for path in paths))
        recipe = wdl("joint", {
            "fasta": str(dataset.reference), "fai": f"{dataset.reference}.fai", "cpu": "1",
            "basename(fasta)": dataset.reference.name, '"--pedigree " + pedigree': f"--pedigree {pedigree}",
            **{f"write_lines({name})": str(folder / name) for name in lists},
        })  # fmt: skip
    done = shell.run(recipe.command, folder)
    assert done.returncode == 0, (
        (folder / "logs" / "joint.log").read_text() if engine == "snakemake" else done.stderr
    )
    found = next(path for path in recipe.written(folder) if path.name.endswith(".vcf.gz"))
    with pysam.VariantFile(str(found)) as cohort:
        assert list(cohort.header.samples) == ["s1", "s2"]
        assert len(list(cohort)) > 20


def test_environments_ask_for_this_version() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    found = [*RECIPES.rglob("environment.y*ml")]
    assert len(found) == 3
    for path in found:
        assert yaml.safe_load(path.read_text())["dependencies"] == [f"dvplug-base ={__version__}"]


@pytest.mark.parametrize("module", ["call", "joint"])
def test_modules_say_what_they_take_and_give(module: str) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    told = yaml.safe_load((MODULES / module / "meta.yml").read_text())
    text = (MODULES / module / "main.nf").read_text()
    assert told["name"] == f"dvplug_{module}"
    assert f"process {told['name'].upper()} {{" in text
    taken = [name for one in told["input"] for entry in one for name in entry]
    block = text.split("input:")[1].split("output:")[0]
    assert re.findall(r"(?:val\(|path\(|path )(\w+)", block) == taken
    assert re.findall(r"emit: (\w+)", text) == list(told["output"])


def test_scripts_can_be_read_by_bash() -> None:
    for script in (RECIPES / "slurm").glob("*.sh"):
        assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
