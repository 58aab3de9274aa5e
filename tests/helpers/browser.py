"""A real browser for the tests that look at pages, if there is one here."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Opened:
    """A page, and what the browser complained of or asked for while it was open."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, path: Path) -> None:
        """Go to a page of ours and wait until it has drawn itself."""
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", timeout=60_000)

    def table(self, chart: str) -> dict[str, list[str]]:
        """The numbers of a chart by label, from the table under it."""
        card = self.page.locator(f"[data-chart='{chart}']")
        if not card.locator("details").evaluate("node => node.open"):
            card.locator("summary").click()
        card.locator("details table").wait_for()
        rows = card.locator("tbody tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )
        return {row[0]: row[1:] for row in rows}

    def heads(self, chart: str) -> list[str]:
        """The names of the columns of that table."""
        return self.page.locator(f"[data-chart='{chart}'] thead th").all_inner_texts()

    def tiles(self) -> dict[str, str]:
        """The numbers at the top of the page, by name."""
        return dict(
            self.page.locator(".tile").evaluate_all(
                "tiles => tiles.map(tile => [tile.lastChild.textContent, tile.firstChild.textContent])"
            )
        )


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, the system's or playwright's own."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    system = next(filter(None, map(shutil.which, NAMES)), None)
    with playwright.sync_playwright() as started:
        if system is None and not Path(started.chromium.executable_path).exists():
            pytest.skip("no browser: neither chromium nor `playwright install chromium` is here")
        # Inside a container, as root, Chromium's sandbox cannot start; the pages are our own.
        chromium = started.chromium.launch(executable_path=system, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def opened(browser: Any, *, width: int = 1300, scheme: str = "light") -> Iterator[Opened]:
    """A fresh window."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    seen = Opened(page)
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    yield seen
    page.close()
