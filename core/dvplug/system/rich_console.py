"""Two consoles: results go to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from typing import IO, Any, cast

from rich.console import Console
from rich.text import Text

from dvplug.system.streams import ResultStream, StatusStream
from dvplug_registry.safe_text import visible

OFF_TERMINAL_WIDTH = 200  # of tables in files and pipes, where there is no width to ask for


class SafeConsole(Console):
    """Shows what could steer the terminal as escapes, in whatever text: names come from files. No emoji for `:100:`."""

    def __init__(self, file: ResultStream | StatusStream | None = None, **options: Any) -> None:
        super().__init__(file=cast(IO[str], file), highlight=False, soft_wrap=True, emoji=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """Make the text that is printed of a string, also of one in a table."""
        return super().render_str(visible(text, keep="\n\t"), **options)

    def on_broken_pipe(self) -> None:
        """Raise BrokenPipeError again where rich would exit; called where it was caught."""
        raise


_is_terminal = sys.stdout is not None and sys.stdout.isatty()
stdout = SafeConsole(ResultStream("stdout"), width=None if _is_terminal else OFF_TERMINAL_WIDTH)
stderr = SafeConsole(StatusStream("stderr"), stderr=True)
