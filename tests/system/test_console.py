"""What is printed: names from files cannot steer the terminal, nor pose as another message."""

from __future__ import annotations

import random
import sys

import pytest
from rich.table import Table

from dvplug.errors import InputError
from dvplug.system.console import complain, info, warn
from dvplug.system.rich_console import SafeConsole

NAME = "chr1\x1b[31m\x07\u202e[bold]:100:"
SHOWN = r"chr1\x1b[31m\x07\u202e[bold]:100:"


@pytest.mark.parametrize("say", [warn, info, complain])
def test_messages(say, capsys: pytest.CaptureFixture[str]) -> None:
    say(f"{NAME}: https://me:word@a.b/x?sig=word\nerror: all lost\n  indented")
    said = capsys.readouterr().err
    assert SHOWN in said
    assert said.endswith("https://***@a.b/x?***\n  error: all lost\n  indented\n")


def test_tables_and_plain_prints(capsys: pytest.CaptureFixture[str]) -> None:
    console = SafeConsole(width=200)
    table = Table("a\x1b[0m")
    table.add_row("b\x1b[2J")
    console.print(table)
    console.print("c\x1b]0;title\x07", markup=False)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert all(text in shown for text in (r"a\x1b[0m", r"b\x1b[2J", r"c\x1b]0;title\x07"))


def test_an_error_of_several_lines_stays_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    complain(str(InputError("the file 'a\nwarning: b' is not there")))
    assert capsys.readouterr().err == "error: the file 'a\n  warning: b' is not there\n"


def test_what_is_printed_without_rich_is_what_rich_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any text, however long; off a terminal."""
    rng = random.Random(2)
    parts = [
        "word",
        " ",
        "  ",
        "[red]",
        "[/]",
        "\\",
        "\n",
        "\nx",
        "\t",
        "\x1b[0m",
        ":smile:",
        "é\u202e",
        "x" * 150,
        "https://a:b@c/d",
    ]
    for say in (info, warn, complain):
        for _ in range(60):
            message = "".join(rng.choices(parts, k=rng.randrange(12)))
            say(message)  # rich is loaded here
            by_rich = capsys.readouterr().err
            with monkeypatch.context() as without:
                without.delitem(sys.modules, "dvplug.system.rich_console")
                say(message)
            assert capsys.readouterr().err == by_rich
