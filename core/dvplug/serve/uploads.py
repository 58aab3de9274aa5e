"""Files that clients send: in parts, each appended to what is there, so that what breaks off can go on."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from dvplug.serve.errors import ServiceError
from dvplug.serve.places import Places, new_id
from dvplug.serve.settings import ServiceSettings
from dvplug.serve.store import now
from dvplug_registry.files import write_whole

LONGEST_NAME = 255
LOOK_BYTES = 1 << 26
"""Bytes between two looks at the disk."""
_KINDS = {
    "bam": ((b"\x1f\x8b\x08\x04",), "BAM"),
    "cram": ((b"CRAM",), "CRAM"),
    "bai": ((b"BAI\x01",), "index of a BAM (.bai)"),
    "csi": ((b"\x1f\x8b",), "index of a BAM (.csi)"),
    "crai": ((b"\x1f\x8b",), "index of a CRAM"),
    "fa": ((b">", b"\x1f\x8b\x08\x04"), "FASTA, plain or packed by bgzip"),
    "gz": ((b"\x1f\x8b",), "file packed by gzip"),
}
_ALSO = {"fasta": "fa", "fna": "fa"}


@dataclass(frozen=True)
class Upload:
    """A file that comes, or came.

    Attributes
    ----------
    name
        As the client calls it; it is no name of a file here.
    length, offset
        Bytes that it will have, and that are here.
    metadata
        What the client said of it, as it said it.
    """

    id: str
    owner: str
    name: str
    length: int
    created: float
    offset: int = 0
    metadata: str = ""


class Uploads:
    """The uploads of a service."""

    def __init__(self, settings: ServiceSettings, places: Places) -> None:
        self._settings, self._places = settings, places

    def begin(self, owner: str, name: str, length: int, metadata: str = "") -> Upload:
        """Begin one; raises ServiceError where it is too large (413), or there is no room (413)."""
        if length > self._settings.max_input:
            raise ServiceError(
                413, f"{length:,} bytes are too many", cause=f"an input may have {self._settings.max_input:,}",
                repair="Start the service with a larger --max-input.",
            )  # fmt: skip
        if len(name) > LONGEST_NAME:
            raise ServiceError(422, "The name is too long", repair=f"Give at most {LONGEST_NAME} characters.")
        self._require_room(length)
        upload = Upload(new_id(), owner, name, length, now(), metadata=metadata)
        folder = self._places.upload(upload.id)
        folder.mkdir()
        (folder / "content").touch()
        kept = {name: value for name, value in asdict(upload).items() if name != "offset"}
        write_whole(folder / "meta.json", json.dumps(kept).encode())
        return upload

    def _require_room(self, more: int) -> None:
        if shutil.disk_usage(self._places.data).free - self._settings.least_free < more:
            raise ServiceError(
                413, "There is no room for it", repair="Remove runs and uploads that are not needed."
            )

    def get(self, upload_id: str, owner: str) -> Upload:
        """The upload of this id; raises ServiceError (404) where there is none, or it is another owner's."""
        folder = self._places.upload(upload_id)
        try:
            upload = Upload(**json.loads((folder / "meta.json").read_bytes()))
            offset = (folder / "content").stat().st_size
        except (OSError, ValueError, TypeError):
            upload = None
        if upload is None or upload.owner != owner:
            raise ServiceError(
                404, f"There is no upload '{upload_id}'", repair="Begin one with POST /api/uploads."
            )
        return Upload(**asdict(upload) | {"offset": offset})

    async def append(self, upload: Upload, offset: int, chunks: AsyncIterator[bytes]) -> int:
        """Append what comes; returns how many bytes are here then, whether or not the client went away.

        Raises
        ------
        ServiceError
            The offset is not where it is (409), another request appends (423), more comes than was announced, or
            there is no room (413); or, once all is here, it is not what its name says (422): it is thrown away then.
        """
        with self._opened(upload) as file:
            here = file.seek(0, 2)
            if offset != here:
                raise ServiceError(
                    409, f"The upload is at byte {here:,}, not {offset:,}", repair="Go on there."
                )
            looked = here
            async for chunk in chunks:
                if here + len(chunk) > upload.length:
                    raise ServiceError(
                        413, "More comes than was announced", repair="Begin anew with its right length."
                    )
                if here - looked > LOOK_BYTES:
                    self._require_room(0)
                    looked = here
                here += file.write(chunk)
                file.flush()  # what came is here, whatever comes next
        if here == upload.length:
            self._require_kind(upload)
        return here

    @contextmanager
    def _opened(self, upload: Upload) -> Iterator[BinaryIO]:
        with (self._places.upload(upload.id) / "content").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ServiceError(
                    423, "Another request sends to this upload", repair="Wait until it has ended."
                ) from None
            yield file

    def _require_kind(self, upload: Upload) -> None:
        """Refuse a file that does not begin as its suffix says."""
        suffix = upload.name.lower().rpartition(".")[2]
        begins, kind = _KINDS.get(_ALSO.get(suffix, suffix), ((b"",), ""))
        with (self._places.upload(upload.id) / "content").open("rb") as file:
            begin = file.read(8)
        if not begin.startswith(begins):
            self.remove(upload)
            raise ServiceError(
                422,
                f"'{upload.name}' is no {kind}",
                cause=f"it begins with {begin!r}",
                repair="Upload the right file.",
            )

    def remove(self, upload: Upload) -> None:
        """Throw one away; runs that were taken with it have it still."""
        shutil.rmtree(self._places.upload(upload.id), ignore_errors=True)

    def path(self, upload: Upload) -> Path:
        """Where its content lies."""
        return self._places.upload(upload.id) / "content"
