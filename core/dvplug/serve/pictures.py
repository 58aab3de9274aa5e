"""Pictures of pileups, drawn by `dvplug show` in a child process, once for each position of a run."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from subprocess import DEVNULL, PIPE

from dvplug.serve.command import options_of
from dvplug.serve.errors import ServiceError
from dvplug.serve.inputs import laid_before
from dvplug.serve.requests import RunRequest
from dvplug.serve.store import Run

_OF_SHOW = ("tech", "ref", "reads", "model", "sample", "read_group", "haploid_contigs", "sex", "set")
_POSITION = re.compile(r"(?P<contig>[^\s:/\\][^\s/\\]{0,199}):(?P<pos>[0-9]{1,10})")
MOST_S = 120.0
_one_at_a_time = asyncio.Semaphore(1)


async def pileup_picture(run: Run, folder: Path, position: str) -> Path:
    """Return a PNG of what the network saw at a position of a run; raises ServiceError (404, 422).

    Parameters
    ----------
    position
        contig:position, 1-based.
    """
    found = _POSITION.fullmatch(position)
    if found is None:
        raise ServiceError(422, f"'{position[:100]}' is no position", repair="Write contig:position.")
    laid = laid_before(folder)
    if laid is None:
        raise ServiceError(404, "The inputs of this run are not here", repair="Submit it again.")
    options = options_of(RunRequest.model_validate(run.request), laid)
    options["tech"] = str(run.progress.get("technology") or options["tech"])
    name = f"pileup-{position.encode().hex()}.png"  # no contig's name is a file's
    place = folder / "pictures" / name
    place.parent.mkdir(exist_ok=True)
    words = [sys.executable, "-m", "dvplug", "show", f"--at={position}", f"--out=pictures/{name}"]
    for option in _OF_SHOW:
        value = options.get(option)
        for one in value if isinstance(value, list) else [value]:
            if one is not None:
                words.append(f"--{option.replace('_', '-')}={one}")
    async with _one_at_a_time:
        if not place.is_file():
            await _draw(words, folder, position)
    return place


async def _draw(words: list[str], folder: Path, position: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    try:
        _, said = await asyncio.wait_for(process.communicate(), MOST_S)
    except asyncio.TimeoutError:
        process.kill()
        raise ServiceError(
            503, f"The picture of {position} takes too long", repair="Try another position."
        ) from None
    if process.returncode:
        why = said.decode(errors="replace").rpartition("error: ")[2].strip()
        raise ServiceError(
            404, f"There is no picture of {position}", cause=why[:500], repair="Choose a variant."
        )
