"""The pages say what the code does: commands, options, defaults, links and names."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cyclopts import App
from pydantic import BaseModel

from dvplug.cli import app
from dvplug.images import channels
from dvplug.images.features.length_likelihoods import LIKELIHOOD_FEATURES
from dvplug.images.features.length_shares import SHARE_FEATURES
from dvplug.images.features.length_summary import LENGTH_FEATURES
from dvplug.images.features.site import FEATURES
from dvplug.line.image_batch import DELETED, EMPTY, REFERENCE, SUPPORTS_ALT, SUPPORTS_REF, Pileup
from dvplug.line.read_batch import ReadBatch
from dvplug.plugins.builtin import CHANNELS
from dvplug.technology import CandidateThresholds, ImageLayout, ReadFilter
from helpers.places import ROOT

README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [README, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *DOCS]
BLOCK = re.compile(r"^```(?P<language>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
CELL = re.compile(r"(?<!\\)\|")


def test_all_pages_are_listed_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    missing = [page.name for page in DOCS if page.name != "README.md" and f"({page.name})" not in index]
    assert not missing


# Links


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links(page: Path) -> list[str]:
    return re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", page.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        headings = (
            re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if target.suffix == ".md" else []
        )
        if not target.exists() or (anchor and anchor not in map(slug, headings)):
            broken.append(link)
    assert not broken


# Commands


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
    "script", sorted({words[1] for _, words in COMMANDS if words[0] in ("python", "python3")} - {"-m"})
)
def test_scripts_in_the_pages_exist(script: str) -> None:
    assert (ROOT / script).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
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


# The command line


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


# The test command


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    commands = [
        block["body"].strip() for block in BLOCK.finditer(README.read_text()) if "pytest" in block["body"]
    ]
    assert len(commands) == 1
    assert commands[0] in (ROOT / ".ci" / "run").read_text()


# Names and numbers of the data flow


def table(heading: str) -> list[list[str]]:
    """Rows of the first table under a heading of data-flow.md."""
    text = (ROOT / "docs" / "data-flow.md").read_text().split(f"# {heading}\n")[1]
    rows = re.search(r"(?:^\|.*\n)+", text, re.MULTILINE)
    assert rows
    return [[cell.strip() for cell in CELL.split(line)[1:-1]] for line in rows[0].splitlines()[2:]]


@pytest.mark.parametrize(
    ("heading", "settings"), [("The read filter", ReadFilter), ("The thresholds", CandidateThresholds)]
)
def test_settings_are_listed_with_their_defaults(heading: str, settings: type[BaseModel]) -> None:
    defaults = settings().model_dump()
    shown = {name.strip("`"): value for name, value, *_ in table(heading)}
    assert shown == {
        name: {False: "no", True: "yes"}.get(value, str(value)) if isinstance(value, bool) else f"{value:,}"
        for name, value in defaults.items()
    }


def test_features_are_listed_in_order() -> None:
    assert [row[0].strip("`") for row in table("The features")] == list(FEATURES)
    assert [row[0].strip("`") for row in table("The features of lengths: `lengths.py`")] == list(
        LENGTH_FEATURES
    )
    shares = [row[0].strip("`") for row in table("The features of length shares: `length_shares.py`")]
    assert [name for cell in shares for name in spelt_out(cell)] == list(SHARE_FEATURES)
    likelihoods = table("The features of length likelihoods: `length_likelihoods.py`")
    assert [row[0].strip("`") for row in likelihoods] == list(LIKELIHOOD_FEATURES)


def spelt_out(cell: str) -> list[str]:
    """`name_-1..1` stands for name_-1, name_0 and name_1."""
    name, _, reach = cell.partition("..")
    if not reach:
        return [name]
    return [f"{name.removesuffix(f'-{reach}')}{change}" for change in range(-int(reach), int(reach) + 1)]


def one_read() -> Pileup:
    """A reference row of C, a row with the first base of a reverse read, a deletion and nothing, an empty row."""
    reads = ReadBatch(
        start=np.array([10], np.int32),
        end=np.array([12], np.int32),
        flag=np.array([16], np.uint16),
        mapping_quality=np.array([30], np.uint8),
        fragment_length=np.array([-400], np.int32),
        haplotype=np.array([1], np.uint8),
        name_hash=np.array([1], np.uint32),
        seq=np.array([0], np.uint8),
        qual=np.array([20], np.uint8),
        base_offset=np.array([0, 1]),
        cigar=np.array([1 << 4, 1 << 4 | 2], np.uint32),
        cigar_offset=np.array([0, 2]),
    )
    return Pileup(
        reads,
        cell=np.array([[[REFERENCE] * 3, [0, DELETED, EMPTY], [EMPTY] * 3]], np.int32),
        insertion=np.zeros((1, 3, 3), np.bool_),
        row_read=np.array([[REFERENCE, 0, EMPTY]], np.int32),
        support=np.array([[SUPPORTS_REF, SUPPORTS_ALT, 0]], np.uint8),
        reference=np.array([[1, 1, 1]], np.uint8),
    )


def test_channels_are_listed_in_order() -> None:
    assert [row[0].strip("`") for row in table("The channels")] == list(CHANNELS)


@pytest.mark.parametrize("row", table("The channels"), ids=lambda row: row[0].strip("`"))
def test_pixels_are_as_listed(row: list[str]) -> None:
    name, of_read, of_deletion, of_reference = row
    out = np.zeros((1, 3, 3), np.uint8)
    getattr(channels, name.strip("`"))(one_read(), out)
    base, deleted, empty = out[0, 1].tolist()
    scaled = re.fullmatch(r".*up to ([\d,]+).*, times 254/\1", of_read)
    if scaled:
        value = {"base_quality": 20, "mapping_quality": 30, "insert_size": 400, "homopolymer_length": 1}[
            name.strip("`")
        ]
        assert base == 254 * value // int(scaled[1].replace(",", ""))
    else:
        assert re.search(rf"\b{base}\b", of_read)
    assert deleted == (base if of_deletion == "as the read" else int(of_deletion))
    assert (
        out[0, 0].tolist()
        == [{"as the base": 30, "as the run": 254 * 3 // 20}.get(of_reference) or int(of_reference)] * 3
    )
    assert not empty
    assert not out[0, 2].any()


def test_the_image_shape_of_illumina_is_as_shown() -> None:
    from dvplug_illumina.profile import ILLUMINA_WGS

    layout: ImageLayout = ILLUMINA_WGS.image
    assert (
        f"`illumina-wgs` {' x '.join(map(str, layout.shape))}" in (ROOT / "docs" / "data-flow.md").read_text()
    )
