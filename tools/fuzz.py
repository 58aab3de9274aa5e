"""Give `dvplug call` and `dvplug evaluate` thousands of broken inputs, and see that each is refused or done right.

    python tools/fuzz.py --inputs 2000
    python tools/fuzz.py --only 1234 --keep broken

Small whole inputs are simulated, and one of their files is broken: its bytes, what is inside its compression, its
numbers and fields. Each runs in a forked process, so that a crash of a native library is seen too. A run must end in
time, either done, with an output that another tool can read (and, where only an index is broken, that of the whole
inputs), or refused with a message, with no output and no traceback. The same seed breaks the same places.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from cyclopts import App

from dvplug.errors import DvplugError
from dvplug_lab.fuzzing.trials import WRONG, run_inputs, show
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(
    *,
    inputs: int = 2000,
    seed: int = 1,
    timeout_s: float = 120.0,
    only: int | None = None,
    keep: Path | None = None,
) -> None:
    """Give dvplug broken inputs, and count what becomes of them.

    Parameters
    ----------
    inputs
        How many; each kind of breaking gets its turn.
    seed
        Of the inputs and of how they are broken.
    timeout_s
        A run that takes longer hangs.
    only
        Number of the one input to run, as an earlier run named it.
    keep
        Folder to keep the inputs in that were not handled well, with what was said.
    """
    with TemporaryDirectory(prefix="fuzz-") as temporary:
        numbers = list(range(inputs)) if only is None else [only]
        counts = run_inputs(Path(temporary), numbers, seed, timeout_s, keep)
    show(counts)
    if wrong := sum(counts[kind][name] for kind in counts for name in WRONG):
        raise DvplugError(f"{wrong} broken inputs were not handled well", cause="they are named above")


if __name__ == "__main__":
    run(app)
