"""Errors that the service answers with, each by its HTTP status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dvplug.errors import DvplugError


class ServiceError(DvplugError):
    """What a client asked for cannot be given.

    Parameters
    ----------
    status
        Of the answer: 4xx or 5xx.
    problem, cause, repair
        As of `DvplugError`.
    several
        Where it stands for several problems: each with ``problem``, ``cause``, ``repair`` (and ``field``).
    """

    def __init__(
        self,
        status: int,
        problem: str,
        *,
        cause: str = "",
        repair: str = "",
        several: Sequence[dict[str, str]] = (),
    ) -> None:
        super().__init__(problem, cause=cause, repair=repair)
        self.status = status
        self._several = list(several)

    def told(self) -> list[dict[str, str]]:
        """Return what is wrong, one by one, as JSON has it."""
        return self._several or problems_of(self)


def problems_of(error: DvplugError) -> list[dict[str, str]]:
    """Return what is wrong, one by one, as JSON has it."""
    return [{"problem": one.problem, "cause": one.cause, "repair": one.repair} for one in error.problems]


def in_words(problem: Mapping[str, str]) -> str:
    """Say a problem in one text, as the command line does."""
    return str(DvplugError(problem["problem"], cause=problem["cause"], repair=problem["repair"]))


_HTSGET = {
    400: "InvalidInput",
    401: "InvalidAuthentication",
    403: "PermissionDenied",
    404: "NotFound",
    413: "PayloadTooLarge",
}


def answer_of(path: str, status: int, problems: Sequence[dict[str, str]]) -> tuple[int, dict[str, Any]]:
    """Return status and body of an error, in the form that the interface of a path has for them.

    WES and htsget know no 422: what cannot be run is a 400 there. NVIDIA's services answer as FastAPI does, with
    `detail`.
    """
    if "/genomics/nvidia/" in path:
        return status, {"detail": [_detail(one) for one in problems], "problems": list(problems)}
    if not path.startswith("/ga4gh/"):
        return status, {"problems": list(problems)}
    status = 400 if status == 422 else status
    text = " ".join(in_words(one) for one in problems)
    if path.startswith("/ga4gh/htsget/"):
        word, colon, _ = text.partition(": ")
        said = word if colon and word.isalpha() else _HTSGET.get(status, "InternalError")
        return status, {"htsget": {"error": said, "message": text.removeprefix(f"{said}: ")}}
    return status, {"msg": text, "status_code": status, "problems": list(problems)}


def _detail(problem: dict[str, str]) -> dict[str, Any]:
    """A problem in the form of FastAPI's HTTPValidationError."""
    said = (problem["problem"], problem.get("cause", ""))
    where = [one for one in problem.get("field", "").split(".") if one]
    return {"loc": ["body", *where], "msg": ": ".join(filter(None, said)), "type": "value_error"}
