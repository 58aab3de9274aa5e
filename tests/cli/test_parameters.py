"""Values that options refuse, whichever command has them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin

import pytest
from cyclopts import App, CoercionError

import dvplug
from dvplug.cli.commands import app
from dvplug.simulate import SimulatedDataset


def commands(of: App, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], App]]:
    """Every command that does something, by its words."""
    for name in of:
        if not name.startswith("-"):
            below = of[name]
            if below.default_command is None:
                yield from commands(below, (*words, name))
            else:
                yield (*words, name), below


def is_whole(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        return is_whole(get_args(hint)[0])
    return hint is int or any(is_whole(part) for part in get_args(hint))


def whole_options() -> Iterator[tuple[tuple[str, ...], str]]:
    """Each command with all that it requires, and the name of one of its options that is a whole number."""
    for words, command in commands(app):
        parameters = inspect.signature(command.default_command, eval_str=True).parameters
        required = [name for name, parameter in parameters.items() if parameter.default is parameter.empty]
        listed = [name for name in required if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL]
        given = [
            word for name in required if name not in listed for word in (f"--{name.replace('_', '-')}", "1")
        ]
        given += ["1"] * len(listed)
        for name, parameter in parameters.items():
            if is_whole(parameter.annotation):
                yield (*words, *given), name


WHOLE = list(whole_options())


def test_whole_numbers_are_found() -> None:
    assert {name for _, name in WHOLE} >= {"workers", "min_gq", "seed", "epochs", "batch_size", "steps"}


@pytest.mark.parametrize(
    ("words", "name"), WHOLE, ids=lambda value: value if isinstance(value, str) else value[0]
)
@pytest.mark.parametrize("value", ["1.4", "2.0", "1e3", "many"])
def test_a_fraction_is_no_whole_number(words: tuple[str, ...], name: str, value: str) -> None:
    option = f"--{name.replace('_', '-')}"
    with pytest.raises(CoercionError) as refused:
        app.parse_args([*words, option, value], exit_on_error=False, print_error=False)
    assert str(refused.value) == f'Invalid value for {option}: unable to convert "{value}" into int.'


@pytest.mark.parametrize("name", ["min_gq", "workers"])
def test_nor_is_it_in_python(name: str, dataset: SimulatedDataset) -> None:
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        dvplug.call("illumina-wgs", dataset.reference, dataset.reads, **{name: 2.5})
