"""How the service is, what it runs, and under which licence: the paths under which microservices tell that."""

from __future__ import annotations

import time
from typing import Any, Literal

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from dvplug._version import __version__
from dvplug.serve.api.plain import REFUSED
from dvplug.serve.metrics import exposition
from dvplug.serve.service import Service

LICENCE = "Apache-2.0"


class Health(BaseModel):
    """How it is; `message` says why it is not ready."""

    object: Literal["health.response"] = "health.response"
    status: Literal["live", "ready", "not ready"]
    message: str = ""


class ModelFile(BaseModel):
    """A file of a model."""

    name: str
    size: int
    sha256: str


class Model(BaseModel):
    """A model that is installed; `sha256` is that of its manifest, which names its files."""

    name: str
    version: str
    technology: str
    description: str
    licence: str
    sha256: str
    files: list[ModelFile]


class Manifest(BaseModel):
    """All models."""

    models: list[Model]


class Licence(BaseModel):
    """The licence of the code, as SPDX names it, and those of the models."""

    name: str
    models: dict[str, str]


class Version(BaseModel):
    """Of the caller, and of the interfaces."""

    release: str
    api: str


class Metadata(BaseModel):
    """What this is."""

    name: str
    version: str
    technologies: list[str]
    models: list[str]
    licence: str
    up_s: float
    workers: int
    runs: int


def router(service: Service) -> APIRouter:
    """The routes below /v1 that tell of the service itself."""
    routes = APIRouter(prefix="/v1", tags=["service"], responses={400: REFUSED[400], 401: REFUSED[401]})

    @routes.get("/health/live")
    async def live() -> Health:
        """Whether it answers at all."""
        return Health(status="live")

    @routes.get("/health/ready", responses={503: {"model": Health, "description": "Not ready, and why."}})
    async def ready(response: Response) -> Health:
        """Whether it takes runs."""
        is_ready, why = service.ready()
        if not is_ready:
            response.status_code = 503
        return Health(status="ready" if is_ready else "not ready", message=why)

    @routes.get("/metadata")
    async def metadata() -> Metadata:
        """What this is, and what it can call."""
        models, technologies = await service.describe_models(), await service.describe_technologies()
        return Metadata(
            name="dvplug", version=__version__, technologies=[one["name"] for one in technologies],
            models=[f"{one['name']}@{one['version']}" for one in models], licence=LICENCE,
            up_s=round(time.monotonic() - service.began, 1), workers=service.settings.workers,
            runs=service.settings.runs,
        )  # fmt: skip

    @routes.get("/manifest")
    async def manifest() -> Manifest:
        """The models, their files, sizes and hashes."""
        return Manifest(models=[_model(one) for one in await service.describe_models()])

    @routes.get("/license")
    async def licence() -> Licence:
        """Under which licence all is."""
        models = {
            f"{one['name']}@{one['version']}": one["licence"] for one in await service.describe_models()
        }
        return Licence(name=LICENCE, models=models)

    @routes.get("/version")
    async def version() -> Version:
        """Which version this is."""
        return Version(release=__version__, api="1")

    text: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."}
    }

    @routes.get("/metrics", response_class=Response, responses=text)
    async def metrics() -> Response:
        """Runs, queue, rates, seconds by stage, memory and errors, for Prometheus."""
        return Response(exposition(service), media_type=CONTENT_TYPE_LATEST)

    return routes


def _model(facts: dict[str, Any]) -> Model:
    return Model.model_validate({name: facts[name] for name in Model.model_fields})
