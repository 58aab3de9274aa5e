"""The pages' routes: forms come in, pages go out, and nothing is decided here that `Service` does not decide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData
from starlette.staticfiles import StaticFiles

from dvplug._version import __version__
from dvplug.serve.access import COOKIE, csrf_of, name_of_token, require_csrf
from dvplug.serve.api.plain import TokenOwner, listed, view
from dvplug.serve.command import COHORT_PAGE, FILES, OUT
from dvplug.serve.errors import ServiceError
from dvplug.serve.page.figures import TILES, figure, in_bytes, iso, when
from dvplug.serve.page.sites import first_sites
from dvplug.serve.pictures import pileup_picture
from dvplug.serve.requests import request_of
from dvplug.serve.service import Service
from dvplug.serve.settings import DEMO
from dvplug.serve.store import FINISHED, Run, State

HERE = Path(__file__).parent
_TEXTS = ("reads", "ref", "tech", "name", "regions", "model", "indexes", "sample", "sex", "set")
_SWITCHES = ("gvcf", "force")
_DEMO = urlencode({"reads": f"{DEMO}/reads.bam", "ref": f"{DEMO}/reference.fa", "name": "Demo"})
_OF_TECHNOLOGY = ("--tech", "technology", "auto")


class Pages:
    """Draws the pages."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._made = Environment(
            loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined,
            trim_blocks=True, lstrip_blocks=True,
        )  # fmt: skip
        self._made.filters |= {"bytes": in_bytes, "iso": iso, "when": when, "figure": figure}

    def drawn(self, request: Request, name: str, status: int = 200, **given: Any) -> HTMLResponse:
        """Draw a page."""
        text = self._made.get_template(name).render(
            here=request.url.path, csrf=csrf_of(request), version=__version__, owner=request.scope["dvplug_owner"],
            tokens=bool(self.service.settings.tokens), **given,
        )  # fmt: skip
        return HTMLResponse(text, status)


def router(service: Service) -> APIRouter:
    """The routes of the pages; they are no part of the described interface."""
    routes = APIRouter(include_in_schema=False)
    pages = Pages(service)
    _add_lists(routes, service, pages)
    _add_new(routes, service, pages)
    _add_run(routes, service, pages)
    _add_login(routes, service, pages)
    return routes


def static() -> StaticFiles:
    """What the pages are drawn with."""
    return StaticFiles(directory=HERE / "static")


def error_page(
    service: Service, request: Request, status: int, problems: list[dict[str, str]]
) -> HTMLResponse:
    """The page of an error, for a browser."""
    return Pages(service).drawn(request, "error.html", status, code=status, problems=problems)


def _add_lists(routes: APIRouter, service: Service, pages: Pages) -> None:
    @routes.get("/")
    async def runs(request: Request, owner: TokenOwner, after: str | None = None) -> HTMLResponse:
        found, more = service.runs(owner, limit=50, after=after)
        shown = [view(service, one, outputs=False) for one in found]
        counts = [(state.value, count) for state, count in service.store.counts(owner).items()]
        return pages.drawn(request, "runs.html", runs=shown, next=more, counts=counts)

    @routes.get("/models")
    async def models(request: Request) -> HTMLResponse:
        known = await service.describe_models(), await service.describe_registries()
        return pages.drawn(request, "models.html", models=known[0], registries=known[1])

    @routes.get("/models/{registry}/{label}")
    async def card(request: Request, registry: str, label: str) -> HTMLResponse:
        text = await service.registry_card(registry, label)
        return pages.drawn(request, "card.html", registry=registry, label=label, card=text)

    @routes.get("/health")
    async def health(request: Request) -> HTMLResponse:
        ready, why = service.ready()
        counts = service.counts()
        facts = [
            (
                "runs at work",
                len([life for life in service.queue.lives.values() if life.run.state != State.CHECKING]),
            ),
            ("runs that wait", counts[State.QUEUED] + counts[State.CHECKING]),
            ("runs done", counts[State.DONE]),
            ("runs failed", counts[State.FAILED]),
            ("places for runs", service.settings.runs),
            ("workers of each", service.settings.workers),
            ("free for runs", in_bytes(max(0, service.queue.free_bytes()))),
            ("up since", f"{(time.monotonic() - service.began) / 3600:.1f} h"),
        ]
        return pages.drawn(request, "health.html", ready=ready, why=why, facts=facts)


def _add_new(routes: APIRouter, service: Service, pages: Pages) -> None:
    async def form(
        request: Request, given: Mapping[str, Any], problems: list[dict[str, str]]
    ) -> HTMLResponse:
        files = [one for one in await asyncio.to_thread(_all_files, service) if one["kind"] == "file"]
        example = {
            "reads": next(
                (o["name"] for o in files if str(o["name"]).endswith((".bam", ".cram"))), "hg002.bam"
            ),
            "ref": next(
                (o["name"] for o in files if str(o["name"]).endswith((".fa", ".fa.gz", ".fasta"))),
                "GRCh38.fa",
            ),
        }
        return pages.drawn(
            request, "new.html", 422 if problems else 200, files=files, example=example, problems=problems,
            given=dict.fromkeys(_TEXTS, "") | dict.fromkeys(_SWITCHES, False) | dict(given),
            technologies=await service.describe_technologies(), models=await service.describe_models(),
            settings=await service.describe_settings(),
        )  # fmt: skip

    @routes.get("/new")
    async def new(request: Request) -> HTMLResponse:
        known = {name: request.query_params[name] for name in _TEXTS if name in request.query_params}
        return await form(request, known, [])

    @routes.get("/demo")
    async def demo() -> Response:
        return RedirectResponse(f"/new?{_DEMO if service.settings.demo else ''}", 303)

    @routes.post("/new")
    async def submit(request: Request, owner: TokenOwner) -> Response:
        sent = await request.form()
        require_csrf(request, str(sent.get("csrf", "")))
        given = {name: str(sent.get(name, "")) for name in _TEXTS} | {
            name: name in sent for name in _SWITCHES
        }
        try:
            run = await service.submit(request_of(**_fields(sent)), owner=owner)
        except ServiceError as error:
            if error.status not in (400, 413, 422, 503, 507):
                raise
            return await form(request, given, [_placed(one, given) for one in error.told()])
        return RedirectResponse(f"/runs/{run.id}", 303)


def _all_files(service: Service) -> list[dict[str, str | int]]:
    """Files that are offered, in the folder and those one below it."""
    found = listed(service.places.files, "")
    for one in [each for each in found if each["kind"] == "folder"]:
        found += listed(service.places.files, str(one["name"]))
    return found


def _fields(sent: FormData) -> dict[str, Any]:
    """The fields of a request, of those of the form; an empty one is none."""
    text = {name: str(sent.get(name, "")).strip() for name in _TEXTS}
    lists = {name: text.pop(name).split("\n") for name in ("reads", "indexes")} | {
        "regions": text.pop("regions").split()
    }
    settings = [one.partition("=") for one in text.pop("set").splitlines() if one.strip()]
    found: dict[str, Any] = {"set": {name.strip(): value.strip() for name, _, value in settings}}
    found |= {name: [one.strip() for one in values if one.strip()] for name, values in lists.items()}
    found |= {name: value for name, value in text.items() if value}
    return found | {name: name in sent for name in _SWITCHES}


def _placed(problem: dict[str, str], given: Mapping[str, Any]) -> dict[str, str]:
    """A problem with the field that it is of, as far as its words tell."""
    if problem.get("field"):
        return problem | {"field": problem["field"].partition(".")[0]}
    text = problem["problem"]
    for name in ("reads", "ref", "indexes", "model", "sample", "regions"):
        words = str(given[name]).split() if name == "regions" else str(given[name]).splitlines()
        if any(word and f"'{word}'" in text for word in map(str.strip, words)):
            return problem | {"field": name}
    said = {
        "set": ("--set",),
        "tech": _OF_TECHNOLOGY,
        "regions": ("contig",),
        "model": ("model",),
        "ref": ("reference", "FASTA"),
    }
    for name, some in said.items():
        if any(word in text for word in some):
            return problem | {"field": name}
    return problem | {"field": ""}


def _add_run(routes: APIRouter, service: Service, pages: Pages) -> None:
    @routes.get("/runs/{run_id}")
    async def run(request: Request, run_id: str, owner: TokenOwner) -> HTMLResponse:
        found = service.run(run_id, owner)
        shown = await asyncio.to_thread(view, service, found)
        names = {one.name for one in shown.outputs}
        place = request.query_params.get("from", "")
        sites, more = await asyncio.to_thread(first_sites, service.folder(found) / OUT, names, place)
        progress = service.queue.lives[run_id].progress if run_id in service.queue.lives else None
        if progress is None:
            progress = await asyncio.to_thread(service.finished_progress, found)
        return pages.drawn(
            request, "run.html", run=shown, live=found.state not in FINISHED, actions=_actions(found), tiles=TILES,
            sites=sites, sites_next=more, given_from=place, report=_report(names),
            messages=list(progress.messages),
        )  # fmt: skip

    @routes.get("/runs/{run_id}/pileup.png")
    async def pileup(run_id: str, position: str, owner: TokenOwner) -> FileResponse:
        found = service.run(run_id, owner)
        return FileResponse(
            await pileup_picture(found, service.folder(found), position), media_type="image/png"
        )

    @routes.post("/runs/{run_id}/{action}")
    async def act(
        request: Request, run_id: str, action: str, owner: TokenOwner, csrf: Annotated[str, Form()] = ""
    ) -> Response:
        require_csrf(request, csrf)
        if action == "remove":
            await service.remove(run_id, owner)
            return RedirectResponse("/", 303)
        if action not in ("cancel", "retry"):
            raise ServiceError(
                404, f"A run cannot be told to '{action[:40]}'", repair="Use the buttons of its page."
            )
        await (service.cancel if action == "cancel" else service.retry)(run_id, owner)
        return RedirectResponse(f"/runs/{run_id}", 303)


def _report(names: set[str]) -> str:
    return next((one for one in (COHORT_PAGE, FILES["report"]) if one in names), "")


def _actions(run: Run) -> list[tuple[str, str]]:
    if run.state not in FINISHED:
        return [("cancel", "Cancel")]
    again = [("retry", "Retry")] if run.state in (State.FAILED, State.CANCELLED) else []
    return [*again, ("remove", "Remove")]


def _add_login(routes: APIRouter, service: Service, pages: Pages) -> None:
    @routes.get("/login")
    async def login(request: Request) -> HTMLResponse:
        return pages.drawn(request, "login.html", wrong=False)

    @routes.post("/login")
    async def log_in(request: Request, token: Annotated[str, Form(max_length=500)]) -> Response:
        if name_of_token(token.strip(), service.settings) is None:
            await asyncio.sleep(0.5)  # of one who guesses
            return pages.drawn(request, "login.html", 401, wrong=True)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(
            COOKIE, token.strip(), httponly=True, samesite="strict", secure=request.url.scheme == "https",
            max_age=30 * 86_400,
        )  # fmt: skip
        return answer

    @routes.post("/logout")
    async def log_out(request: Request, csrf: Annotated[str, Form()] = "") -> Response:
        require_csrf(request, csrf)
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE)
        return answer


def wants_page(request: Request) -> bool:
    """Whether a browser asks for a page, and not a program for data."""
    own = not request.url.path.startswith(("/api/", "/v1/", "/ga4gh/", "/genomics/", "/openapi"))
    return own and "text/html" in request.headers.get("accept", "")
