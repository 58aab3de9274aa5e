"""Resumable uploads by the tus protocol, 1.0.0: its core, with creation and termination. Any client of tus can send."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from starlette.requests import ClientDisconnect

from dvplug.serve.access import require_csrf
from dvplug.serve.api.plain import CONFLICT, NOT_FOUND, REFUSED, TokenOwner
from dvplug.serve.errors import ServiceError
from dvplug.serve.requests import ProblemsView
from dvplug.serve.service import Service
from dvplug.serve.uploads import Upload

VERSION = {"tus-resumable": "1.0.0"}
PART = "application/offset+octet-stream"
Length = Annotated[int, Header(ge=0, le=2**60, description="Bytes that the file has.")]
Offset = Annotated[int, Header(ge=0, le=2**60, description="Byte at which this part begins.")]
_OTHER_VERSION: dict[int | str, dict[str, Any]] = {
    412: {"model": ProblemsView, "description": "Another version of the protocol is named."}
}
_NO_CONTENT: dict[int | str, dict[str, Any]] = {
    423: {"model": ProblemsView, "description": "Another request sends to it."},
    415: {"model": ProblemsView, "description": f"The part is not sent as {PART}."},
}


def router(service: Service) -> APIRouter:
    """The routes below /api/uploads."""
    routes = APIRouter(
        prefix="/api/uploads",
        tags=["uploads"],
        responses=REFUSED | _OTHER_VERSION,
        dependencies=[Depends(require_csrf), Depends(_require_version)],
    )
    uploads = service.uploads

    @routes.options("", status_code=204)
    def capabilities() -> Response:
        """Tell what of the protocol is spoken."""
        more = {"tus-version": "1.0.0", "tus-extension": "creation,termination"}
        return Response(
            status_code=204, headers=VERSION | more | {"tus-max-size": str(service.settings.max_input)}
        )

    @routes.post("", status_code=201, response_class=Response)
    def begin(
        owner: TokenOwner,
        upload_length: Length,
        upload_metadata: Annotated[
            str, Header(max_length=4000, description="`filename` and its name in base64.")
        ] = "",
    ) -> Response:
        """Begin an upload: its address, whose end is its id, is in `Location`."""
        upload = uploads.begin(owner, file_name(upload_metadata), upload_length, upload_metadata)
        return Response(
            status_code=201, headers=VERSION | {"location": f"/api/uploads/{upload.id}", "upload-offset": "0"}
        )

    @routes.head("/{upload_id}", response_class=Response, responses=NOT_FOUND)
    def how_far(upload_id: str, owner: TokenOwner) -> Response:
        """Tell how many bytes are here."""
        return Response(headers=VERSION | _state(uploads.get(upload_id, owner)))

    @routes.patch(
        "/{upload_id}", status_code=204, response_class=Response,
        responses=NOT_FOUND | CONFLICT | _NO_CONTENT,
        openapi_extra={"requestBody": {"content": {PART: {"schema": {"type": "string", "format": "binary"}}}}},
    )  # fmt: skip
    async def append(upload_id: str, request: Request, owner: TokenOwner, upload_offset: Offset) -> Response:
        """Send a part, of any length, which begins where the upload is."""
        upload = uploads.get(upload_id, owner)
        if request.headers.get("content-type", "") != PART:
            raise ServiceError(415, "A part of an upload is of another type", repair=f"Send it as {PART}.")
        try:
            here = await uploads.append(upload, upload_offset, request.stream())
        except ClientDisconnect:
            here = uploads.get(upload_id, owner).offset
        return Response(status_code=204, headers=VERSION | {"upload-offset": str(here)})

    @routes.delete("/{upload_id}", status_code=204, response_class=Response, responses=NOT_FOUND)
    def remove(upload_id: str, owner: TokenOwner) -> Response:
        """Throw an upload away."""
        uploads.remove(uploads.get(upload_id, owner))
        return Response(status_code=204, headers=VERSION)

    return routes


def _state(upload: Upload) -> dict[str, str]:
    state = {
        "upload-offset": str(upload.offset),
        "upload-length": str(upload.length),
        "cache-control": "no-store",
    }
    return state | ({"upload-metadata": upload.metadata} if upload.metadata else {})


def _require_version(
    request: Request, tus_resumable: Annotated[str, Header(max_length=100)] = VERSION["tus-resumable"]
) -> None:
    """Refuse another version of the protocol; who names none is taken to speak ours."""
    if tus_resumable != VERSION["tus-resumable"] and request.method != "OPTIONS":
        raise HTTPException(412, "Another version of tus is spoken here", {"tus-version": "1.0.0"})


def file_name(metadata: str) -> str:
    """Return the ``filename`` of tus metadata, pairs of a key and base64; raises ServiceError (400)."""
    for pair in metadata.split(","):
        key, _, value = pair.strip().partition(" ")
        if key == "filename":
            try:
                return base64.b64decode(value, validate=True).decode()
            except (binascii.Error, UnicodeDecodeError) as error:
                raise ServiceError(
                    400,
                    "The name of the file cannot be read",
                    cause=str(error),
                    repair="Send it in base64, UTF-8.",
                ) from error
    return ""
