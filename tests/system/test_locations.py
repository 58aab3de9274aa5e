"""Paths and URLs of files."""

from __future__ import annotations

from pathlib import Path

from dvplug.system.locations import beside, file_name, is_remote, location, shown


def test_locations() -> None:
    for text in ("https://a.b/c.bam", "s3://b/k.cram", "gs://b/k.bam", "ftp://h/f.bam", "http://h/f.bam"):
        assert is_remote(location(text))
        assert location(text) == shown(text) == text
    for text in ("reads.bam", "/data/http:/x.bam", "https.bam", "C://x.bam"):
        assert location(text) == Path(text)
    assert location("file:///data/x.bam") == Path("/data/x.bam")
    signed = "https://me:word@a.b/c/x.bam?X-Amz-Signature=1#f##idx##https://a.b/x.bai"
    assert shown(signed) == "https://a.b/c/x.bam"
    assert file_name(signed) == file_name(Path("/data/x.bam")) == "x.bam"
    assert beside("https://a.b/x.bam?sig=1", ".bai") == "https://a.b/x.bam.bai?sig=1"
