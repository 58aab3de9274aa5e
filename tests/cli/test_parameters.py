"""Values that options refuse, whichever command has them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

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
@pytest.mark.parametrize("value", ["1.4", "2.0", "1e3", "many", "1_0"])
def test_a_fraction_is_no_whole_number(words: tuple[str, ...], name: str, value: str) -> None:
    option = option_of(name)
    with pytest.raises(CoercionError) as refused:
        app.parse_args([*words, option, value], exit_on_error=False, print_error=False)
    assert str(refused.value) == f'Invalid value for {option}: unable to convert "{value}" into int.'


def floats_in(hint: Any) -> int:
    """How many numbers that need not be whole an option takes."""
    if get_origin(hint) is Annotated:
        return floats_in(get_args(hint)[0])
    return int(hint is float) or sum(map(floats_in, get_args(hint)))


def float_options() -> Iterator[tuple[tuple[str, ...], str, int]]:
    """Each command with all that it requires, the name of one of its options of numbers, and how many it takes."""
    for words, command in commands(app):
        function = command.default_command
        hints = {
            name: p.annotation for name, p in inspect.signature(function, eval_str=True).parameters.items()
        }
        for hint in list(hints.values()):
            if is_dataclass(hint):
                hints |= get_type_hints(hint, include_extras=True)
        for name, hint in hints.items():
            if takes := floats_in(hint):
                yield required_words(words, command), name, takes


FLOATS = list(float_options())


def test_numbers_are_found() -> None:
    assert {name for _, name, _ in FLOATS} >= {
        "max_hours",
        "keep",
        "depths",
        "drain",
        "keep_days",
        "learning_rate",
    }


@pytest.mark.parametrize(("words", "name", "takes"), FLOATS, ids=str)
@pytest.mark.parametrize("value", ["1_0", "1_0.5", "many"])
def test_an_underscore_is_no_part_of_a_number(
    words: tuple[str, ...], name: str, takes: int, value: str
) -> None:
    given = [*words, option_of(name), value, *["1"] * (takes - 1)]
    with pytest.raises(CoercionError) as refused:
        app.parse_args(given, exit_on_error=False, print_error=False)
    assert (
        str(refused.value) == f'Invalid value for {option_of(name)}: unable to convert "{value}" into float.'
    )


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


PROCESSES = [
    ("demo", "--folder", "x"),
    ("call", "--tech", "illumina-wgs", "--ref", "r.fa", "--reads", "r.bam", "--out", "x.vcf"),
    ("cohort", "r.tsv", "--ref", "r.fa", "--out", "x"),
    ("joint", "r.g.vcf.gz", "--ref", "r.fa", "--out", "x.vcf"),
    ("train", "examples", "--tech", "illumina-wgs", "--ref", "r.fa", "--reads", "r.bam", "--truth", "t.vcf.gz",
     "--confident", "c.bed", "--out", "x.h5"),
    ("train", "simulate", "r.npz", "--genome", "r.fa", "--out", "x"),
    ("train", "model", "r.bam", "--ref", "r.fa", "--tech", "illumina-wgs", "--out", "my-seq"),
]  # fmt: skip


@pytest.mark.parametrize("words", PROCESSES, ids=lambda words: " ".join(words[:2]))
@pytest.mark.parametrize("number", [0, -1])
def test_no_command_works_with_no_process(
    words: tuple[str, ...],
    number: int,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "r.tsv").write_text("sample\treads\na\tr.bam\n")
    option = "--threads" if words[1] == "simulate" else "--workers"
    assert run(*words, option, number) == 2
    assert f"{option} {number} is not a number of" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["r.tsv"]


@pytest.mark.parametrize("seed", [-1, -(10**30)])
def test_a_demo_has_a_seed(seed: int, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("demo", tmp_path / "x", "--seed", seed) == 2
    assert f"{seed} is no seed: they begin at 0" in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())
