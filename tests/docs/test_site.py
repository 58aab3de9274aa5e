"""The pages become a web site without a warning, and none of its links is dead."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from helpers.places import ROOT


def test_the_site_is_built_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    pytest.importorskip("sphinx", reason="Sphinx is not installed")
    words = [sys.executable, ROOT / "tools" / "build_site.py", "--out", tmp_path]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    pages = {page.relative_to(tmp_path).as_posix() for page in tmp_path.rglob("*.html")}
    written = [page for folder in ("docs", "model_cards") for page in (ROOT / folder).rglob("*.md")]
    expected = {page.relative_to(ROOT).with_suffix(".html").as_posix() for page in written}
    assert expected <= pages
    dead = []
    for name in pages:
        for link in re.findall(r'href="([^"#:]+)(?:#[^"]*)?"', (tmp_path / name).read_text()):
            target = (tmp_path / name).parent / unquote(html.unescape(link)).split("?")[0]
            if not target.exists():
                dead.append((name, link))
    assert dead == []
