"""Addresses: which are refused, where they lead, and proxies."""

from __future__ import annotations

import pytest

from dvplug_registry.errors import RegistryError
from dvplug_registry.transport import check_url


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "ftp://example.com/", "https:///x", "file://host/x", "http://10.0.0.1/", "x"],
)
def test_addresses_that_are_not_safe_are_refused(url: str) -> None:
    with pytest.raises(RegistryError, match="is not an address to download from"):
        check_url(url)


@pytest.mark.parametrize(
    "url", ["https://example.com/", "http://localhost:1/", "http://[::1]/", "file:///tmp/x"]
)
def test_addresses_that_are_safe(url: str) -> None:
    assert check_url(url) == url
