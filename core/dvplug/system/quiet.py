"""Libraries kept off the terminal: what they say is told only where they fail."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from dvplug.errors import DvplugError

_DONE, _TELL = b"\0dvplug: nothing to tell\0", b"\0dvplug: tell it\0"
# Another process holds it back, which can still tell it when this one is killed by the library. Ctrl-C reaches both,
# and is none of its business.
_HOLD_BACK = f"""
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
held = b""
while block := os.read(0, 1 << 16):
    held = held[-(1 << 20):] + block
    if held.endswith({_DONE!r}):
        raise SystemExit
    if held.endswith({_TELL!r}):
        held = held[:-{len(_TELL)}]
        break
while held:
    held = held[os.write(2, held):]
"""
_active = False


@contextmanager
def libraries_kept_quiet() -> Iterator[None]:
    """Let nothing but dvplug's own words reach stderr in this block, Python's and native code's alike.

    TensorFlow, absl, MLIR and CUDA write to file descriptor 2, whatever their settings. What they wrote is told when
    the block fails with anything but a `DvplugError` or an interrupt, and when the process is killed in it. In tests
    and notebooks ``sys.stderr`` is not that descriptor, and stays as it is. Blocks may lie within each other.
    """
    global _active
    if _active:
        yield
        return
    sys.stderr.flush()
    with ExitStack() as stack:
        kept = os.dup(2)
        stack.callback(os.close, kept)
        holder = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _HOLD_BACK], stdin=subprocess.PIPE, stderr=kept
        )
        pipe = holder.stdin
        assert pipe is not None
        if _is_descriptor_2(sys.stderr):
            own = stack.enter_context(
                os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="replace")
            )
            from dvplug.system.rich_console import stderr

            before, stderr.file = stderr.file, own
            stack.callback(setattr, stderr, "file", before)
        os.dup2(pipe.fileno(), 2)
        _active = True
        failed = True
        try:
            yield
            failed = False
        except (DvplugError, KeyboardInterrupt, GeneratorExit):
            failed = False
            raise
        finally:
            _active = False
            sys.stderr.flush()
            with suppress(OSError):
                os.write(2, _TELL if failed else _DONE)
            os.dup2(kept, 2)
            pipe.close()
            holder.wait()


def _is_descriptor_2(stream: object) -> bool:
    try:
        return stream.fileno() == 2  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False
