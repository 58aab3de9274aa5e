"""The `dvplug` command."""

from __future__ import annotations

import atexit
import errno
import gc
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dvplug.cli.exits import EXIT_DONE, EXIT_OUR_FAULT, EXIT_SIGNAL, EXIT_USER_CAN_MEND
from dvplug.cli.plain_call import read_plain, run_call
from dvplug.errors import DvplugError, unwritable
from dvplug.system.console import complain
from dvplug.system.streams import ResultStream, standard_streams
from dvplug_registry.safe_text import masked

if TYPE_CHECKING:
    from dvplug.system.rich_console import SafeConsole

RARE_COLLECTIONS = 50_000, 20, 20
"""Thresholds of the garbage collector: at Python's own it takes a tenth of the start, and finds nothing there."""
atexit.register(
    gc.freeze
)  # what is left goes with the process: Python would look through all of it, for .15 s


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
        _dispatch(sys.argv[1:] if arguments is None else arguments)
        ResultStream("stdout").flush()
    except DvplugError as error:
        complain(str(error))
        sys.exit(EXIT_USER_CAN_MEND)
    except KeyboardInterrupt as error:
        number = error.args[0] if error.args else signal.SIGINT
        _stderr().print(f"[red]interrupted[/] by {number.name}: what was not finished is gone.")
        sys.exit(EXIT_SIGNAL + number)
    except BrokenPipeError:
        sys.exit(EXIT_SIGNAL + signal.SIGPIPE)
    except Exception as error:  # noqa: BLE001 - what libraries say may hold a URL with its signature, as all that is printed
        if isinstance(error, OSError) and error.errno in _OF_THE_SYSTEM:
            where = str(error.filename2 or error.filename or "a file or stdout")
            complain(str(unwritable(where, error, "read or written")))
            sys.exit(EXIT_USER_CAN_MEND)
        _stderr().print(masked(traceback.format_exc()), markup=False)
        sys.exit(EXIT_OUR_FAULT)
    sys.exit(EXIT_DONE)


def _dispatch(words: Sequence[str]) -> None:
    """Run a command: a plain call without cyclopts, which takes longer to import than to call 50 kb."""
    given = read_plain(words)
    if given is not None:
        run_call(**given)
    else:
        from dvplug.cli.commands import run_command

        run_command(words)


def _stderr() -> SafeConsole:
    from dvplug.system.rich_console import stderr

    return stderr


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
