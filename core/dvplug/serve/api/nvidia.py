"""NVIDIA's interface: the request of its DeepVariant microservice ("Universal Variant Calling"), answered by dvplug.

What is public: the request's fields, and that it is answered with 200 once all is done, or with 422 (OpenAPI of the API
catalogue, March 2024, as client libraries made of it keep it: `UniversalVariantCallingBody`). The form of the answer is
told by an example of the sibling service, fq2bam: an object of the names of outputs, with dashes, to the URLs that the
client gave for them, `out-stdout` and so on. So it is here, with `id`, `status` and `run` beside them. The options are
those of ``pbrun deepvariant`` 4.6.

What is not public, and chosen here: how a file is cut into the parts of a multipart upload, and the form of their
manifest (see `transfer/put.py`); and whether variants are packed: they are, unless the first URL's path ends in
``.vcf`` or ``.gvcf``.

A client that goes away leaves the run going; one that sends ``Prefer: respond-async`` (RFC 7240) is answered at once,
with 202.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Header, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from dvplug.serve.access import owner_of, require_csrf
from dvplug.serve.api.plain import NO_ROOM, REFUSED, TokenOwner
from dvplug.serve.errors import ServiceError
from dvplug.serve.requests import Delivery, ProblemsView, RunRequest, Strict, Url, request_of
from dvplug.serve.service import Service
from dvplug.serve.store import FINISHED, Run, State
from dvplug_registry.safe_text import masked

__all__ = ["owner_of", "router"]
PATHS = ("/v1/genomics/nvidia/deepvariant", "/genomics/nvidia/deepvariant")
"""That of a service of one's own, and that of NVIDIA's catalogue."""
LOOK_S = 0.2
_TECHNOLOGIES = {"shortread": "illumina-wgs", "pacbio": "pacbio", "ont": "ont"}
_FIELDS = {"--interval": "regions", "-L": "regions", "--haploid-contigs": "haploid_contigs"}
"""Options of ``pbrun deepvariant`` with a value that a call has too; each may come several times."""
_SWITCHES = {"--gvcf": "use_gvcf", "--use-wes-model": "use_wes_model"}
_SPEED = {
    "--num-gpus": 1, "--num-streams-per-gpu": 1, "--num-cpu-threads-per-stream": 1, "--gpu-num-per-partition": 1,
    "--run-partition": 0, "--use-tf32": 0, "--verbose": 0, "--x3": 0,
}  # fmt: skip
"""Options on which no record depends here, and how many values each has."""
_TO_THE_END = re.compile(r"(.+:[0-9,]+)\+")
"""``chr3:20000+``, which is ``chr3:20000-`` here."""


_STORE = "https://store.invalid/"
_EXAMPLE: JsonDict = {
    "in_ref_tarball": f"{_STORE}GRCh38.tar?X-Amz-Signature=0", "in_bam": f"{_STORE}hg002.bam?X-Amz-Signature=1",
    "in_bai": f"{_STORE}hg002.bam.bai?X-Amz-Signature=2",
    "out_variants": [f"{_STORE}hg002.vcf?uploadId=u&partNumber={n}&X-Amz-Signature=3" for n in (1, 2)],
    "out_variants_parts_manifest": f"{_STORE}hg002.json?X-Amz-Signature=4",
    "out_stdout": f"{_STORE}hg002.out?X-Amz-Signature=5", "out_stderr": f"{_STORE}hg002.err?X-Amz-Signature=6",
    "mode": "shortread", "use_gvcf": False, "use_wes_model": False, "additional_args": "--interval chr20",
}  # fmt: skip


class DeepVariantRequest(Strict):
    """What a client of NVIDIA's service sends. All places are URLs, most often presigned."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    in_ref_tarball: Url = Field(description="Tar of the reference genome and its indexes.")
    in_bam: Url
    in_bai: Url | None = None
    out_variants: list[Url] = Field(
        min_length=1, max_length=10_000, description="Where the VCF goes, by PUT: in parts."
    )
    out_variants_parts_manifest: Url | None = Field(
        default=None, description="Where the list of the parts goes, by PUT."
    )
    out_stdout: Url | None = None
    out_stderr: Url | None = None
    mode: Literal["shortread", "pacbio", "ont"] = "shortread"
    use_gvcf: bool = Field(default=False, description="Deliver a gVCF in place of the VCF.")
    use_wes_model: bool = False
    additional_args: str = Field(default="", max_length=4000, examples=["--interval chr20:1-100000"])


class DeepVariantAnswer(BaseModel):
    """What became of it, and the URLs of the request by the names of outputs."""

    model_config = ConfigDict(populate_by_name=True)

    id: str
    status: Literal["success", "accepted"]
    run: str = Field(description="Where it is told what it does.")
    out_variants: list[str] = Field(alias="out-variants")
    out_variants_parts_manifest: str | None = Field(default=None, alias="out-variants-parts-manifest")
    out_stdout: str | None = Field(default=None, alias="out-stdout")
    out_stderr: str | None = Field(default=None, alias="out-stderr")


class DeepVariantDetail(BaseModel):
    """What is wrong, as FastAPI tells it."""

    loc: list[str]
    msg: str
    type: str


class DeepVariantProblems(ProblemsView):
    """All that is wrong: for clients of NVIDIA's service as `detail`, for all as `problems`."""

    detail: list[DeepVariantDetail]


def router(service: Service) -> APIRouter:
    """The route, under its two paths."""
    routes = APIRouter(tags=["nvidia"], dependencies=[Depends(require_csrf)])
    fault: dict[int | str, dict[str, Any]] = {500: {"description": "The run ended by a fault."}}
    answers = {
        status: told | {"model": DeepVariantProblems} for status, told in (REFUSED | NO_ROOM | fault).items()
    }
    answers[202] = {"model": DeepVariantAnswer, "description": "Asked for by `Prefer: respond-async`."}

    async def deepvariant(
        request: DeepVariantRequest,
        owner: TokenOwner,
        response: Response,
        prefer: Annotated[str, Header(max_length=200)] = "",
    ) -> DeepVariantAnswer:
        """Call variants, and PUT them where the request says; answered when that is done."""
        run = await service.submit(
            run_request(request), owner=owner, interface="nvidia", original=_shown(request.model_dump())
        )
        if "respond-async" in prefer.lower():
            response.status_code = 202
            return _answer(run, "accepted", request)
        run = await finished(service, run)
        if run.state != State.DONE:
            raise not_done(run)
        return _answer(run, "success", request)

    for path in PATHS:
        routes.post(path, responses=answers, operation_id=path.strip("/").replace("/", "_"))(deepvariant)
    return routes


def _answer(
    run: Run, status: Literal["success", "accepted"], request: DeepVariantRequest
) -> DeepVariantAnswer:
    return DeepVariantAnswer(
        id=run.id, status=status, run=f"/api/runs/{run.id}", out_variants=request.out_variants,
        out_variants_parts_manifest=request.out_variants_parts_manifest, out_stdout=request.out_stdout,
        out_stderr=request.out_stderr,
    )  # fmt: skip


async def finished(service: Service, run: Run) -> Run:
    """Wait until a run has ended; raises ServiceError (503) where the service ends before."""
    while run.state not in FINISHED:
        if service.queue.draining:
            raise ServiceError(
                503,
                "The service ends",
                cause=f"run {run.id} goes on at its next start",
                repair="Ask for it then.",
            )
        await asyncio.sleep(LOOK_S)
        run = service.store.get(run.id) or run
    return run


def not_done(run: Run) -> ServiceError:
    """The answer for a run that did not end well: 422 where the client can mend it."""
    problems = run.problems or [
        {"problem": f"Run {run.id} was {run.state.value}", "cause": "", "repair": "Send the request again."}
    ]
    fault = any("fault" in one["problem"] for one in problems)
    return ServiceError(500 if fault else 422, problems[0]["problem"], several=problems)


def run_request(request: DeepVariantRequest) -> RunRequest:
    """Say the same in the terms of the plain interface; raises ServiceError (422) where there are none."""
    given = parsed_arguments(request.additional_args)
    gvcf = request.use_gvcf or bool(given["use_gvcf"])
    wes = request.use_wes_model or bool(given["use_wes_model"])
    if wes and request.mode != "shortread":
        raise ServiceError(
            422, f"There is no exome model of mode {request.mode}", repair="Leave out use_wes_model."
        )
    deliver = [
        Delivery(
            what="gvcf" if gvcf else "vcf",
            urls=request.out_variants,
            manifest=request.out_variants_parts_manifest,
            unpacked=urlsplit(request.out_variants[0]).path.lower().endswith((".vcf", ".gvcf")),
        )
    ]
    for what, url in (("stdout", request.out_stdout), ("stderr", request.out_stderr)):
        if url is not None:
            deliver.append(Delivery(what=what, urls=[url]))  # type: ignore[arg-type]
    return request_of(
        reads=[request.in_bam],
        indexes=[request.in_bai] if request.in_bai else [],
        ref_tarball=request.in_ref_tarball,
        tech="illumina-wes" if wes else _TECHNOLOGIES[request.mode],
        gvcf=gvcf,
        report=False,
        regions=given["regions"],
        haploid_contigs=given["haploid_contigs"],
        deliver=deliver,
    )


def parsed_arguments(text: str) -> dict[str, Any]:
    """Read options of ``pbrun deepvariant`` as a shell would part them; no shell ever sees them.

    Raises
    ------
    ServiceError
        One is unknown, or has no meaning here (422); all are named.
    """
    found: dict[str, Any] = {"regions": [], "haploid_contigs": [], "use_gvcf": False, "use_wes_model": False}
    try:
        words = [part for word in shlex.split(text) for part in _parted(word)]
    except ValueError as error:
        raise ServiceError(
            422, "additional_args cannot be read", cause=str(error), repair="Close the quotes."
        ) from error
    unknown, empty = [], []
    while words:
        word = words.pop(0)
        if word in _SWITCHES:
            found[_SWITCHES[word]] = True
        elif word in _SPEED:
            del words[: _SPEED[word]]
        elif word not in _FIELDS:
            unknown.append(word)
        elif words and words[0] and not words[0].startswith("-"):
            found[_FIELDS[word]] += _values(_FIELDS[word], words.pop(0))
        else:
            empty.append(word)
            words = words[1:] if words[:1] == [""] else words
    if unknown or empty:
        known = ", ".join([*_FIELDS, *_SWITCHES])
        said = f"means nothing here: {' '.join(unknown)}" if unknown else f"has no value: {' '.join(empty)}"
        raise ServiceError(
            422, f"additional_args has what {said[:300]}",
            cause="options are taken from a list, and never reach a shell", repair=f"Known are {known}.",
        )  # fmt: skip
    return found


def _values(field: str, text: str) -> list[str]:
    """An interval, of which each has an option of its own; or contigs, which commas or spaces part."""
    if field != "regions":
        return [one for one in re.split(r"[,\s]+", text) if one]
    return [found[1] + "-" if (found := _TO_THE_END.fullmatch(text)) else text]


def _parted(word: str) -> list[str]:
    """``--option=value`` as two words."""
    name, equals, value = word.partition("=")
    return [name, value] if equals and name.startswith("--") else [word]


def _shown(value: Any) -> Any:
    """A request without what its URLs open."""
    if isinstance(value, dict):
        return {name: _shown(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return masked(value) if isinstance(value, str) else value
