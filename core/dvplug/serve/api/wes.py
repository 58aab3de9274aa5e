"""GA4GH Workflow Execution Service 1.1: runs are workflows of the type `dvplug`, their parameters plain requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile as StarletteUpload

from dvplug._version import __version__
from dvplug.errors import DvplugError
from dvplug.serve.access import require_csrf
from dvplug.serve.api.plain import TokenOwner
from dvplug.serve.errors import ServiceError, in_words
from dvplug.serve.requests import ProblemView, request_of
from dvplug.serve.service import Service
from dvplug.serve.store import FINISHED, Run, State
from dvplug.serve.uploads import Upload
from dvplug_registry.safe_text import masked

PREFIX = "/ga4gh/wes/v1"
TYPE, TYPE_VERSIONS = "dvplug", ["1.0"]
TASK = "call"
MOST_PAGE = 100
_STATES = {
    State.CHECKING: "QUEUED",
    State.QUEUED: "QUEUED",
    State.FETCHING: "INITIALIZING",
    State.CALLING: "RUNNING",
    State.DELIVERING: "RUNNING",
    State.DONE: "COMPLETE",
    State.CANCELLED: "CANCELED",
    State.REFUSED: "EXECUTOR_ERROR",
}
CHUNK = 1 << 20
_PARAMS = '{"reads": ["hg002.bam"], "ref": "GRCh38.fa"}'


class ErrorResponse(BaseModel):
    """What is wrong; `problems` has it in parts."""

    msg: str
    status_code: int
    problems: list[ProblemView] = []


ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "The request is malformed, or cannot be run."},
    401: {"model": ErrorResponse, "description": "A token is wanted."},
    403: {"model": ErrorResponse, "description": "Sent by another site's page."},
    413: {"model": ErrorResponse, "description": "The body is too long."},
    500: {"model": ErrorResponse, "description": "A fault of the service."},
}
NOT_FOUND: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorResponse, "description": "There is none of yours."}
}
NO_ROOM: dict[int | str, dict[str, Any]] = {
    503: {"model": ErrorResponse, "description": "Nothing is taken now."},
    507: {"model": ErrorResponse, "description": "The disk is full."},
}


class RunId(BaseModel):
    """A run's id."""

    run_id: str


class RunStatus(RunId):
    """What a run is at."""

    state: str = Field(examples=["RUNNING"])


class RunSummary(RunStatus):
    """A run in a list."""

    start_time: str | None = None
    end_time: str | None = None
    tags: dict[str, str]


class RunListResponse(BaseModel):
    """Some runs, newest first."""

    runs: list[RunSummary]
    next_page_token: str


class Log(BaseModel):
    """How a command went."""

    name: str
    cmd: list[str] = []
    start_time: str | None = None
    end_time: str | None = None
    stdout: str
    stderr: str
    exit_code: int | None = None
    system_logs: list[str] = []


class TaskLog(Log):
    """The one task of a run."""

    id: str


class TaskListResponse(BaseModel):
    """The tasks of a run."""

    task_logs: list[TaskLog]
    next_page_token: str


class RunLog(RunStatus):
    """All of a run."""

    request: dict[str, Any]
    run_log: Log
    task_logs_url: str
    task_logs: list[TaskLog]
    outputs: dict[str, Any]


def router(service: Service) -> APIRouter:
    """The routes of WES."""
    routes = APIRouter(prefix=PREFIX, tags=["wes"], responses=ANSWERS, dependencies=[Depends(require_csrf)])
    _add_service(routes, service)
    _add_runs(routes, service)
    _add_run(routes, service)
    return routes


def _add_service(routes: APIRouter, service: Service) -> None:
    @routes.get("/service-info")
    async def service_info(request: Request, owner: TokenOwner) -> dict[str, Any]:
        """What this service runs, and how many runs are in which state."""
        counts = dict.fromkeys((*_STATES.values(), "SYSTEM_ERROR"), 0)
        for state, count in service.store.counts(owner).items():
            counts[_STATES.get(state, "EXECUTOR_ERROR")] += count
        base = str(request.base_url).rstrip("/")
        return {
            "id": "dvplug", "name": "dvplug", "type": {"group": "org.ga4gh", "artifact": "wes", "version": "1.1.0"},
            "description": "Calls germline SNPs and indels from aligned reads.",
            "organization": {"name": "dvplug", "url": base}, "version": __version__,
            "documentationUrl": f"{base}/openapi.json",
            "workflow_type_versions": {TYPE: {"workflow_type_version": TYPE_VERSIONS}},
            "supported_wes_versions": ["1.0.0", "1.1.0"],
            "supported_filesystem_protocols": ["http", "https", "drs", "htsget"],
            "workflow_engine_versions": {TYPE: {"workflow_engine_version": [__version__]}},
            "default_workflow_engine_parameters": [], "system_state_counts": counts,
            "auth_instructions_url": f"{base}/login", "tags": {},
        }  # fmt: skip


def _add_runs(routes: APIRouter, service: Service) -> None:
    @routes.get("/runs")
    def list_runs(
        owner: TokenOwner,
        page_size: Annotated[int, Query(ge=1, le=2**62)] = 50,
        page_token: Annotated[str, Query(max_length=20)] = "",
    ) -> RunListResponse:
        """List your runs, newest first."""
        found, more = service.runs(owner, limit=min(page_size, MOST_PAGE), after=page_token or None)
        return RunListResponse(runs=[_summary(one) for one in found], next_page_token=more or "")

    @routes.post("/runs", responses=NO_ROOM)
    async def run_workflow(
        owner: TokenOwner,
        workflow_type: Annotated[str, Form(max_length=100, examples=[TYPE])],
        workflow_type_version: Annotated[str, Form(max_length=100, examples=TYPE_VERSIONS)],
        workflow_url: Annotated[str, Form(max_length=2000, examples=["dvplug"])],
        workflow_params: Annotated[
            str, Form(max_length=1 << 20, examples=['{"reads": ["a.bam"], "ref": "g.fa"}'])
        ] = "{}",
        tags: Annotated[str, Form(max_length=100_000)] = "{}",
        workflow_engine: Annotated[str, Form(max_length=100)] = "",
        workflow_engine_version: Annotated[str, Form(max_length=100)] = "",
        workflow_engine_parameters: Annotated[str, Form(max_length=100_000)] = "{}",
        workflow_attachment: list[UploadFile] | None = None,
    ) -> RunId:
        """Take a run. Its parameters are those of `POST /api/runs`; inputs may be names of attachments."""
        _require(workflow_type == TYPE, f"workflow_type '{workflow_type}'", f"Send {TYPE}.")
        known = workflow_type_version in (*TYPE_VERSIONS, __version__)
        _require(known, f"workflow_type_version '{workflow_type_version}'", f"Send {TYPE_VERSIONS[0]}.")
        _require(workflow_engine in ("", TYPE), f"workflow_engine '{workflow_engine}'", "Leave it out.")
        given = workflow_engine_version in ("", __version__)
        _require(given, f"workflow_engine_version '{workflow_engine_version}'", "Leave it out.")
        parameters = _json_object(workflow_engine_parameters, "workflow_engine_parameters")
        _require(not parameters, f"workflow_engine_parameters {list(parameters)}", "There are none.")
        params, labels = _json_object(workflow_params, "workflow_params"), _json_object(tags, "tags")
        original = {
            "workflow_params": _masked(params), "workflow_type": workflow_type,
            "workflow_type_version": workflow_type_version, "workflow_url": workflow_url, "tags": labels,
            "workflow_engine_parameters": {},
        }  # fmt: skip
        kept: dict[str, Upload] = {}
        try:
            await _keep_attachments(service, owner, workflow_attachment or [], kept)
            request = request_of(**_with_attachments(params, kept) | ({"tags": labels} if labels else {}))
            run = await service.submit(request, owner=owner, interface="wes", original=original, wait=0)
        except DvplugError:
            for one in kept.values():
                service.uploads.remove(one)
            raise
        return RunId(run_id=run.id)


def _add_run(routes: APIRouter, service: Service) -> None:
    @routes.get("/runs/{run_id}", responses=NOT_FOUND)
    async def run_log(run_id: str, request: Request, owner: TokenOwner) -> RunLog:
        """All of a run: request, state, logs and outputs."""
        run, base = service.run(run_id, owner), str(request.base_url).rstrip("/")
        task = _task(run, base)
        return RunLog(
            run_id=run.id, state=wes_state(run), request=run.original or {"workflow_params": _masked(run.request)},
            run_log=Log(**task.model_dump(exclude={"id"})), task_logs_url=f"{base}{PREFIX}/runs/{run.id}/tasks",
            task_logs=[task], outputs=await asyncio.to_thread(_outputs, service, run, base),
        )  # fmt: skip

    @routes.get("/runs/{run_id}/status", responses=NOT_FOUND)
    def run_status(run_id: str, owner: TokenOwner) -> RunStatus:
        """What a run is at."""
        run = service.run(run_id, owner)
        return RunStatus(run_id=run.id, state=wes_state(run))

    @routes.post("/runs/{run_id}/cancel", responses=NOT_FOUND)
    async def cancel_run(run_id: str, owner: TokenOwner) -> RunId:
        """End a run; one that has ended stays as it is."""
        run = service.run(run_id, owner)
        if run.state not in FINISHED:
            await service.cancel(run_id, owner)
        return RunId(run_id=run.id)

    @routes.get("/runs/{run_id}/tasks", responses=NOT_FOUND)
    def list_tasks(
        run_id: str,
        request: Request,
        owner: TokenOwner,
        page_size: Annotated[int, Query(ge=1, le=2**62)] = 50,
        page_token: Annotated[str, Query(max_length=20)] = "",
    ) -> TaskListResponse:
        """The one task of a run."""
        run = service.run(run_id, owner)
        task = _task(run, str(request.base_url).rstrip("/"))
        return TaskListResponse(task_logs=[] if page_token else [task], next_page_token="")

    @routes.get("/runs/{run_id}/tasks/{task_id}", responses=NOT_FOUND)
    def get_task(run_id: str, task_id: str, request: Request, owner: TokenOwner) -> TaskLog:
        """A task of a run."""
        run = service.run(run_id, owner)
        if task_id != TASK:
            raise ServiceError(
                404, f"The run has no task '{task_id[:100]}'", repair=f"Its one task is {TASK}."
            )
        return _task(run, str(request.base_url).rstrip("/"))


def wes_state(run: Run) -> str:
    """The state of a run in the words of WES."""
    if run.cancel and run.state not in FINISHED:
        return "CANCELING"
    if run.state == State.FAILED:
        return "SYSTEM_ERROR" if run.exit_code in (None, 0) else "EXECUTOR_ERROR"
    return _STATES[run.state]


def _task(run: Run, base: str) -> TaskLog:
    words = ["dvplug", "cohort" if run.request.get("samples") else "call"]
    return TaskLog(
        id=TASK, name=" ".join(words), cmd=words, start_time=_iso(run.started), end_time=_iso(run.ended),
        stdout=f"{base}/api/runs/{run.id}/stdout", stderr=f"{base}/api/runs/{run.id}/stderr", exit_code=run.exit_code,
        system_logs=[in_words(one) for one in run.problems],
    )  # fmt: skip


def _summary(run: Run) -> RunSummary:
    return RunSummary(
        run_id=run.id,
        state=wes_state(run),
        start_time=_iso(run.started),
        end_time=_iso(run.ended),
        tags=run.tags,
    )


def _outputs(service: Service, run: Run, base: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        one.name: {
            "location": f"{base}/api/runs/{run.id}/outputs/{one.name}",
            "size": one.size,
            "sha256": one.sha256,
        }
        for one in service.outputs(run)
    }
    for name, kind in (("calls.vcf.gz", "calls"), ("calls.g.vcf.gz", "gvcf")):
        if name in found:
            found[name]["htsget"] = f"{base}/ga4gh/htsget/v1/variants/{run.id}.{kind}"
    return found


def _iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _require(right: bool, what: str, repair: str) -> None:
    if not right:
        raise ServiceError(400, f"{what[:300]} is not supported", repair=repair)


def _json_object(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ServiceError(400, f"{what} is no JSON object", repair='Send such as {"name": "value"}.')
    return found


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return masked(value) if "://" in value else value
    if isinstance(value, dict):
        return {name: _masked(one) for name, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list) else value


async def _keep_attachments(
    service: Service, owner: str, files: list[StarletteUpload] | list[UploadFile], kept: dict[str, Upload]
) -> None:
    """Keep attachments as uploads, by their names; those that were kept before an error are told too."""
    for one in files:
        name = one.filename or ""
        if not name or ".." in name.split("/") or name.startswith("/") or name in kept:
            raise ServiceError(
                400, f"'{name[:200]}' is no name of an attachment", repair="Name each, without '..'."
            )
        kept[name] = service.uploads.begin(owner, name.rpartition("/")[2], one.size or 0)
        await service.uploads.append(kept[name], 0, _chunks(one))


async def _chunks(file: StarletteUpload | UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(CHUNK):
        yield chunk


def _with_attachments(params: dict[str, Any], kept: Mapping[str, Upload]) -> dict[str, Any]:
    """Put attachments in the place of their names."""

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(one) for one in value]
        return f"upload:{kept[value].id}" if isinstance(value, str) and value in kept else value

    def put_all(given: dict[str, Any]) -> dict[str, Any]:
        return {name: put(value) if name in _INPUTS else value for name, value in given.items()}

    found = put_all(params)
    if isinstance(samples := found.get("samples"), list):
        found["samples"] = [put_all(one) if isinstance(one, dict) else one for one in samples]
    return found


_INPUTS = ("reads", "ref", "ref_tarball", "indexes", "regions_bed")
