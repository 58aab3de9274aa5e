"""GA4GH htsget 1.3: the calls of a run that is done, whole or of a region, as a ticket of URLs of this service."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from dvplug._version import __version__
from dvplug.serve import indexed_vcf
from dvplug.serve.access import require_csrf
from dvplug.serve.api.plain import TokenOwner
from dvplug.serve.command import FILES, OUT
from dvplug.serve.errors import ServiceError
from dvplug.serve.requests import Strict
from dvplug.serve.service import Service
from dvplug.serve.store import State
from dvplug.system.bgzf import EOF, packed

PREFIX = "/ga4gh/htsget/v1"
_KINDS = {"calls": FILES["vcf"], "gvcf": FILES["gvcf"]}
MOST = 2**32 - 1
"""The largest position that a client can write: 32 bits, unsigned."""
Position = Annotated[int, Field(ge=0, le=MOST)]


class HtsgetError(BaseModel):
    """What is wrong, by the word of the specification."""

    error: str
    message: str


class HtsgetFailure(BaseModel):
    """An answer of an error."""

    htsget: HtsgetError


class TicketUrl(BaseModel):
    """A part; they are put together in their order."""

    url: str
    headers: dict[str, str] = {}
    class_: str = Field(serialization_alias="class")


class TicketBody(BaseModel):
    """The parts of a file."""

    format: str
    urls: list[TicketUrl]


class HtsgetTicket(BaseModel):
    """How to get a file."""

    htsget: TicketBody


class RegionOf(Strict):
    """A region: 0-based, half-open."""

    referenceName: str = Field(max_length=1000)
    start: Position | None = None
    end: Position | None = None


class TicketRequest(Strict):
    """What a ticket is wanted of, as a body."""

    format: str = Field(default="VCF", max_length=20)
    class_: str | None = Field(default=None, alias="class", max_length=20)
    fields: list[str] | None = None
    tags: list[str] | None = None
    notags: list[str] | None = None
    regions: list[RegionOf] = Field(default=[], min_length=1, max_length=1000)


ANSWERS: dict[int | str, dict[str, Any]] = {
    400: {"model": HtsgetFailure, "description": "UnsupportedFormat, InvalidInput or InvalidRange."},
    401: {"model": HtsgetFailure, "description": "InvalidAuthentication: a token is wanted."},
    403: {"model": HtsgetFailure, "description": "PermissionDenied: sent by another site's page."},
    404: {"model": HtsgetFailure, "description": "NotFound: there is none of yours."},
    413: {"model": HtsgetFailure, "description": "PayloadTooLarge."},
}
TICKET: dict[int | str, dict[str, Any]] = {200: {"model": HtsgetTicket}}
_JSON = "application/vnd.ga4gh.htsget.v1.3.0+json; charset=utf-8"


def router(service: Service) -> APIRouter:
    """The routes of htsget."""
    routes = APIRouter(
        prefix=PREFIX, tags=["htsget"], responses=ANSWERS, dependencies=[Depends(require_csrf)]
    )

    @routes.get("/variants/service-info")
    def service_info(request: Request) -> dict[str, Any]:
        """What is offered."""
        return {
            "id": "dvplug.htsget", "name": "dvplug", "version": __version__,
            "type": {"group": "org.ga4gh", "artifact": "htsget", "version": "1.3.0"},
            "organization": {"name": "dvplug", "url": str(request.base_url).rstrip("/")},
            "htsget": {
                "datatype": "variants", "formats": ["VCF"], "fieldsParameterEffective": False,
                "tagsParametersEffective": False,
            },
        }  # fmt: skip

    @routes.get("/variants/{name}", response_class=Response, responses=TICKET)
    def ticket(
        name: str,
        request: Request,
        owner: TokenOwner,
        format: Annotated[str, Query(max_length=20)] = "VCF",  # noqa: A002 - the specification's names
        referenceName: Annotated[str | None, Query(max_length=1000)] = None,
        start: Annotated[int | None, Query(ge=0, le=MOST)] = None,
        end: Annotated[int | None, Query(ge=0, le=MOST)] = None,
        part: Annotated[str | None, Query(alias="class", max_length=20)] = None,
        fields: Annotated[str | None, Query(max_length=1000, description="Has no effect.")] = None,
        tags: Annotated[str | None, Query(max_length=1000, description="Has no effect.")] = None,
        notags: Annotated[str | None, Query(max_length=1000, description="Has no effect.")] = None,
    ) -> Response:
        """A ticket for the calls `RUN.calls`, or the gVCF `RUN.gvcf`, of a run that is done."""
        if referenceName is None and (start, end) != (None, None):
            raise _wrong("InvalidInput", "start and end are of a referenceName, and there is none")
        lists = {"fields": fields, "tags": tags, "notags": notags}
        given: dict[str, Any] = {key: text.split(",") for key, text in lists.items() if text is not None}
        if referenceName is not None:
            given["regions"] = [RegionOf(referenceName=referenceName, start=start, end=end)]
        wanted = TicketRequest.model_validate({"format": format, "class": part} | given)
        return _ticket(service, owner, name, request, wanted)

    @routes.post("/variants/{name}", response_class=Response, responses=TICKET)
    def ticket_of_body(name: str, request: Request, owner: TokenOwner, wanted: TicketRequest) -> Response:
        """The same, for several regions, none of which is empty."""
        for one in wanted.regions:
            if one.start is not None and one.start == one.end:
                raise _wrong("InvalidRange", f"nothing lies from {one.start} to {one.end}")
        return _ticket(service, owner, name, request, wanted)

    _add_data(routes, service)
    return routes


def _add_data(routes: APIRouter, service: Service) -> None:
    file: dict[int | str, dict[str, Any]] = {
        200: {"content": {"application/gzip": {}}, "description": "BGZF blocks."}
    }

    @routes.get("/data/{name}", response_class=Response, responses=file)
    def data(
        name: str,
        owner: TokenOwner,
        part: Annotated[str, Query(alias="class", pattern="^(header|body)$")],
        referenceName: Annotated[str | None, Query(max_length=1000)] = None,
        start: Annotated[int, Query(ge=0, le=MOST)] = 0,
        end: Annotated[int | None, Query(ge=0, le=MOST)] = None,
        since: Annotated[int, Query(ge=0, le=MOST, description="Leave out what begins before.")] = 0,
    ) -> StreamingResponse:
        """A part that a ticket names."""
        path = _path(service, owner, name)
        lines = (
            indexed_vcf.header_lines(path)
            if part == "header"
            else indexed_vcf.records(path, referenceName, start, end, since=since)
        )
        return StreamingResponse(packed(line + b"\n" for line in lines), media_type="application/gzip")


def _ticket(service: Service, owner: str, name: str, request: Request, wanted: TicketRequest) -> Response:
    _require_sense(wanted)
    path = _path(service, owner, name)
    known = indexed_vcf.contig_names(path) if wanted.regions else []
    for one in wanted.regions:
        if one.referenceName not in known:
            raise _wrong("NotFound", f"there is no reference {one.referenceName[:100]}", 404)
        if one.end is not None and (one.start or 0) > one.end:
            raise _wrong("InvalidRange", f"start {one.start} lies behind end {one.end}")
    base = f"{str(request.base_url).rstrip('/')}{PREFIX}/data/{name}"
    given = request.headers.get("authorization")
    headers = {"Authorization": given} if given else {}
    urls = [TicketUrl(url=f"{base}?class=header", headers=headers, class_="header")]
    for query in [] if wanted.class_ else list(queries(wanted.regions, known)):
        urls.append(TicketUrl(url=f"{base}?{query}", headers=headers, class_="body"))
    end = f"data:application/gzip;base64,{base64.b64encode(EOF).decode()}"
    urls.append(TicketUrl(url=end, class_="header" if wanted.class_ else "body"))
    body = HtsgetTicket(htsget=TicketBody(format="VCF", urls=urls))
    return Response(body.model_dump_json(by_alias=True), media_type=_JSON)


def _require_sense(wanted: TicketRequest) -> None:
    """Refuse what is no request for these files, whatever they hold."""
    if wanted.format.upper() != "VCF":
        raise _wrong("UnsupportedFormat", f"calls are VCF, not {wanted.format}")
    if wanted.class_ not in (None, "header"):
        raise _wrong("InvalidInput", f"class is header or left out, not {wanted.class_}")
    more = wanted.model_fields_set - {"format", "class_"}
    if wanted.class_ and more:
        raise _wrong("InvalidInput", f"a header is whole: {', '.join(sorted(more))} cannot be asked of it")
    if both := set(wanted.tags or ()) & set(wanted.notags or ()) - {""}:
        raise _wrong("InvalidInput", f"{', '.join(sorted(both))[:100]} is in tags and in notags")


def queries(regions: Sequence[RegionOf], contigs: Sequence[str]) -> Iterator[str]:
    """Yield queries for the records of these regions, in the order of the file; of all where there are none.

    Each record is in one of them: regions that touch are taken together, and of one that lies apart those records are
    left out that reach it from the one before.
    """
    if not regions:
        yield urlencode({"class": "body"})
    by_contig: dict[str, list[tuple[int, int]]] = {}
    for one in sorted(regions, key=lambda one: contigs.index(one.referenceName)):
        by_contig.setdefault(one.referenceName, []).append(
            (one.start or 0, MOST if one.end is None else one.end)
        )
    for contig, spans in by_contig.items():
        merged: list[list[int]] = []
        for start, end in sorted(spans):
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], end)
            else:
                merged.append([start, end])
        since = 0
        for start, end in merged:
            query = {"class": "body", "referenceName": contig, "start": start, "end": end}
            yield urlencode(query | ({"since": since} if since else {}))
            since = end


def _path(service: Service, owner: str, name: str) -> Path:
    """The file that an id names; raises ServiceError (404)."""
    run_id, _, kind = name.partition(".")
    run = service.run(run_id, owner)
    path = service.folder(run) / OUT / _KINDS.get(kind, "none")
    if run.state != State.DONE or not path.is_file():
        raise _wrong("NotFound", f"there are no variants {name[:100]}", 404)
    return path


def _wrong(word: str, message: str, status: int = 400) -> ServiceError:
    return ServiceError(status, f"{word}: {message}", repair="See the htsget specification, 1.3.")
