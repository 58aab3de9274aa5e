"""`dvplug plugins new`: a plugin project that works, to be changed piece by piece."""

from __future__ import annotations

import re
from pathlib import Path
from string import Template

from dvplug._version import __version__
from dvplug.errors import InputError
from dvplug.hookspecs import HOOK_API
from dvplug.system.outputs import told
from dvplug_registry.files import StrPath, whole_folder

TEMPLATE = Path(__file__).parent / "template"
# Where a file of the template goes, if not to its own place.
PLACES = {"github/test.yml": ".github/workflows/test.yml", "gitignore": ".gitignore"}


_PART = re.compile(r"^# (steps|plain):\n(.*?)^# :\1\n", re.MULTILINE | re.DOTALL)
"""Of a file: what is there with, or without, read transform, annotation and setting alone."""
_OF_STEPS = ("package/steps.py", "tests/test_steps.py")


def new_project(name: str, parent: StrPath, *, steps: bool = False) -> Path:
    """Write the project ``dvplug-<name>`` into a folder; returns its own.

    Parameters
    ----------
    steps
        With a read transform, an annotation and a setting.

    Raises
    ------
    InputError
        The name is not lower-case words joined by '-', the project is there already, or the folder is not, or cannot
        be written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise InputError(
            f"'{name}' is not a plugin name",
            repair="Use lower-case words joined by '-', such as my-sequencer.",
        )
    project = Path(parent) / f"dvplug-{name}"
    if project.exists():
        raise InputError(f"'{project}' exists already", repair="Remove it, or choose another name.")
    kind = "steps" if steps else "plain"
    major, minor = __version__.split(".")[:2]
    underscored = name.replace("-", "_")
    words = {
        "name": name,
        "underscored": underscored,
        "package": f"dvplug_{underscored}",
        "api": HOOK_API,
        "dvplug": f"{major}.{minor}",
        # Before 1.0 a minor version may break a plugin.
        "next_dvplug": f"{major}.{int(minor) + 1}" if major == "0" else f"{int(major) + 1}",
    }
    if not Path(parent).is_dir():
        raise InputError(f"Folder {parent} does not exist", repair="Make it, or correct --folder.")
    with told(f"Project {project}"), whole_folder(project) as made:
        for source in sorted(TEMPLATE.rglob("*.in")):
            place = source.relative_to(TEMPLATE).as_posix().removesuffix(".in")
            if place in _OF_STEPS and not steps:
                continue
            place = PLACES.get(place, place.replace("package/", f"{words['package']}/"))
            target = made / place
            target.parent.mkdir(parents=True, exist_ok=True)
            text = _PART.sub(
                lambda part: part[2] if part[1] == kind else "", source.read_text(encoding="utf-8")
            )
            target.write_text(Template(text).substitute(words), encoding="utf-8")
    return project
