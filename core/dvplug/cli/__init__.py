"""The `dvplug` command: one module per subcommand, loaded only when it is called."""

from __future__ import annotations

import atexit
import errno
import gc
import signal
import sys
import traceback
from typing import Any

from cyclopts import App, CycloptsError

from dvplug._version import __version__
from dvplug.errors import DvplugError, unwritable
from dvplug.system.console import complain, stderr, stdout
from dvplug.system.streams import standard_streams
from dvplug_registry.safe_text import masked

EXIT_DONE, EXIT_OUR_FAULT, EXIT_USER_CAN_MEND = 0, 1, 2
EXIT_SIGNAL = 128  # and the signal's number: 130 for Ctrl-C, 143 for SIGTERM
RARE_COLLECTIONS = 50_000, 20, 20
"""Thresholds of the garbage collector: at Python's own it takes a tenth of the start, and finds nothing there."""
atexit.register(
    gc.freeze
)  # what is left goes with the process: Python would look through all of it, for .15 s

app = App(
    name="dvplug",
    version=__version__,
    help="Call germline SNPs and indels from aligned reads.",
    suppress_keyboard_interrupt=False,  # `main` says which signal it was
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


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 2 the user can mend it, 1 a fault of ours, 128 + a signal's number."""
    before = _as_interrupts(signal.SIGTERM, signal.SIGHUP)
    collected = gc.get_threshold()
    gc.set_threshold(*RARE_COLLECTIONS)
    try:
        with standard_streams():
            _run(arguments)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        gc.set_threshold(*collected)


def _run(arguments: list[str] | None) -> None:
    """Run a command and exit; see `main`."""
    try:
        app(arguments, exit_on_error=False, print_error=False)
        stdout.file.flush()
    except DvplugError as error:
        complain(str(error))
        sys.exit(EXIT_USER_CAN_MEND)
    except CycloptsError as error:
        command = " ".join(["dvplug", *(error.command_chain or ())])
        text = str(error) if str(error).endswith((".", "?")) else f"{error}."
        complain(f"{text} See `{command} --help`.")
        sys.exit(EXIT_USER_CAN_MEND)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        stderr.print(f"[red]interrupted[/] by {number.name}: what was not finished is gone.")
        sys.exit(EXIT_SIGNAL + number)
    except BrokenPipeError:
        sys.exit(EXIT_SIGNAL + signal.SIGPIPE)
    except Exception as error:  # noqa: BLE001 - what libraries say may hold a URL with its signature, as all that is printed
        if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
            where = str(error.filename2 or error.filename or "a file or stdout")
            complain(str(unwritable(where, error, "read or written")))
            sys.exit(EXIT_USER_CAN_MEND)
        stderr.print(masked(traceback.format_exc()), markup=False)
        sys.exit(EXIT_OUR_FAULT)
    sys.exit(EXIT_DONE)


_OF_THE_SYSTEM = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE,
    errno.EMFILE, errno.ENFILE, errno.ENAMETOOLONG, errno.ELOOP, errno.EBADF,
}  # fmt: skip
"""Errors of files that are no fault of dvplug, wherever they come from."""


def _as_interrupts(*numbers: signal.Signals) -> dict[signal.Signals, Any]:
    """Have these signals end the run as Ctrl-C does: workers end, unfinished files go. Returns what to set back."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number))

    # One that is ignored stays so, as SIGHUP under nohup.
    defaults = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
    return {number: signal.signal(number, interrupt) for number in defaults}
