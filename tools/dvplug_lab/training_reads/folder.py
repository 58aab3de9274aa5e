"""The folder of a read set: made beside its place, and moved in when whole."""

from __future__ import annotations

import shutil
from pathlib import Path

from dvplug.simulate.mapping import remove_indexes


def begun(out: Path, name: str) -> Path:
    """Return an empty folder beside that of a read set."""
    folder = out / f".{name}.partial"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def finished(folder: Path, out: Path, name: str, done: str) -> Path:
    """Move the folder in, without the aligner's indexes, and with ``done`` in done.txt; return its place."""
    remove_indexes(folder / "ref.fa")
    (folder / "done.txt").write_text(done)
    final = out / name
    shutil.rmtree(final, ignore_errors=True)
    return folder.rename(final)
