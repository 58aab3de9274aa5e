"""Paths and URLs of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from dvplug.errors import InputError
from dvplug.system.locations import beside, file_name, is_remote, location, require_file, shown


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


def test_a_file_that_is_not_here_is_told_apart_from_a_url(tmp_path: Path) -> None:
    (tmp_path / "calls.vcf").touch()
    require_file(tmp_path / "calls.vcf", "VCF")
    with pytest.raises(InputError, match=r"VCF .*none\.vcf does not exist\. Correct the path of --query\."):
        require_file(tmp_path / "none.vcf", "VCF", "--query")
    with pytest.raises(InputError, match=r"VCF .* is not a file\. Correct the path\."):
        require_file(tmp_path, "VCF")
    url = "https://me:word@a.b/x.vcf.gz?X-Amz-Signature=1"
    for given in (url, Path(url)):  # a path has one slash of the two
        with pytest.raises(InputError, match=r"VCF https://a\.b/x\.vcf\.gz is at a URL.* Download it"):
            require_file(given, "VCF")
