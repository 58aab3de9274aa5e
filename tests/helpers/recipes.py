"""Recipes of docs/recipes: the shell commands in them, as the engine that they are of would write them, and run."""

from __future__ import annotations

import ast
import gzip
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from helpers.places import ROOT

RECIPES = ROOT / "docs" / "recipes"
DVPLUG = """#!{python}
import os, signal, sys
from pathlib import Path
from dvplug.calling.journal import Journal
from dvplug.cli import main

order, add = Path(os.environ["DIE_ONCE"]), Journal.add
def add_and_die(journal, result):
    add(journal, result)
    if order.exists():
        order.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
Journal.add = add_and_die
main()
"""


@dataclass(frozen=True)
class Recipe:
    """A command, and the names of what it writes; a name may have alternatives, as a.{tbi,csi}."""

    command: str
    outputs: tuple[str, ...]

    def written(self, folder: Path) -> list[Path]:
        """The outputs; fails for one that is not there."""
        found = []
        for name in self.outputs:
            before, brace, rest = name.partition("{")
            endings, _, after = rest.partition("}")
            names = [f"{before}{one}{after}" for one in endings.split(",")] if brace else [name]
            (there,) = [folder / one for one in names if (folder / one).is_file()]
            found.append(there)
        return found


class Shell:
    """bash where `dvplug` is that of this tree; killed once after its first partition, where that is ordered."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        program = folder / "dvplug"
        program.write_text(DVPLUG.format(python=sys.executable))
        program.chmod(0o755)
        self.order = folder / "die"
        roots = [str(ROOT / name) for name in ("core", "registry", "plugins")]
        self.environment = {
            **os.environ,
            "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(roots),
            "DIE_ONCE": str(self.order),
        }

    def run(
        self, command: str, folder: Path, more: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, as engines do: the first error ends it."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=folder, env=self.environment | dict(more or {}), capture_output=True, text=True, check=False,
        )  # fmt: skip


def body(vcf: Path) -> list[str]:
    """A VCF without the lines that may name places."""
    text = gzip.decompress(vcf.read_bytes()).decode()
    return [line for line in text.splitlines() if not line.startswith("##")]


def nextflow(module: Path, values: Mapping[str, str]) -> Recipe:
    """Of a module: its script, with what Groovy would put in for values of meta, task and inputs, by expression."""
    text = module.read_text()
    output, script = text.split("output:")[1].split("when:")[0], text.split("script:")[1].split("stub:")[0]
    known = dict(values)
    definitions, block, _ = script.split('"""')

    def filled(one: str) -> str:
        return re.sub(r"(?<!\\)\$\{([^}]+)\}", lambda match: known[match[1]], one)

    for line in re.findall(r"^ +(?:def )?(\w+ = .+)$", definitions, re.M):
        name, _, value = line.partition(" = ")
        if choice := re.fullmatch(r"([\w.]+) \? \"(.*)\" : ''", value):
            known[name] = filled(choice[2]) if known.get(choice[1]) else ""
        elif choice := re.fullmatch(r"([\w.]+) \?: (?:'(.*)'|\"(.*)\")", value):
            known[name] = known.get(choice[1]) or filled(choice[2] or choice[3] or "")
        else:
            raise ValueError(f"{module.name}: no value is known for {line}")
    names = [
        filled(name)
        for name in re.findall(r'path\("([^"]+)"\)|path "([^"]+)"', output)
        for name in name
        if name
    ]
    return Recipe(filled(textwrap.dedent(block)).replace("\\\\", "\\").replace("\\$", "$"), tuple(names))


def snakemake(rule: str, values: Mapping[str, str]) -> Recipe:
    """Of a rule, with values of its wildcards, and of input.ref, params.tech and so on."""
    text = re.split(r"^rule (\w+):$", (RECIPES / "snakemake" / "Snakefile").read_text(), flags=re.M)
    part = text[text.index(rule) + 1]
    output, log = (
        re.split(r"\n    (?=\w)", part.split(f"    {name}:\n")[1])[0] for name in ("output", "log")
    )
    named = {name: _filled(value, values) for name, value in re.findall(r'(\w+)="(.+)",', output)}
    shell = ast.literal_eval("(" + part.split("    shell:\n")[1].split("\n\n")[0] + ")")
    known = {
        **values, **{f"output.{name}": value for name, value in named.items()},
        "log": _filled(ast.literal_eval(log.strip().rstrip(",")), values),
    }  # fmt: skip
    folders = " ".join(sorted({str(Path(path).parent) for path in (*named.values(), known["log"])}))
    return Recipe(f"mkdir -p {folders}\n{_filled(shell, known)}", tuple(named.values()))


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\{([\w.]+)\}", lambda match: values[match[1]], text)


def wdl(task: str, values: Mapping[str, str]) -> Recipe:
    """Of a task, with values by expression."""
    part = re.split(r"^task (\w+) \{$", (RECIPES / "wdl" / "dvplug.wdl").read_text(), flags=re.M)
    text = part[part.index(task) + 1]

    def filled(one: str) -> str:
        return re.sub(r"~\{([^}]+)\}", lambda match: values[match[1]], one)

    command = text.split("command <<<")[1].split(">>>")[0]
    output = text.split("output {")[1].split("\n  }")[0]
    return Recipe(filled(command), tuple(filled(name) for name in re.findall(r'File \w+ = "(.+)"', output)))
