"""HTTP that cannot be led to private addresses: by a name, a redirect, or a name that changes between two look-ups.

Each connection looks the name up once, refuses it where any of its addresses is not public, and connects to one of the
addresses that it looked at. TLS is verified against the name. Redirects are followed here, one by one, each checked as
the first is. Proxies of the environment are not used, since they would look names up themselves.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import IO, Any, ClassVar
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from dvplug.errors import InputError
from dvplug_registry.safe_text import masked

REDIRECTS = (301, 302, 303, 307, 308)
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052
CHUNK = 1 << 18
_FOR_ALL = ("range", "if-range", "accept-encoding")
"""Header fields that go on to another host, where a redirect leads to one."""


@dataclass(frozen=True)
class Limits:
    """What a transfer may take.

    Attributes
    ----------
    max_bytes
        Of one file.
    connect_s, read_s
        Seconds until a connection is made, and between two reads of it.
    total_s
        Seconds for one file.
    least_rate
        Bytes per second that must come on the average, after the first `read_s` seconds.
    redirects
        That are followed.
    tries
        How often what failed is tried anew, if it may be the network's fault.
    pause_s
        Before the first further try; each next one waits twice as long.
    allow_private
        Private addresses are as good as others.
    """

    max_bytes: int
    connect_s: float = 10
    read_s: float = 60
    total_s: float = 86_400
    least_rate: float = 1000
    redirects: int = 5
    tries: int = 5
    pause_s: float = 0.5
    allow_private: bool = False


class Refused(InputError):
    """An address, or an answer, that no further try mends."""


class Unreachable(InputError):
    """Nothing, or nothing whole, came; later it may."""


def is_public(text: str) -> bool:
    """Whether an address is one of the internet: of neither this machine, a private network, a group, nor reserved.

    Of addresses of IPv6 that stand for one of IPv4 (mapped, 6to4, Teredo, NAT64) that one is judged too.
    """
    address = ip_address(text.partition("%")[0])
    if address.is_multicast or not address.is_global:
        return False
    return isinstance(address, IPv4Address) or all(one.is_global for one in _meant(address))


def _meant(address: IPv6Address) -> list[IPv4Address]:
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def checked_addresses(host: str, port: int, *, allow_private: bool) -> list[tuple[Any, ...]]:
    """Look a name up, once.

    Returns
    -------
    list of tuple
        As of `socket.getaddrinfo`.

    Raises
    ------
    Refused
        One of its addresses is not public.
    Unreachable
        It has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(f"'{host}' has no address", cause=str(error), repair="Correct the URL.") from error
    for _, _, _, _, place in found:
        if not allow_private and not is_public(str(place[0])):
            raise Refused(
                f"'{host}' leads to a private address",
                cause="requests must not reach the networks around this service",
                repair="Upload the file, or start the service with --allow-private.",
            )
    return found


def check_url(url: str) -> str:
    """Return a URL that may be asked for; raises Refused for all but http and https with a host, without a user."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        right = right and "@" not in parts.netloc and "\\" not in url
    except ValueError:
        right = False
    if not right or any(ord(letter) <= 32 or ord(letter) == 127 for letter in url):
        raise Refused(
            f"'{masked(url)[:200]}' cannot be asked for",
            cause="it is no URL that begins with https://host/ or http://host/",
            repair="Correct it; names and passwords do not go into it.",
        )
    return url


class _Guarded(HTTPConnection):
    """Connects to an address that was looked at, and to no other."""

    allow_private = False

    def _new_conn(self) -> socket.socket:
        return _connected(self, allow_private=self.allow_private)


class _GuardedTls(HTTPSConnection):
    """The same, below TLS."""

    allow_private = False

    def _new_conn(self) -> socket.socket:
        return _connected(self, allow_private=self.allow_private)


class _Private(_Guarded):
    allow_private = True


class _PrivateTls(_GuardedTls):
    allow_private = True


def _connected(connection: HTTPConnection, *, allow_private: bool) -> socket.socket:
    failed: OSError | None = None
    for family, kind, proto, _, place in checked_addresses(
        connection._dns_host, connection.port, allow_private=allow_private
    ):
        made = socket.socket(family, kind, proto)
        try:
            made.settimeout(connection.timeout if isinstance(connection.timeout, (int, float)) else 10)
            made.connect(place)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            failed = error
            continue
        return made
    raise urllib3.exceptions.NewConnectionError(connection, f"no connection: {failed}")


class _Plain(urllib3.HTTPConnectionPool):
    ConnectionCls = _Guarded


class _Tls(urllib3.HTTPSConnectionPool):
    ConnectionCls = _GuardedTls


class _PlainPrivate(urllib3.HTTPConnectionPool):
    ConnectionCls = _Private


class _TlsPrivate(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PrivateTls


class Asker(urllib3.PoolManager):
    """Asks for URLs that clients named."""

    _classes: ClassVar[dict[bool, dict[str, Any]]] = {
        False: {"http": _Plain, "https": _Tls},
        True: {"http": _PlainPrivate, "https": _TlsPrivate},
    }

    def __init__(self, limits: Limits) -> None:
        timeout = urllib3.Timeout(connect=limits.connect_s, read=limits.read_s)
        super().__init__(num_pools=4, timeout=timeout, retries=False)
        self.limits = limits
        self.pool_classes_by_scheme = self._classes[limits.allow_private]

    @contextmanager
    def opened(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        body: IO[bytes] | bytes | None = None,
    ) -> Iterator[urllib3.BaseHTTPResponse]:
        """Give the answer, its body not yet read; redirects of GET are followed, of other methods none.

        Raises
        ------
        Refused
            An address on the way must not be asked, or there are too many redirects.
        Unreachable
            Nobody answers.
        """
        given, origin = dict(headers or {}) | {"accept-encoding": "identity"}, urlsplit(url).netloc
        for _ in range(self.limits.redirects + 1):
            answer = self._asked(method, check_url(url), given, body)
            try:
                if method != "GET" or answer.status not in REDIRECTS or "location" not in answer.headers:
                    yield answer
                    return
                target = urljoin(url, answer.headers["location"])
            finally:
                answer.close()
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme == "http":
                raise Refused(
                    f"{masked(url)} leads from https to http", repair="Give the URL that it leads to."
                )
            url = target
            if urlsplit(url).netloc != origin:  # what opens the one is none of the other's business
                given = {
                    name: value
                    for name, value in given.items()
                    if name.lower() in ("range", "if-range", "accept-encoding")
                }
        raise Refused(
            f"{masked(url)} is led on more than {self.limits.redirects} times", repair="Give its last URL."
        )

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], body: IO[bytes] | bytes | None
    ) -> urllib3.BaseHTTPResponse:
        try:
            return self.request(
                method, url, headers=dict(headers), body=body, preload_content=False, redirect=False,
                decode_content=False,
            )  # fmt: skip
        except (HTTPError, OSError, ValueError) as error:
            raise Unreachable(
                f"{masked(url)} does not answer",
                cause=masked(_reason(error)),
                repair="Try again later, or correct it.",
            ) from error


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or error)


def chunks(answer: urllib3.BaseHTTPResponse, url: str, limits: Limits, begun: float) -> Iterator[bytes]:
    """Yield the body of an answer.

    Parameters
    ----------
    begun
        When the transfer began, by `time.monotonic`.

    Raises
    ------
    Unreachable
        It breaks off.
    Refused
        It takes too long, or drips.
    """
    came, since = 0, time.monotonic()
    try:
        while chunk := answer.read1(CHUNK, decode_content=False):
            came += len(chunk)
            took = time.monotonic() - since
            if time.monotonic() - begun > limits.total_s or (
                took > limits.read_s and came < took * limits.least_rate
            ):
                raise Refused(
                    f"{masked(url)} takes too long",
                    cause=f"{came:,} bytes in {took:.0f} s",
                    repair="Upload it.",
                )
            yield chunk
    except (HTTPError, OSError) as error:
        raise Unreachable(
            f"{masked(url)} breaks off", cause=masked(_reason(error)), repair="Try again."
        ) from error


def require_status(answer: urllib3.BaseHTTPResponse, url: str, right: tuple[int, ...]) -> None:
    """Refuse an answer of another status: Unreachable where it may be another later (429, 5xx), else Refused."""
    if answer.status in right:
        return
    kind = Unreachable if answer.status == 429 or answer.status >= 500 else Refused
    said = answer.reason or ""
    raise kind(
        f"{masked(url)} answers {answer.status} {said}".rstrip(),
        repair="Look whether the URL is right, and not expired.",
    )
