"""The pages, as a browser has them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from dvplug_lab.services import Answer, ServiceProcess, served

FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "text/html"}
MARKUP = "<img src=x onerror=alert(1)>"


def _submit(service: ServiceProcess, **fields: str) -> Answer:
    given = {"reads": "reads.bam", "ref": "reference.fa", "tech": "auto"} | fields
    return service.post("new", urlencode(given).encode(), headers=FORM)


def test_without_javascript_forms_do(service: ServiceProcess) -> None:
    page = _submit(service, name="by form", regions="chrS:1-3000 chrS:5000-9000", gvcf="on")
    assert page.status == 200  # it was led on to the run's page
    found = re.search(r'data-run="([A-Za-z0-9_-]{22})"', page.body.decode())
    assert found is not None
    run = service.wait(found[1])
    assert (run["state"], run["name"]) == ("done", "by form")
    assert run["request"]["regions"] == ["chrS:1-3000", "chrS:5000-9000"]
    text = service.get(f"runs/{found[1]}", headers={"accept": "text/html"}).body.decode()
    assert "calls.g.vcf.gz" in text
    assert f"/api/runs/{found[1]}/outputs/report.html" in text


def test_what_was_typed_stays_and_problems_stand_where_they_are(service: ServiceProcess) -> None:
    page = _submit(service, reads="reads.bam\nother.bam", name="keep me", tech="pacbio")
    assert page.status == 422
    text = page.body.decode()
    assert 'id="reads-wrong"' in text
    assert "There is no file &#39;other.bam&#39;" in text
    assert 'value="keep me"' in text
    assert re.search(r'<option value="pacbio" selected>', text)
    page = _submit(service, reads='reads.bam\nan "other" ü.bam\n', ref="no ref.fa")
    assert {'id="reads-wrong"', 'id="ref-wrong"'} <= set(re.findall(r'id="\w+-wrong"', page.body.decode()))
    page = _submit(service, tech="pacbio")
    assert 'id="tech-wrong"' in page.body.decode()


def test_names_are_escaped(service: ServiceProcess) -> None:
    taken = service.post("api/runs", {"reads": ["reads.bam"], "ref": "reference.fa", "name": MARKUP}).json[
        "id"
    ]
    service.wait(taken)
    for place in (
        "",
        f"runs/{taken}",
        f"new?{urlencode({'name': MARKUP, 'reads': MARKUP})}",
        f"runs/{'<b>' * 3}",
    ):
        text = service.get(place, headers={"accept": "text/html"}).body.decode()
        assert "<img src=x" not in text
        assert "<b><b>" not in text


def test_pages_ask_nothing_of_the_internet(service: ServiceProcess) -> None:
    for place in ("", "new", "models", "health"):
        answer = service.get(place, headers={"accept": "text/html"})
        assert answer.status == 200
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', answer.body.decode())
        assert "unsafe" not in answer.headers["content-security-policy"]


def test_an_error_has_a_page(service: ServiceProcess) -> None:
    answer = service.get("runs/AAAAAAAAAAAAAAAAAAAAAA", headers={"accept": "text/html"})
    assert answer.status == 404
    assert b"There is no run" in answer.body


def test_pileups_are_drawn_once(service: ServiceProcess) -> None:
    taken = service.post("api/runs", {"reads": ["reads.bam"], "ref": "reference.fa"}).json["id"]
    service.wait(taken)
    text = service.get(f"runs/{taken}", headers={"accept": "text/html"}).body.decode()
    place = re.findall(r'href="(/runs/[^"]*pileup\.png[^"]*)"', text)[0]
    first = service.get(place[1:])
    assert first.body.startswith(b"\x89PNG")
    (drawn,) = (service.data / "runs" / taken / "pictures").iterdir()
    before = drawn.stat().st_mtime_ns
    assert service.get(place[1:]).body == first.body
    assert drawn.stat().st_mtime_ns == before
    assert service.get(f"runs/{taken}/pileup.png?position=chrS:1").status == 404
    for wrong in ("../x", "chrS", "chrS:x", "--out=/etc/x:1", "/etc/passwd:1"):
        assert service.get(f"runs/{taken}/pileup.png?{urlencode({'position': wrong})}").status in (404, 422)


def test_variants_are_paged_from_a_position_on(service: ServiceProcess) -> None:
    taken = service.post("api/runs", {"reads": ["reads.bam"], "ref": "reference.fa"}).json["id"]
    service.wait(taken)
    text = service.get(f"runs/{taken}?from=chrS:30,000", headers={"accept": "text/html"}).body.decode()
    positions = [int(one) for one in re.findall(r'data-pileup="chrS:(\d+)"', text)]
    assert positions
    assert min(positions) >= 30_000
    assert positions == sorted(positions)


@pytest.fixture
def guarded(own_data: Path, tmp_path: Path) -> Iterator[ServiceProcess]:
    tokens = tmp_path / "tokens"
    tokens.write_text("anna annas-token-0123456789\n")
    tokens.chmod(0o600)
    with served(own_data, "--token-file", str(tokens), "--least-free", "1MB") as service:
        yield service


def test_a_browser_logs_in_and_other_sites_forms_do_nothing(guarded: ServiceProcess) -> None:
    led = guarded.get("", headers={"accept": "text/html"})
    assert b'action="/login"' in led.body
    wrong = guarded.post("login", urlencode({"token": "nobodys-token-000000"}).encode(), headers=FORM)
    assert (wrong.status, b"is not known here" in wrong.body) == (401, True)
    cookie = {"cookie": "dvplug_token=annas-token-0123456789", "accept": "text/html"}
    page = guarded.get("new", headers=cookie).body.decode()
    csrf = re.findall(r'name="csrf" value="([0-9a-f]{64})"', page)[0]
    given = {"reads": "reads.bam", "ref": "reference.fa", "tech": "auto"}
    headers = FORM | cookie
    assert guarded.post("new", urlencode(given).encode(), headers=headers).status == 403
    assert guarded.post("new", urlencode(given | {"csrf": "0" * 64}).encode(), headers=headers).status == 403
    assert (
        guarded.post("api/runs", {"reads": ["reads.bam"], "ref": "reference.fa"}, headers=cookie).status
        == 403
    )
    assert guarded.post("new", urlencode(given | {"csrf": csrf}).encode(), headers=headers).status == 200


def _page(browser: Any, service: ServiceProcess, **options: Any) -> tuple[Any, list[str]]:
    """A page of a browser, and what it complained of."""
    page, complaints = browser.new_page(**options), list[str]()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(service.url)
    return page, complaints


def test_submit_watch_report_and_pileup_in_a_browser(browser: Any, own_data: Path) -> None:
    with served(own_data, "--workers", "1", "--least-free", "1MB") as service:
        page, complaints = _page(browser, service)
        page.get_by_role("link", name="New run").first.click()
        page.get_by_label("Aligned reads").fill("reads.bam")
        page.get_by_label("Reference genome").fill("reference.fa")
        page.get_by_text("Recognised as illumina-wgs").wait_for(timeout=600_000)  # it may compile first
        page.get_by_label("Name of this run").fill("in a browser")
        page.keyboard.press("Enter")
        page.locator("article[data-state=done]").wait_for(timeout=600_000)
        assert page.get_by_role("heading", level=1).inner_text() == "in a browser"
        assert page.locator("[data-percent]").inner_text() == "100 %"
        page.locator("[data-pileup]").first.click()
        page.locator(".pileup img").wait_for(timeout=600_000)
        page.locator("iframe").scroll_into_view_if_needed()
        report = page.frame_locator("iframe")
        report.get_by_role("heading", name="Variant calls of").wait_for(timeout=120_000)
        assert not complaints
        page.on("dialog", lambda dialog: dialog.accept())
        page.get_by_role("button", name="Remove").click()
        page.get_by_text("Nothing has been submitted yet.").wait_for()


def test_a_run_is_watched_and_cancelled_in_a_browser(browser: Any, own_data: Path) -> None:
    with served(own_data, "--workers", "1", "--least-free", "1MB") as service:
        ids = [
            service.post("api/runs?wait=0", {"reads": ["reads.bam"], "ref": "reference.fa"}).json["id"]
            for _ in "abc"
        ]
        page, complaints = _page(browser, service)
        page.goto(f"{service.url}runs/{ids[-1]}")
        page.get_by_role("button", name="Cancel").click()
        page.locator("article[data-state=cancelled]").wait_for(timeout=120_000)
        page.get_by_role("button", name="Retry").click()
        page.locator("article[data-state=done]").wait_for(timeout=600_000)
        assert not complaints


def test_an_upload_in_a_browser_becomes_an_input(browser: Any, own_data: Path) -> None:
    with served(own_data, "--workers", "1", "--least-free", "1MB") as service:
        page, complaints = _page(browser, service)
        page.goto(f"{service.url}new")
        page.get_by_label("Upload reads").set_input_files(own_data / "files" / "reads.bam")
        page.get_by_text("is here").wait_for(timeout=120_000)
        assert page.get_by_label("Aligned reads").input_value().startswith("upload:")
        page.get_by_label("Reference genome").fill("reference.fa")
        page.get_by_role("button", name="Call variants").click()
        page.locator("article[data-state=done]").wait_for(timeout=600_000)
        assert not complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_in_both_schemes(browser: Any, service: ServiceProcess, scheme: str) -> None:
    taken = service.post("api/runs", {"reads": ["reads.bam"], "ref": "reference.fa", "name": "x" * 150}).json[
        "id"
    ]
    service.wait(taken)
    page, _ = _page(browser, service, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for place in ("", "new", f"runs/{taken}", "models", "health", "login"):
        page.goto(f"{service.url}{place}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        text, paper = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert (_light(text) > _light(paper)) == (scheme == "dark")


def _light(colour: str) -> float:
    return sum(map(float, re.findall(r"[0-9.]+", colour)[:3]))


def test_all_of_a_page_has_a_name_for_those_who_do_not_see_it(browser: Any, service: ServiceProcess) -> None:
    page, _ = _page(browser, service)
    for place in ("", "new", "models", "health", "login"):
        page.goto(f"{service.url}{place}")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll(
                "input:not([type=hidden]), select, textarea, button, a, iframe, img")]
            .filter(node => !(node.labels?.length || node.ariaLabel || node.textContent.trim() || node.title
                || node.getAttribute("alt") !== null)).map(node => node.outerHTML)"""
        )
        assert nameless == []
        assert page.locator("main h1").count() == 1
        page.keyboard.press("Tab")
        first = "main" if place == "login" else "skip"  # there the token is asked for at once
        assert page.evaluate("document.activeElement.className") == first
