"""Write the lists by which pip installs dvplug without TensorFlow: docs/recipes/slim.txt, and what extras add.

python tools/slim_requirements.py
"""

from __future__ import annotations

from cyclopts import App

from dvplug_lab.places import REPOSITORY
from dvplug_lab.script import run
from dvplug_lab.slim_requirements import requirement_lists

app = App(help=__doc__, help_format="plaintext")


@app.default
def main() -> None:
    """Write the lists."""
    for name, text in requirement_lists(REPOSITORY / "pyproject.toml").items():
        (REPOSITORY / "docs" / "recipes" / name).write_text(text)


if __name__ == "__main__":
    run(app)
