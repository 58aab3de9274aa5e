"""The `dvplug` command: one module per subcommand, loaded only when it is called."""

from __future__ import annotations

import sys

from cyclopts import App, CycloptsError
from rich.markup import escape

from dvplug import __version__
from dvplug.console import stderr
from dvplug.errors import DvplugError

EXIT_DONE, EXIT_OUR_FAULT, EXIT_USER_CAN_MEND = 0, 1, 2

app = App(name="dvplug", version=__version__, help="Call germline SNPs and indels from aligned reads.")
COMMANDS = {
    "call": "Call variants of one sample: BAM or CRAM to VCF.",
    "report": "Draw the statistics of a VCF as a web page.",
    "show": "Draw what the network sees at a position.",
    "evaluate": "Compare calls with a truth set.",
    "demo": "Simulate a genome and reads, call and evaluate: needs no data.",
    "train": "Make examples, fit a network, export a model.",
    "plugins": "Install, list, check and begin plugins.",
    "registry": "List, download, verify and publish models.",
    "doctor": "Examine this installation.",
}
for name, summary in COMMANDS.items():
    function = "app" if name in ("train", "plugins", "registry") else name
    app.command(f"dvplug.cli.{name}:{function}", name=name, help=summary)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 the user can mend it, 1 a fault of ours."""
    try:
        app(arguments, exit_on_error=False, print_error=False)
    except DvplugError as error:
        stderr.print(f"[red]error:[/] {escape(str(error))}")
        sys.exit(EXIT_USER_CAN_MEND)
    except CycloptsError as error:
        stderr.print(f"[red]error:[/] {escape(str(error).rstrip('.'))}. See `dvplug --help`.")
        sys.exit(EXIT_USER_CAN_MEND)
    except KeyboardInterrupt:
        stderr.print("[red]interrupted[/]: no output was written.")
        sys.exit(130)
    sys.exit(EXIT_DONE)
