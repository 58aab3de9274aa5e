"""The service's own interface: JSON in, JSON out, all problems at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Response
from fastapi.responses import FileResponse
from sse_starlette import EventSourceResponse

from dvplug.serve.access import owner_of, require_csrf
from dvplug.serve.errors import ServiceError
from dvplug.serve.places import confined
from dvplug.serve.requests import (
    CheckView,
    OutputView,
    ProblemsView,
    ProblemView,
    RunPage,
    RunRequest,
    RunView,
    SettingView,
)
from dvplug.serve.service import Service
from dvplug.serve.store import Run, State
from dvplug_registry.safe_text import masked

TokenOwner = Annotated[str, Depends(owner_of)]
REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": ProblemsView, "description": "The body is no JSON, or the host is not this service's."},
    401: {"model": ProblemsView, "description": "A token is wanted."},
    403: {"model": ProblemsView, "description": "Sent by another site's page."},
    413: {"model": ProblemsView, "description": "The body is too long."},
    422: {"model": ProblemsView, "description": "All that is wrong, each with cause and repair."},
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ProblemsView, "description": "There is none of yours."}
}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": ProblemsView, "description": "Not in this state."}
}
NO_ROOM: dict[int | str, dict[str, Any]] = {
    503: {"model": ProblemsView, "description": "Nothing is taken now."},
    507: {"model": ProblemsView, "description": "The disk is full."},
}
MOST_FILES = 10_000
PAGE_ALONE = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; sandbox allow-scripts; "
    "frame-ancestors 'self'"
)
"""Of a report: it needs nothing, and is of no origin, so that nothing in it could ask this service for anything."""


def router(service: Service) -> APIRouter:
    """The routes below /api."""
    routes = APIRouter(prefix="/api", tags=["runs"], responses=REFUSED, dependencies=[Depends(require_csrf)])
    _add_runs(routes, service)
    _add_run(routes, service)
    _add_outputs(routes, service)
    _add_files(routes, service)
    return routes


def view(service: Service, run: Run, *, outputs: bool = True) -> RunView:
    """What a client is told of a run. URLs lose what opens them."""
    return RunView(
        id=run.id, name=run.request.get("name", ""), interface=run.interface, state=run.state.value,
        request=RunRequest.shown(_masked(run.request)), problems=[ProblemView(**one) for one in run.problems],
        created=run.created, queued=run.queued, started=run.started, ended=run.ended, attempts=run.attempts,
        exit_code=run.exit_code, recognised=run.recognised, progress=service.progress(run),
        outputs=[
            OutputView(
                name=one.name, url=f"/api/runs/{run.id}/outputs/{one.name}", size=one.size, sha256=one.sha256,
                media_type=one.media_type,
            )
            for one in (service.outputs(run) if outputs else ())
        ],
        tags=run.tags,
    )  # fmt: skip


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value) if "://" in value else value
    if isinstance(value, dict):
        return {name: _masked(one) for name, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list) else value


def _add_runs(routes: APIRouter, service: Service) -> None:
    @routes.post("/runs", status_code=202, responses=NO_ROOM)
    async def submit(
        request: RunRequest,
        owner: TokenOwner,
        response: Response,
        wait: Annotated[float, Query(ge=0, le=60, description="Seconds to wait for the checks.")] = 10.0,
    ) -> RunView:
        """Take a run, once all checks of `dvplug call` have passed.

        Where they take longer than `wait`, it is `checking`, and may be `refused` later.
        """
        run = await service.submit(request, owner=owner, wait=wait)
        response.headers["location"] = f"/api/runs/{run.id}"
        return view(service, run)

    @routes.post("/check")
    async def check(request: RunRequest, owner: TokenOwner) -> CheckView:
        """Make all checks of `dvplug call`, and take no run."""
        found = await service.check(request, owner=owner)
        return CheckView(
            problems=[ProblemView(**one) for one in found.problems], recognised=found.recognised,
            warnings=list(found.warnings),
        )  # fmt: skip

    @routes.get("/runs")
    def runs(
        owner: TokenOwner,
        state: Annotated[list[State] | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
        after: Annotated[str | None, Query(max_length=20, description="`next` of the page before.")] = None,
    ) -> RunPage:
        """List your runs, newest first."""
        found, more = service.runs(owner, states=state or (), limit=limit, after=after)
        return RunPage(runs=[view(service, one, outputs=False) for one in found], next=more)


def _add_run(routes: APIRouter, service: Service) -> None:
    @routes.get("/runs/{run_id}", responses=NOT_FOUND)
    def run(run_id: str, owner: TokenOwner) -> RunView:
        """One run, as it is now."""
        return view(service, service.run(run_id, owner))

    @routes.delete("/runs/{run_id}", status_code=204, responses=NOT_FOUND | CONFLICT)
    async def remove(run_id: str, owner: TokenOwner) -> None:
        """Forget a finished run, and its files."""
        await service.remove(run_id, owner)

    @routes.post("/runs/{run_id}/cancel", status_code=202, responses=NOT_FOUND | CONFLICT)
    async def cancel(run_id: str, owner: TokenOwner) -> RunView:
        """End a run; what it finished is kept for a retry."""
        return view(service, await service.cancel(run_id, owner))

    @routes.post("/runs/{run_id}/retry", status_code=202, responses=NOT_FOUND | CONFLICT)
    async def retry(run_id: str, owner: TokenOwner) -> RunView:
        """Queue a run again that failed or was cancelled: it goes on where it stopped."""
        return view(service, await service.retry(run_id, owner))


def _add_outputs(routes: APIRouter, service: Service) -> None:
    events: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/event-stream": {}}, "description": "Server-sent events."}
    }

    @routes.get("/runs/{run_id}/events", response_class=Response, responses=NOT_FOUND | events)
    async def follow(
        run_id: str,
        owner: TokenOwner,
        last_event_id: Annotated[str, Header(max_length=20, pattern="^[0-9]*$")] = "",
    ) -> EventSourceResponse:
        """Follow a run: events `state`, `progress` and `log`, until it is finished."""
        service.run(run_id, owner)
        return EventSourceResponse(_events(service, run_id, owner, int(last_event_id or 0)), ping=30)

    file: dict[int | str, dict[str, Any]] = {
        200: {"content": {"application/octet-stream": {}}, "description": "The file."}
    }

    @routes.get("/runs/{run_id}/outputs/{name}", response_class=Response, responses=NOT_FOUND | file)
    def output(run_id: str, name: str, owner: TokenOwner) -> FileResponse:
        """A file that a run wrote; ranges of bytes are answered."""
        found = service.run(run_id, owner)
        one = next((each for each in service.outputs(found) if each.name == name), None)
        if one is None:
            raise ServiceError(
                404, f"The run has no output '{name[:100]}'", repair="It names those that it has."
            )
        return FileResponse(
            one.path, media_type=one.media_type, filename=one.name, content_disposition_type="inline",
            headers={"content-security-policy": PAGE_ALONE} if one.name.endswith(".html") else None,
        )  # fmt: skip

    text: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/plain": {}, "application/jsonl": {}}, "description": "As far as it came."}
    }

    def words(what: str) -> None:
        @routes.get(
            f"/runs/{{run_id}}/{what}",
            response_class=Response,
            responses=NOT_FOUND | text,
            name=f"run {what}",
        )
        def said(run_id: str, owner: TokenOwner) -> FileResponse:
            """What the command of a run said, so far: its output, its messages, or its log of events for programs."""
            path = service.words(service.run(run_id, owner), what)
            if not path.is_file():
                raise ServiceError(404, f"The run has no {what} yet", repair="Ask again once it runs.")
            kind = "application/jsonl" if what == "log" else "text/plain; charset=utf-8"
            return FileResponse(path, media_type=kind)

    for what in ("stdout", "stderr", "log"):
        words(what)


async def _events(service: Service, run_id: str, owner: str, after: int) -> AsyncIterator[dict[str, str]]:
    async for one in service.events(run_id, owner, after):
        named = {"id": str(one["id"])} if "id" in one else {}
        yield {"event": one["event"], "data": json.dumps(one["data"]), **named}


def _add_files(routes: APIRouter, service: Service) -> None:
    @routes.get("/files")
    async def files(
        folder: Annotated[str, Query(max_length=1000, description="Within the folder of files.")] = "",
    ) -> list[dict[str, str | int]]:
        """List what is offered to all runs, in one folder."""
        return await asyncio.to_thread(listed, service.places.files, folder)

    @routes.get("/settings")
    async def settings() -> list[SettingView]:
        """List what can be set of the installed plugins, by `set` of a run."""
        return [SettingView(**one) for one in await service.describe_settings()]


def listed(files: Path, folder: str) -> list[dict[str, str | int]]:
    """Return names, kinds and sizes of what lies in a folder of files; raises ServiceError where there is none."""
    place = files
    if folder:
        place = files.joinpath(*[part for part in folder.split("/") if part])
        try:
            inside = (
                ".." not in folder.split("/") and place.resolve().is_relative_to(files) and place.is_dir()
            )
        except (OSError, ValueError):  # a name too long, or with a zero byte
            inside = False
        if not inside:
            raise ServiceError(422, f"There is no folder '{folder[:200]}'", repair="List the one above.")
    found: list[dict[str, str | int]] = []
    for one in sorted(place.iterdir())[:MOST_FILES]:
        name = str(one.relative_to(files))
        if one.name.startswith("."):
            continue
        if one.is_dir() and one.resolve().is_relative_to(files):
            found.append({"name": name, "kind": "folder", "size": 0})
        elif one.is_file() and _is_inside(files, name):
            found.append({"name": name, "kind": "file", "size": one.stat().st_size})
    return found


def _is_inside(files: Path, name: str) -> bool:
    try:
        confined(files, name)
    except ServiceError:
        return False
    return True
