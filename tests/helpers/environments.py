"""Environments of their own, into which plugins are installed."""

from __future__ import annotations

import site
import venv
from pathlib import Path

from helpers.places import ROOT

COMMANDS = {"dvplug": "dvplug.cli:main", "pytest": "pytest:console_main"}
OFFLINE = {
    "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say that there is none: hatchling is here
    "PIP_NO_INDEX": "1",
    "PIP_NO_DEPS": "1",
}
"""What has pip install from nothing but what is here."""


def fresh_environment(folder: Path) -> Path:
    """Make an environment that sees this one's packages, dvplug among them; its own alone can change.

    Returns
    -------
    Path
        Its Python. Beside it lie the commands `dvplug` and `pytest`.
    """
    venv.create(folder, with_pip=True, symlinks=True)
    python = folder / "bin" / "python"
    (own,) = folder.glob("lib/python*/site-packages")
    paths = [*site.getsitepackages(), *(str(ROOT / part) for part in ("core", "registry", "plugins"))]
    (own / "beside.pth").write_text("\n".join(paths) + "\n")
    for name, target in COMMANDS.items():
        module, function = target.split(":")
        script = folder / "bin" / name
        script.write_text(
            f"#!{python}\nimport sys\nfrom {module} import {function}\nsys.exit({function}())\n"
        )
        script.chmod(0o755)
    return python
