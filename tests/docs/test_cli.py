"""The pages about the command line say what it does: commands, options, defaults, exit codes."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App

from dvplug.cli.commands import app
from helpers.pages import BLOCK, CELL, PAGES, of_root
from helpers.places import ROOT


def shell_commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command in the page's shell blocks."""
    for block in BLOCK.finditer(page.read_text()):
        if block["language"].strip() in ("", "sh", "bash", "console"):
            for line in block["body"].replace("\\\n", " ").splitlines():
                for command in line.removeprefix("$ ").split("&&"):
                    words = shlex.split(command, comments=True)
                    if words:
                        yield words


COMMANDS = [(page, words) for page in PAGES for words in shell_commands(page)]


@pytest.mark.parametrize(
    "words", [words for _, words in COMMANDS if words[0] == "dvplug"], ids=lambda words: " ".join(words)
)
def test_commands_can_be_parsed(words: list[str]) -> None:
    function, bound, ignored = app.parse_args(words[1:], exit_on_error=False, print_error=False)
    assert callable(function)
    assert not ignored
    assert bound is not None


@pytest.mark.parametrize(
    "script", sorted({words[1] for _, words in COMMANDS if words[0] in ("python", "python3")} - {"-m", "-c"})
)
def test_scripts_in_the_pages_exist(script: str) -> None:
    """Among our files, or as a block of a page that has its name."""
    shown = [block["language"].split()[1:] for page in PAGES for block in BLOCK.finditer(page.read_text())]
    assert (ROOT / script).is_file() or [script] in shown


@pytest.mark.parametrize("page", PAGES, ids=of_root)
def test_commands_named_in_the_text_exist(page: Path) -> None:
    text = BLOCK.sub("", page.read_text())
    unknown = []
    for command in re.findall(r"`dvplug ([^`]+)`", text):
        first, *rest = command.split()
        if first.startswith("-"):
            continue
        known = first in app and (first not in GROUPS or not rest or set(rest[0].split("|")) <= GROUPS[first])
        if not known:
            unknown.append(command)
    assert not unknown


def subcommands(group: App) -> list[str]:
    return [name for name in group if not name.startswith("-")]


def leaves() -> dict[str, App]:
    """Every command that does something, by the words that call it."""
    found: dict[str, App] = {}
    for name in subcommands(app):
        inner = subcommands(app[name])
        found |= {f"{name} {word}": app[name][word] for word in inner} or {name: app[name]}
    return found


LEAVES = leaves()


GROUPS = {name: set(inner) for name in subcommands(app) if (inner := subcommands(app[name]))}


def documented() -> dict[str, list[list[str]]]:
    """Rows of the table under each heading of cli.md, by command."""
    sections = re.split(r"^## `dvplug (.+?)`$", (ROOT / "docs" / "cli.md").read_text(), flags=re.MULTILINE)
    return {
        name: [
            [cell.strip() for cell in CELL.split(line)[1:-1]]
            for line in body.splitlines()
            if line.startswith("| `")
        ]
        for name, body in zip(sections[1::2], sections[2::2], strict=True)
    }


def as_text(default: object) -> str:
    """How the table shows a default; empty where the text says what happens."""
    if default is None or default is inspect.Parameter.empty:
        return ""
    if isinstance(default, bool):
        return "on" if default else "off"
    return f"`{' '.join(map(str, default)) if isinstance(default, tuple) else default}`"


def test_every_command_is_documented_and_no_other() -> None:
    assert sorted(documented()) == sorted(LEAVES)


@pytest.mark.parametrize("command", LEAVES)
def test_every_option_is_documented_with_its_default_and_no_other(command: str) -> None:
    expected = {
        argument.names[0]: "required" if argument.required else as_text(argument.field_info.default)
        for argument in LEAVES[command].assemble_argument_collection()
        if not argument.children  # of which it is a group
    }
    rows = {row[0].strip("`"): row[1] for row in documented()[command]}
    assert rows.keys() == expected.keys()
    wrong = {name: text for name, text in rows.items() if expected[name] not in ("", text)}
    assert not wrong


def test_exit_codes_are_documented() -> None:
    from dvplug import cli

    text = (ROOT / "docs" / "cli.md").read_text()
    for code in (cli.EXIT_DONE, cli.EXIT_OUR_FAULT, cli.EXIT_USER_CAN_MEND):
        assert f"| {code} |" in text
