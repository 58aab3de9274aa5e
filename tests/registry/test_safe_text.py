"""What may be shown of text from outside: no secrets of URLs, nothing that steers a terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dvplug_registry.errors import DvplugError
from dvplug_registry.safe_text import masked, masked_url, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://a.b/c/x.bam", "https://a.b/c/x.bam"),
        ("https://me:word@a.b:8443/x", "https://***@a.b:8443/x"),
        ("https://token@a.b/x", "https://***@a.b/x"),
        ("'https://a.b/x?X-Amz-Credential=k&X-Amz-Signature=s' is", "'https://a.b/x?***' is"),
        ("https://a.b/x?sig=a'b%2F then", "https://a.b/x?*** then"),
        ("https://a.b/x#access_token=s", "https://a.b/x#***"),
        ("HTTPS://me:word@a.b/x", "HTTPS://***@a.b/x"),
        ("https:/me:word@a.b/x?sig=s", "https:/***@a.b/x?***"),  # as pathlib writes it
        ("git+https://word@a.b/x@v1", "git+https://***@a.b/x@v1"),
        ("--index-url=https://me:word@a.b/x", "--index-url=https://***@a.b/x"),
        ("https://me:wo/rd@a.b/x", "https://***@a.b/x"),  # it should be written %2F
        ("https://me:wo#rd?@a.b/x", "https://***@a.b/x"),
        ("http://[::1]:80/model@1.0/x", "http://[::1]:80/model@1.0/x"),
        ("https://a.b/model@1.0/x", "https://a.b/model@1.0/x"),
        ("https://a.b/x?s=1##idx##https://me:word@a.b/y?s=2", "https://a.b/x?***##idx##https://***@a.b/y?***"),
        ("no answer, with url: /x.bam?sig=abc&v=1 (port 443)", "no answer, with url: /x.bam?sig=***&v=*** (port 443)"),
        ("chr1:100-200, a@b.c, what? chr1\t1\t2", "chr1:100-200, a@b.c, what? chr1\t1\t2"),
        ("https://[a.b/x?sig=s", "https://[a.b/x?***"),  # which urllib cannot split
    ],
)  # fmt: skip
def test_addresses_lose_what_opens_them(text: str, shown: str) -> None:
    assert masked(text) == shown
    assert masked(shown) == shown


SECRETS = st.text("abcdefXYZ0189_-.~%+=:!$*(),;", min_size=12, max_size=30).map(lambda s: f"q{s}q")


@given(SECRETS, SECRETS, SECRETS, st.sampled_from(["https", "s3", "ftp", "git+ssh", "gs+https"]))
def test_no_secret_is_left_wherever_it_stands(user: str, word: str, value: str, scheme: str) -> None:
    url = f"{scheme}://{user}:{word}@host.org:80/a/b.bam?versionId=1&{value}&anything={value}"
    for text in (url, f"cannot read '{url}': why", f'{{"a": "{url}"}}', f"x\n{url}\ny"):
        shown = masked(text)
        assert not any(secret in shown for secret in (user, word, value))
        assert "host.org:80/a/b.bam" in shown
    assert masked_url(url, mark="") == f"{scheme}://host.org:80/a/b.bam"


@given(st.text(st.characters(exclude_characters="\\")))
def test_what_is_not_to_be_seen_is_written_as_python_writes_it(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert shown.encode("latin-1", "backslashreplace").decode("unicode_escape") == text
    assert visible(shown) == shown


def test_names_of_files_that_are_not_utf8_and_kept_characters() -> None:
    assert visible(b"a\xff\x1b[2J".decode("utf-8", "surrogateescape")) == r"a\udcff\x1b[2J"
    assert visible("a\tb\nc\x07", keep="\n") == "a\\tb\nc\\x07"
    assert visible("Größe\u202e") == r"Größe\u202e"


def test_errors_are_safe_whoever_prints_them() -> None:
    error = DvplugError(
        "'https://me:word@a.b/x' is\x1b[2Jbad", cause="a\tb", repair="see https://a.b/?sig=word"
    )
    assert str(error) == "'https://***@a.b/x' is\\x1b[2Jbad: a\tb. see https://a.b/?***"
    assert (error.problem, error.repair) == ("'https://***@a.b/x' is\\x1b[2Jbad", "see https://a.b/?***")


def test_a_cause_that_is_a_sentence_ends_once() -> None:
    error = DvplugError("it failed", cause="there is no such thing.", repair="Mend it.")
    assert str(error) == "it failed: there is no such thing. Mend it."
    assert str(DvplugError("it failed", cause="there is none.")) == "it failed: there is none."
