"""All commands, by cyclopts: one module per subcommand, loaded only when it is called."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from dvplug._version import __version__
from dvplug.cli.exits import EXIT_USER_CAN_MEND
from dvplug.errors import InputError
from dvplug.system.console import complain

app = App(
    name="dvplug",
    version=__version__,
    help="Call germline SNPs and indels from aligned reads.",
    suppress_keyboard_interrupt=False,  # `dvplug.cli.main` says which signal it was
)
COMMANDS = {
    "call": "Call variants of one sample: BAM or CRAM to VCF.",
    "cohort": "Call all samples of a sheet in one queue, and compare them.",
    "joint": "Genotype samples together: gVCFs to one VCF.",
    "report": "Draw the statistics of a VCF as a web page.",
    "profile": "Print how the reads of a sample err, and what they are like.",
    "show": "Draw what the network sees at a position.",
    "evaluate": "Compare calls with a truth set.",
    "compare": "Compare callsets of one genome with each other.",
    "serve": "Offer calling over HTTP: a page, and the interfaces of NVIDIA and GA4GH.",
    "demo": "Simulate a genome and reads, call and evaluate: needs no data.",
    "train": "Make a model: from one file of reads, or step by step.",
    "plugins": "Install, list, check and begin plugins.",
    "registry": "List, download, verify and publish models.",
    "doctor": "Examine this installation.",
    "warm": "Compile ahead of time what calling needs.",
    "completion": "Print the completion of a shell.",
}
for name, summary in COMMANDS.items():
    function = "app" if name in ("train", "plugins", "registry") else name
    app.command(f"dvplug.cli.{name}:{function}", name=name, help=summary)


MAY_BE_EMPTY = {"--reason"}
_NOTHING_GIVEN = re.compile(r"--[a-z-]+=")


def run_command(words: Sequence[str]) -> None:
    """Run the command that these words are; where they are none, say so and exit."""
    _require_values(words)
    try:
        app(words, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        command = " ".join(["dvplug", *(error.command_chain or ())])
        text = str(error) if str(error).endswith((".", "?")) else f"{error}."
        complain(f"{text} See `{command} --help`.")
        sys.exit(EXIT_USER_CAN_MEND)
    except SystemExit as end:  # of rich, which prints the help, where nobody reads it any more
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None
        raise


def _require_values(words: Sequence[str]) -> None:
    """Refuse an empty word, which would pass for the current folder, or for an option that was not given."""
    for before, word in zip(("dvplug", *words), words, strict=False):
        option = word[:-1] if _NOTHING_GIVEN.fullmatch(word) else before
        if (not word or option != before) and option not in MAY_BE_EMPTY:
            raise InputError(
                f"What follows {option} is empty",
                cause="a variable of the shell may be",
                repair="Give a value, or leave it out.",
            )
