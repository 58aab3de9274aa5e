"""Build the documentation as a web site: the pages of docs/, the model cards, the README and the changelog.

pip install -e '.[dev]'
python tools/build_site.py --out build/site
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug_lab.places import REPOSITORY
from dvplug_lab.script import run
from dvplug_lab.site import build_site

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(*, out: Path = REPOSITORY / "build" / "site") -> None:
    """Build the site.

    Parameters
    ----------
    out
        Folder of the site; index.html is its first page.
    """
    print(build_site(out))


if __name__ == "__main__":
    run(app)
