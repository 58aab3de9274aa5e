"""The documentation as a web site: the pages of docs/, the model cards, the README and the changelog.

The pages are plain Markdown that also reads well where they lie. Their links are relative, so they are copied into one
folder as they are; only the README becomes the site's first page, with a table of contents made from docs/README.md.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dvplug import __version__
from dvplug.errors import DvplugError
from dvplug_lab.places import REPOSITORY

PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "docs", "model_cards")
MOVED = {"](../README.md": "](../index.md", "](../model_cards)": "](../model_cards/index.md)"}
CONF = f"""\
project = "dvplug"
version = release = "{__version__}"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "dvplug {__version__}"
myst_heading_anchors = 4
"""


def build_site(out: Path) -> Path:
    """Build the site in a folder; returns its first page."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        for name in PAGES:
            copy = shutil.copytree if (REPOSITORY / name).is_dir() else shutil.copy
            copy(REPOSITORY / name, source / name)
        for page in source.rglob("*.md"):
            text = page.read_text(encoding="utf-8")
            for old, new in MOVED.items():
                text = text.replace(old, new)
            page.write_text(text, encoding="utf-8")
        (source / "conf.py").write_text(CONF, encoding="utf-8")
        (source / "model_cards" / "index.md").write_text(model_cards(source), encoding="utf-8")
        first = (REPOSITORY / "README.md").read_text(encoding="utf-8")
        (source / "index.md").write_text(first + contents(source), encoding="utf-8")
        words = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(source), str(out)]
        if subprocess.run(words, check=False).returncode:
            raise DvplugError("The site was not built", cause="see the lines above", repair="Mend the pages.")
    return out / "index.html"


def contents(source: Path) -> str:
    """The table of contents, in the order of docs/README.md."""
    listed = re.findall(r"\(([\w./-]+)\.md\)", (source / "docs" / "README.md").read_text(encoding="utf-8"))
    pages = ["docs/README", *(f"docs/{name}" for name in listed if not name.startswith(".."))]
    trees = {"Documentation": pages, "Project": ["model_cards/index", "CONTRIBUTING", "CHANGELOG"]}
    return "".join(toctree(entries, caption) for caption, entries in trees.items())


def model_cards(source: Path) -> str:
    """A page that lists the cards."""
    names = sorted(card.stem for card in (source / "model_cards").glob("*.md"))
    return "# Model cards\n" + toctree(names)


def toctree(entries: list[str], caption: str = "") -> str:
    """A table of contents in MyST; with a caption it shows at the side of every page alone."""
    options = f":hidden:\n:caption: {caption}\n" if caption else ""
    return "\n```{toctree}\n" + options + "\n" + "\n".join(entries) + "\n```\n"
