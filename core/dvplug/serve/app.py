"""The application: routes of all interfaces over one `Service`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from dvplug._version import __version__
from dvplug.errors import DvplugError
from dvplug.serve.access import Access
from dvplug.serve.api import health, htsget, nvidia, plain, uploads, wes
from dvplug.serve.errors import ServiceError, answer_of, problems_of
from dvplug.serve.page import routes
from dvplug.serve.requests import problem_of
from dvplug.serve.service import Service

DESCRIPTION = (
    "Calls germline SNPs and indels from aligned reads. Runs are queued, watched and fetched over HTTP."
)


def create_app(service: Service) -> FastAPI:
    """Make the application of a service, which starts and ends with it."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title="dvplug",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    for interface in (health, plain, uploads, nvidia, wes, htsget, routes):
        app.include_router(interface.router(service))
    app.mount("/static", routes.static())
    app.state.service = service
    app.add_middleware(Access, settings=service.settings)
    app.add_exception_handler(DvplugError, _user_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    return app


async def _user_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DvplugError)
    if isinstance(error, ServiceError):
        return _answer(request, error.status, error.told())
    return _answer(request, 422, problems_of(error))


async def _invalid(request: Request, error: Exception) -> Response:
    """Name each field that is wrong; a body that is no JSON is a 400."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    no_json = any(one["type"] == "json_invalid" for one in found)
    return _answer(request, 400 if no_json else 422, [problem_of(one) for one in found])


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = {"problem": str(error.detail), "cause": "", "repair": "See /openapi.json for what there is."}
    answer = _answer(request, error.status_code, [problem])
    answer.headers.update(error.headers or {})
    return answer


def _answer(request: Request, status: int, problems: Sequence[dict[str, str]]) -> Response:
    if routes.wants_page(request):
        return routes.error_page(request.app.state.service, request, status, list(problems))
    status, body = answer_of(request.url.path, status, problems)
    return JSONResponse(body, status)
