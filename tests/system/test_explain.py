"""Faults of settings and manifests, in words for people."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError, field_validator, model_validator

from dvplug.system.explain import explain


class Checked(BaseModel):
    """A number with a check in Python, and one of the whole."""

    number: int = 0

    @field_validator("number")
    @classmethod
    def _is_even(cls, number: int) -> int:
        if number < 0:
            raise AssertionError("it is below 0")
        if number % 2:
            raise ValueError("it is odd")
        return number

    @model_validator(mode="after")
    def _is_small(self) -> Checked:
        if self.number > 10:
            raise ValueError("all is too much")
        return self


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (3, "number: it is odd"),
        (-2, "number: it is below 0"),
        (12, "all is too much"),
        ("x", "number: Input should be a valid integer, unable to parse string as an integer"),
    ],
)
def test_only_what_is_wrong_is_said(number: object, says: str) -> None:
    with pytest.raises(ValidationError, match=r"number|too much") as refused:
        Checked.model_validate({"number": number})
    assert explain(refused.value) == says
