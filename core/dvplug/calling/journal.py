"""The results of finished partitions, kept beside the output until it is whole, so that a killed run can go on.

The file is ``.NAME.dvplug-journal``: a line that says what it is, then entries. An entry is the length of its
content and the content's CRC-32, each a little-endian uint32, and the content, compressed as by zlib: how long its JSON
is, a little-endian uint32, that JSON, and the bytes of its arrays, for each of which JSON has their number. The first
entry says what the run is; each further one is the result of one partition, in their order. An entry that a kill cut
short, and whatever follows it, is ignored and written over.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import deflate
import numpy as np
import numpy.typing as npt

from dvplug._version import __version__
from dvplug.calling.options import CallOptions
from dvplug.engine.job import CallJob
from dvplug.errors import InputError, RefusedRun, unwritable
from dvplug.line.phase_table import PhaseTable
from dvplug.line.reference_blocks import RegionGvcf
from dvplug.line.region import Partition
from dvplug.line.result import Counts, RegionResult
from dvplug.line.run_profile import RunProfile
from dvplug.plugins.sources import RunCode
from dvplug.system.console import info
from dvplug.system.input_states import InputStates, with_indexes
from dvplug.system.locations import INDEX_MARK, Location, is_remote, shown
from dvplug_registry.files import resolved

_ANY_VERSION = b"dvplug journal "
MAGIC = _ANY_VERSION + b"5\n"
SYNC_S = 10.0
"""Between two times that the disk is waited for: a kill loses nothing, a power cut so many seconds."""
_HEAD, _LENGTH = struct.Struct("<II"), struct.Struct("<I")


def journal_path(out: str | Path) -> Path:
    """Return the journal's path of an output."""
    place = resolved(Path(out))
    return place.with_name(f".{place.name}.dvplug-journal")


class Journal:
    """The journal of one run, whose output is reserved for it (`dvplug.system.outputs.reserved`).

    As a context manager it is left for ``--resume`` when an exception passes, unless nothing was finished, or the run
    was refused by what it found (`RefusedRun`). Otherwise the output is whole when it ends, and it is removed. So it
    goes around what writes the output.

    Attributes
    ----------
    finished
        Number of partitions whose results it holds.
    """

    def __init__(
        self,
        out: str | Path,
        run: Mapping[str, Any],
        partitions: int,
        *,
        resume: bool,
        by_itself: bool = False,
    ) -> None:
        """Open or begin the journal of ``out``.

        Parameters
        ----------
        run
            What the results depend on, by a name that a message can say: as `identity` returns it.
        partitions
            How many there are in all.
        resume
            Go on from what is there.
        by_itself
            The command does so each time: what is there of another run is begun anew, once that was said.

        Raises
        ------
        InputError
            It cannot be written; there is one of an unfinished run and ``resume`` is not set; or it is of a run that
            differs, which is named.
        """
        self.path, self.partitions, self.finished = journal_path(out), partitions, 0
        self.by_itself = by_itself
        self._resume_at, self._next_sync = 0, time.monotonic() + SYNC_S
        try:
            self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b")
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._begin(json.loads(json.dumps(run)), resume)
        except OSError as error:
            self._close()
            raise self._failed(error) from error
        except BaseException:
            self._close()
            raise

    def _begin(self, run: dict[str, Any], resume: bool) -> None:
        self._file.seek(0)
        magic = self._file.read(len(MAGIC))
        is_other = len(magic) == len(MAGIC) and magic != MAGIC and magic.startswith(_ANY_VERSION)
        if is_other and self.by_itself:
            info(f"Beginning anew, as {self.path} is of another version of dvplug.")
            self._file.truncate(0)
        elif magic not in (MAGIC, b"") and self.path.stat().st_size >= len(MAGIC):
            raise InputError(
                f"{self.path} is no journal that this dvplug can read",
                cause="it is damaged, or of another version",
                repair=f"Remove it to begin anew: rm {self.path}",
            )
        entries = _entries(self._file)
        before, _, end = next(entries, (None, b"", 0))
        self._resume_at = end
        for _, _, end in entries:  # noqa: B007 - the last end is where to go on
            self.finished += 1
        self._decide(differences(before, run) if self.finished else [], resume)
        self._file.seek(end if self.finished else 0)
        self._file.truncate()
        if not self.finished:
            try:
                self._file.write(MAGIC)
                self._write(run)
            except BaseException:
                self.path.unlink(missing_ok=True)  # there is nothing in it to go on with
                raise
            self._resume_at = self._file.tell()

    def _decide(self, found: list[str], resume: bool) -> None:
        """Go on, begin anew, or raise InputError, by what is there and in what it differs from this run."""
        anew = f"remove that file to begin anew: rm {self.path}"
        if found and self.by_itself:
            info(f"Beginning anew, as the unfinished run was another: {'; '.join(found)}.")
            self.finished = 0
        elif found:
            raise InputError(
                f"The unfinished run in {self.path} is not this one",
                cause="; ".join(found),
                repair=f"Repeat its command with --resume, on the same inputs, or {anew}",
            )
        elif self.finished and not resume:
            raise InputError(
                f"An unfinished run left {self.finished} of its partitions in {self.path}",
                repair=f"Add --resume to go on from there, or {anew}",
            )
        elif self.finished:
            info(f"Resuming: {self.finished} of {self.partitions} partitions are done already.")
        elif resume and not self.by_itself:
            info("Nothing to resume: beginning with the first partition.")

    def results(self) -> Iterator[RegionResult]:
        """Yield the results that an earlier run left, in order."""
        self._file.seek(self._resume_at)
        for content, arrays, _ in _entries(self._file):
            counted: dict[str, Any] = {
                name: Counter(value) if isinstance(value, dict) else value
                for name, value in content["counts"].items()
            }
            gvcf = RegionGvcf.from_json(content["gvcf"], arrays) if content["gvcf"] else None
            phase = PhaseTable.from_json(content["phase"], arrays) if content["phase"] else None
            yield RegionResult(content["lines"], gvcf, counts=Counts(**counted), phase=phase)
        self._file.seek(0, os.SEEK_END)

    def add(self, result: RegionResult) -> None:
        """Append the result of the next partition; raises InputError where that fails, as on a full disk."""
        self._write(
            {
                "lines": result.lines,
                "gvcf": result.gvcf,
                "counts": vars(result.counts),
                "phase": result.phase,
            }
        )
        self.finished += 1

    def _write(self, content: Any) -> None:
        arrays: list[bytes] = []

        def size(array: npt.NDArray[np.generic]) -> int:
            arrays.append(array.tobytes())
            return len(arrays[-1])

        text = json.dumps(content, separators=(",", ":"), default=size).encode()
        packed = deflate.zlib_compress(b"".join((_LENGTH.pack(len(text)), text, *arrays)), 1)
        try:
            self._file.write(_HEAD.pack(len(packed), zlib.crc32(packed)) + packed)
            self._file.flush()
            if time.monotonic() > self._next_sync:
                os.fsync(self._file.fileno())
                self._next_sync = time.monotonic() + SYNC_S
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> InputError:
        return unwritable(f"The journal {self.path}", error)

    def _close(self) -> None:
        """Close the file; what went wrong before, such as a full disk, goes wrong again, and was told."""
        with suppress(OSError):
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or not self.finished or isinstance(error, RefusedRun):
            self.path.unlink(missing_ok=True)
        else:
            mended = ", once that is mended," if isinstance(error, InputError) else ""
            how = "" if self.by_itself else " with --resume"
            info(
                f"{self.finished} of {self.partitions} partitions are kept: the same command{how}{mended} goes on."
            )
        self._close()


@contextmanager
def open_journal(
    options: CallOptions, job: CallJob, parts: Sequence[Partition], code: RunCode, *, by_itself: bool = False
) -> Iterator[Journal | None]:
    """Open the journal of a call; none where its output is stdout.

    Parameters
    ----------
    options
        Those of the command.
    job, parts, code
        What the results depend on besides them: see `identity`.
    by_itself
        As of `Journal`.

    Raises
    ------
    InputError
        As `Journal`; or stdout is to be resumed.
    """
    if options.out == "-":
        if options.resume:
            raise InputError(
                "Output to stdout cannot be resumed",
                cause="what was written to it is gone",
                repair="Name a file with --out, or leave out --resume.",
            )
        yield None
        return
    run = identity(options, job, parts, code)
    with Journal(options.out, run, len(parts), resume=options.resume, by_itself=by_itself) as journal:
        yield journal


def finish(
    journal: Journal | None,
    parts: Sequence[Partition],
    call: Callable[[Sequence[Partition]], Iterator[RegionResult]],
) -> Generator[RegionResult, None, None]:
    """Yield the results of all partitions, in order: those in the journal, then those of ``call``, which it gets."""
    if journal is None:
        yield from call(parts)
        return
    yield from journal.results()
    for result in call(parts[journal.finished :]):
        journal.add(result)
        yield result


def identity(options: CallOptions, job: CallJob, parts: Sequence[Partition], code: RunCode) -> dict[str, Any]:
    """Return all that results depend on, under names that a message can say; JSON can hold it.

    Parameters
    ----------
    options
        Those whose values count say so themselves: see `Bearing`.
    code
        Of dvplug, of plugins and of libraries.
    """
    return {
        "dvplug": __version__,
        "option": options.to_repeat(),
        "device": job.device,
        "plugin": code.plugins,
        "code of": code.digests,
        "library": code.libraries,
        "technology": {"sha256": _digest(job.pipeline.profile.model_dump_json())},
        "given as usual": {"sha256": _digest(repr(job.usual))},
        "model": {"name": job.model.manifest.label, "sha256": job.model.manifest_sha256},
        "reference": _identities(job.inputs, [job.reference]),
        "reads": _identities(job.inputs, [source.path for source in job.reads]),
        "proposed variants": _identities(job.inputs, [job.proposed] if job.proposed else []),
        "profile of the run": _profile(job.run),
        "gVCF": job.gvcf_symbol or None,
        "haploid contigs": {contig: str(parts) for contig, parts in job.ploidy.diploid.items()},
        "partitions": {
            "number": len(parts),
            "sha256": _digest("\n".join(str(one) for part in parts for one in part.targets)),
        },
    }


def _identities(inputs: InputStates, places: Sequence[Location]) -> dict[str, dict[str, Any]]:
    """What tells these files and their indexes, by name; of an index the time does not count, of a URL only its size.

    Neither do inodes, which other machines of a cluster, or a copy, may number otherwise.
    """
    found: dict[str, dict[str, Any]] = {}
    for place in places:
        if is_remote(place):
            found[shown(place)] = {"size": inputs.sizes.get(str(place).partition(INDEX_MARK)[0])}
            continue
        for path in with_indexes(Path(place)):
            if (state := inputs.files.get(path)) is not None:
                found[shown(path)] = {"path": str(path.resolve()), "size": state.size}
                if path == place:
                    found[shown(path)]["time of change"] = state.changed_ns
                found[shown(path)]["sha256 of its ends"] = state.ends
    return found


def _profile(run: RunProfile) -> dict[str, Any]:
    """What tells a profile: what was counted. Its rates follow, but for a last bit that processors differ in."""
    counts = repr((run.base_counts.tolist(), run.length_counts.tolist(), run.places))
    return {"reads": run.reads, "bases": run.bases, "sha256": _digest(counts)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _entries(file: BinaryIO) -> Iterator[tuple[Any, bytes, int]]:
    """Yield the whole entries from here on: their JSON, the bytes of their arrays, and where each ends."""
    size = os.fstat(file.fileno()).st_size
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, checksum = _HEAD.unpack(head)
        if length > size - file.tell() or zlib.crc32(packed := file.read(length)) != checksum:
            return
        content = zlib.decompress(packed)
        begin = _LENGTH.size + _LENGTH.unpack_from(content)[0]
        yield json.loads(content[_LENGTH.size : begin]), content[begin:], file.tell()


def differences(before: Any, now: Any, name: str = "") -> list[str]:
    """Name what differs between two runs, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        return [
            text
            for key in keys
            for text in differences(before.get(key), now.get(key), f"{name} {key}".strip())
        ]
    return [] if before == now else [f"{name} was {_text(before)}, is {_text(now)}"]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(map(_text, value)) or "none"
    return "none" if value is None else str(value)
