"""Files that are delivered, whole or in parts."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from dvplug.serve.transfer import TransferLimits, put
from dvplug.serve.transfer.guard import Refused, Unanswered
from dvplug.serve.transfer.put import LEAST_PART
from helpers.object_server import object_server

OPEN = TransferLimits(max_bytes=10**6, allow_private=True, tries=2, pause_s=0.01)
CONTENT = bytes(range(256)) * 100 + b"end"


@pytest.mark.parametrize(("urls", "used"), [(1, 1), (2, 2), (3, 3), (7, 7)])
def test_parts_put_together_are_the_file(tmp_path: Path, urls: int, used: int) -> None:
    (tmp_path / "x").write_bytes(CONTENT)
    with object_server() as objects:
        objects.signature, objects.refuse = "X-Sig=s", [503]
        places = [f"{objects.url}part{n}?X-Sig=s" for n in range(urls)]
        put(tmp_path / "x", places, OPEN, manifest=f"{objects.url}manifest?X-Sig=s", least_part=1)
        told = json.loads(objects.files["manifest"])
        assert b"".join(objects.files[f"part{n}"] for n in range(used)) == CONTENT
        assert all("transfer-encoding" not in one.headers for one in objects.asked)
    assert (told["name"], told["size"]) == ("x", len(CONTENT))
    assert told["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert [one["part_number"] for one in told["parts"]] == list(range(1, used + 1))
    assert sum(one["size"] for one in told["parts"]) == len(CONTENT)
    assert told["MultipartUpload"]["Parts"] == [
        {"PartNumber": one["part_number"], "ETag": one["etag"]} for one in told["parts"]
    ]
    for n, one in enumerate(told["parts"]):
        assert one["etag"] == f'"{hashlib.md5(objects.files[f"part{n}"]).hexdigest()}"'


@pytest.mark.parametrize("content", [b"", b"ab"])
def test_no_more_parts_are_used_than_there_are_bytes_for(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with object_server() as objects:
        put(tmp_path / "x", [f"{objects.url}{n}" for n in range(5)], OPEN, least_part=1)
        assert [one.body for one in objects.asked] == ([b"a", b"b"] if content else [b""])


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        (1000, [1000]),
        (LEAST_PART + 1, [LEAST_PART, 1]),
        (3 * LEAST_PART + 1, [LEAST_PART] * 3 + [1]),
        (8 * LEAST_PART, [2 * LEAST_PART] * 4),
    ],
)
def test_parts_are_as_large_as_object_stores_want_them(tmp_path: Path, size: int, sizes: list[int]) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.truncate(size)
    with object_server() as objects:
        put(tmp_path / "x", [f"{objects.url}{n}" for n in range(4)], OPEN)
        assert [len(one.body) for one in objects.asked] == sizes


def test_one_that_takes_no_end_and_one_that_is_cancelled(tmp_path: Path) -> None:
    """A server that answers nothing is cut off, whether it was sent all or not."""
    (tmp_path / "x").write_bytes(bytes(10**7))
    came = threading.Event()

    with object_server() as objects:

        def waits(handler: BaseHTTPRequestHandler) -> None:
            came.set()
            objects.ends.wait(60)

        objects.answers["x"] = waits
        began = time.monotonic()
        slow = TransferLimits(max_bytes=10**9, allow_private=True, tries=1, read_s=60, total_s=0.5)
        with pytest.raises(Refused, match="takes too long"):
            put(tmp_path / "x", [f"{objects.url}x"], slow)
        came.clear()
        with pytest.raises(Refused, match="was cancelled"):
            put(tmp_path / "x", [f"{objects.url}x"], replace(slow, total_s=60), cancelled=came.is_set)
        assert time.monotonic() - began < 30


def test_what_is_not_taken_is_told(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(CONTENT)
    with object_server() as objects:
        objects.signature = "X-Sig=s"
        with pytest.raises(Refused, match=r"x\?\*\*\* answers 403"):
            put(tmp_path / "x", [f"{objects.url}x?X-Sig=wrong"], OPEN)
        objects.refuse = [500] * 9
        with pytest.raises(Unanswered, match="answers 500"):
            put(tmp_path / "x", [f"{objects.url}x?X-Sig=s"], OPEN)
        objects.refuse = [302]
        with pytest.raises(Refused, match="leads elsewhere"):
            put(tmp_path / "x", [f"{objects.url}x?X-Sig=s"], OPEN)
        with pytest.raises(Refused, match="leads to a private address"):
            put(tmp_path / "x", [f"{objects.url}x"], TransferLimits(10**6))
        assert objects.files == {}


def test_a_manifest_comes_last(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(CONTENT)
    with object_server() as objects:
        put(
            tmp_path / "x",
            [f"{objects.url}{one}" for one in "ab"],
            OPEN,
            manifest=f"{objects.url}m",
            least_part=1,
        )
        assert [one.path for one in objects.asked] == ["/a", "/b", "/m"]
