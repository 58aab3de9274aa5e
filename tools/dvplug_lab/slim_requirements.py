"""Lists of what dvplug needs without TensorFlow, for pip: extras of pyproject.toml can add, but not leave out."""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LEFT_OUT = {"tensorflow"}
SLIM, CLUSTER, SERVICE = "slim.txt", "cluster.txt", "service.txt"
_HEADS = {
    SLIM: "What calling on CPUs needs: all that dvplug does but TensorFlow.",
    CLUSTER: "What calling on clusters needs besides: the extra `cluster`.",
    SERVICE: "What `dvplug serve` needs besides: the extra `serve`.",
}


def requirement_lists(pyproject: Path) -> dict[str, str]:
    """Return the content of each list by its name.

    Raises
    ------
    ValueError
        pyproject.toml does not ask for what is to be left out.
    """
    project = tomllib.loads(pyproject.read_text())["project"]
    needed = [Requirement(text) for text in project["dependencies"]]
    if missing := LEFT_OUT - {one.name for one in needed}:
        raise ValueError(f"dvplug does not ask for {', '.join(missing)}")
    slim = [one for one in needed if one.name not in LEFT_OUT]
    extras = {CLUSTER: "cluster", SERVICE: "serve"}
    of_extras = {
        name: [Requirement(text) for text in project["optional-dependencies"][extra]]
        for name, extra in extras.items()
    }
    return {name: _text(name, some) for name, some in ({SLIM: slim} | of_extras).items()}


def _text(name: str, needed: list[Requirement]) -> str:
    head = f"# {_HEADS[name]}\n# Written by tools/slim_requirements.py.\n"
    return head + "".join(f"{one}\n" for one in needed)
