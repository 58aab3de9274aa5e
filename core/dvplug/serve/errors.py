"""Errors that the service answers with, each by its HTTP status."""

from __future__ import annotations

from collections.abc import Sequence
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

    def as_json(self) -> dict[str, Any]:
        """Return ``{"problems": [...]}``, as every answer of an error is."""
        return {"problems": self._several or problems_of(self)}


def problems_of(error: DvplugError) -> list[dict[str, str]]:
    """Return what is wrong, one by one, as JSON has it."""
    return [{"problem": one.problem, "cause": one.cause, "repair": one.repair} for one in error.problems]
