"""How the service is, what it runs, and under which licence: the paths under which NVIDIA's microservices tell that.

The fields that all of those have are here with their names and meanings (`message`, `modelInfo`, `licenseInfo`,
`manifest_file`, ...); beside them is what dvplug has to tell.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, Literal

from fastapi import APIRouter, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from pydantic import BaseModel, ConfigDict, Field

from dvplug._version import __version__
from dvplug.serve.api.plain import REFUSED
from dvplug.serve.metrics import exposition
from dvplug.serve.service import Service

LICENCE, LICENCE_FILE = "Apache-2.0", "LICENSE"
LICENCE_URL = "https://www.apache.org/licenses/LICENSE-2.0"


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


class ModelView(BaseModel):
    """A model that is installed; `sha256` is that of its manifest, which names its files."""

    name: str
    version: str
    technology: str
    description: str
    licence: str
    sha256: str
    files: list[ModelFile]


class ModelsView(BaseModel):
    """All models; `manifest_file` is the same as text."""

    models: list[ModelView]
    manifest_file: str
    repository_override: str = ""


class LicenceText(BaseModel):
    """The licence of the code, as SPDX names it; `sha` is the SHA-1 of its text."""

    name: str
    path: str
    sha: str
    size: int = Field(description="Characters.")
    url: str
    type: Literal["file"] = "file"
    content: str


class LicenceView(LicenceText):
    """The licence of the code, and those of the models."""

    models: dict[str, str]


class VersionView(BaseModel):
    """Of the caller, and of the interfaces."""

    release: str
    api: str


class ModelInfo(BaseModel):
    """A model, in short."""

    model_config = ConfigDict(populate_by_name=True)

    short_name: str = Field(alias="shortName")
    url: str = Field(default="", alias="modelUrl")


class Metadata(BaseModel):
    """What this is."""

    model_config = ConfigDict(populate_by_name=True)

    name: str
    version: str
    technologies: list[str]
    models: list[str]
    licence: str
    up_s: float
    workers: int
    runs: int
    models_in_short: list[ModelInfo] = Field(alias="modelInfo")
    licence_info: LicenceText = Field(alias="licenseInfo")
    asset_info: list[str] = Field(default=[], alias="assetInfo")
    repository_override: str = ""
    profile: str = Field(default="", alias="selectedModelProfileId")


def router(service: Service) -> APIRouter:
    """The routes below /v1 that tell of the service itself."""
    routes = APIRouter(prefix="/v1", tags=["service"], responses={400: REFUSED[400], 401: REFUSED[401]})

    @routes.get("/health/live")
    async def live() -> Health:
        """Whether it answers at all."""
        return Health(status="live", message="Service is live.")

    @routes.get("/health/ready", responses={503: {"model": Health, "description": "Not ready, and why."}})
    async def ready(response: Response) -> Health:
        """Whether it takes runs."""
        is_ready, why = service.ready()
        if not is_ready:
            response.status_code = 503
        return Health(
            status="ready" if is_ready else "not ready", message="Service is ready." if is_ready else why
        )

    @routes.get("/metadata")
    async def metadata() -> Metadata:
        """What this is, and what it can call."""
        technologies, labels = await service.describe_technologies(), _labels(await service.describe_models())
        return Metadata(
            name="dvplug", version=__version__, technologies=[one["name"] for one in technologies], models=labels,
            licence=LICENCE, up_s=round(time.monotonic() - service.began, 1), workers=service.settings.workers,
            runs=service.settings.runs, models_in_short=[ModelInfo(short_name=one) for one in labels],
            licence_info=licence_text(),
        )  # fmt: skip

    @routes.get("/manifest")
    async def manifest() -> ModelsView:
        """The models, their files, sizes and hashes."""
        models = [_model(one) for one in await service.describe_models()]
        text = json.dumps({"models": [one.model_dump() for one in models]}, indent=1)
        return ModelsView(models=models, manifest_file=text)

    @routes.get("/license")
    async def licence() -> LicenceView:
        """Under which licence all is."""
        models = await service.describe_models()
        of_models = dict(zip(_labels(models), (one["licence"] for one in models), strict=True))
        return LicenceView(**licence_text().model_dump(), models=of_models)

    @routes.get("/version")
    async def version() -> VersionView:
        """Which version this is."""
        return VersionView(release=__version__, api="1")

    text: dict[int | str, dict[str, Any]] = {
        200: {"content": {"text/plain": {}}, "description": "Prometheus' text format."}
    }

    @routes.get("/metrics", response_class=Response, responses=text)
    async def metrics() -> Response:
        """Runs, queue, rates, seconds by stage, memory and errors, for Prometheus."""
        return Response(exposition(service), media_type=CONTENT_TYPE_LATEST)

    return routes


@cache
def licence_text() -> LicenceText:
    """The licence of the code, as it was installed; without its text where none was."""
    try:
        content = distribution("dvplug").read_text(f"licenses/{LICENCE_FILE}") or ""
    except PackageNotFoundError:
        content = ""
    digest = hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest()
    return LicenceText(
        name=LICENCE, path=LICENCE_FILE, sha=digest, size=len(content), url=LICENCE_URL, content=content
    )


def _labels(models: Sequence[dict[str, Any]]) -> list[str]:
    return [f"{one['name']}@{one['version']}" for one in models]


def _model(facts: dict[str, Any]) -> ModelView:
    return ModelView.model_validate({name: facts[name] for name in ModelView.model_fields})
