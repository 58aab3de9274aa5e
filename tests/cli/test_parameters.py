"""Values that options refuse, whichever command has them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from cyclopts import App, CoercionError

import dvplug
from dvplug.cli.commands import app
from dvplug.errors import InputError
from dvplug.simulate import SimulatedDataset
from helpers.command import run


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


def required_words(words: tuple[str, ...], command: App, but: str = "") -> tuple[str, ...]:
    """A command with a value for all that it requires, but for one option."""
    parameters = inspect.signature(command.default_command, eval_str=True).parameters
    required = [name for name, p in parameters.items() if p.default is p.empty and name != but]
    listed = [name for name in required if parameters[name].kind is inspect.Parameter.VAR_POSITIONAL]
    given = [word for name in required if name not in listed for word in (option_of(name), "1")]
    return (*words, *given, *(["1"] * len(listed)))


def option_of(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def whole_options() -> Iterator[tuple[tuple[str, ...], str]]:
    """Each command with all that it requires, and the name of one of its options that is a whole number."""
    for words, command in commands(app):
        parameters = inspect.signature(command.default_command, eval_str=True).parameters
        for name, parameter in parameters.items():
            if is_whole(parameter.annotation):
                yield required_words(words, command), name


WHOLE = list(whole_options())


def test_whole_numbers_are_found() -> None:
    assert {name for _, name in WHOLE} >= {"workers", "min_gq", "seed", "epochs", "batch_size", "steps"}


@pytest.mark.parametrize(
    ("words", "name"), WHOLE, ids=lambda value: value if isinstance(value, str) else value[0]
)
@pytest.mark.parametrize("value", ["1.4", "2.0", "1e3", "many"])
def test_a_fraction_is_no_whole_number(words: tuple[str, ...], name: str, value: str) -> None:
    option = option_of(name)
    with pytest.raises(CoercionError) as refused:
        app.parse_args([*words, option, value], exit_on_error=False, print_error=False)
    assert str(refused.value) == f'Invalid value for {option}: unable to convert "{value}" into int.'


@pytest.mark.parametrize("name", ["min_gq", "workers"])
def test_nor_is_it_in_python(name: str, dataset: SimulatedDataset) -> None:
    with pytest.raises(TypeError, match="'float' object cannot be interpreted as an integer"):
        dvplug.call("illumina-wgs", dataset.reference, dataset.reads, **{name: 2.5})


def is_several(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        return is_several(get_args(hint)[0])
    return get_origin(hint) is list or any(is_several(part) for part in get_args(hint))


def options_of_several() -> Iterator[tuple[tuple[str, ...], str]]:
    """Each command with a value for all that it requires, and one of its options that take several values."""
    for words, command in commands(app):
        for name, parameter in inspect.signature(command.default_command, eval_str=True).parameters.items():
            if is_several(parameter.annotation) and name != "editable":  # which is given again for each
                yield required_words(words, command, but=name), option_of(name)


SEVERAL = list(options_of_several())


@pytest.mark.parametrize(("words", "option"), SEVERAL, ids=str)
def test_an_option_of_several_values_has_one_at_least(
    words: tuple[str, ...], option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, option) == 2
    assert re.search(
        rf"for {option}. Nothing follows it: a variable of the shell may be empty", capsys.readouterr().err
    )


def test_options_of_several_values_are_found() -> None:
    assert {option for _, option in SEVERAL} >= {"--reads", "--regions", "--haploid-contigs", "--tune"}


@pytest.mark.parametrize("option", ["--contigs", "--library", "--aligner"])
def test_nor_has_one_that_commands_share_none(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "simulate", "x.npz", "--genome", "g.fa", "--out", "x", option) == 2
    assert f"for {option}. Nothing follows it" in capsys.readouterr().err


@pytest.mark.parametrize("words", [words for words, _ in commands(app)], ids=" ".join)
def test_an_empty_word_is_no_value(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words, "--anything", "") == 2
    assert "What follows --anything is empty: a variable of the shell may be." in capsys.readouterr().err
    assert run(*words, "--anything=") == 2
    assert "What follows --anything is empty" in capsys.readouterr().err


def test_but_a_reason_may_be_taken_back(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for reason in (["--reason", ""], ["--reason="]):
        place = ("--registry", tmp_path, "--keys", tmp_path)
        assert run("registry", "yank", "x@1.0.0", *reason, *place) == 2
        assert "there is no registry in" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("registry", "download"),
        ("registry", "remove"),
        ("registry", "export", "--out", "x.tar"),
        ("registry", "publish", "--registry", "x", "--keys", "y"),
        ("plugins", "install"),
        ("plugins", "uninstall"),
    ],
    ids=" ".join,
)
def test_to_work_on_nothing_is_told(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    assert re.search("no (model|plugin) was named", capsys.readouterr().err)


@pytest.mark.parametrize("name", ["gvcf", "haplotagged", "executor"])
def test_a_name_is_not_empty_in_python(name: str, dataset: SimulatedDataset) -> None:
    with pytest.raises(InputError, match="A name that was given is empty"):
        dvplug.call("illumina-wgs", dataset.reference, dataset.reads, **{name: ""})
