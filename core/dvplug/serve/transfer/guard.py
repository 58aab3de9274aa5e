"""HTTP that cannot be led to private addresses: by a name, a redirect, or a name that changes between two look-ups.

Each connection looks the name up once, refuses it where any of its addresses is not public, and connects to one of the
addresses that it looked at. TLS is verified against the name. Redirects are followed here, one by one, each checked as
the first is. Proxies of the environment are not used, since they would look names up themselves.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import IO, Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationValueError

from dvplug.errors import InputError
from dvplug.serve.transfer.watch import Watch
from dvplug_registry.safe_text import masked

REDIRECTS = (301, 302, 303, 307, 308)
MOST_ADDRESSES = 8
"""Of a name, that are tried."""
_GLOBAL = ip_network("2000::/3")
"""What of IPv6 is handed out (RFC 4291); all else is of machines, links, sites, groups, or of no use yet."""
_NAT64 = ip_network("64:ff9b::/96")  # RFC 6052
CHUNK = 1 << 18
_FOR_ALL = ("range", "if-range", "accept-encoding")
"""Header fields that go on to another host, where a redirect leads to one."""
_OURS = ("host", "connection", "transfer-encoding", "accept-encoding")
"""Those that nobody else gives."""


@dataclass(frozen=True)
class TransferLimits:
    """What a transfer may take.

    Attributes
    ----------
    max_bytes
        Of one file.
    connect_s, read_s
        Seconds until a connection is made, and between two reads of it.
    head_s
        Seconds until the head of an answer is here.
    total_s
        Seconds for one file, whatever is tried anew meanwhile.
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
    head_s: float = 240
    total_s: float = 86_400
    least_rate: float = 1000
    redirects: int = 5
    tries: int = 5
    pause_s: float = 0.5
    allow_private: bool = False


def never() -> bool:
    """Whether to end: no."""
    return False


class Refused(InputError):
    """An address, or an answer, that no further try mends."""


class Unanswered(InputError):
    """Nothing, or nothing whole, came; later it may."""


def is_public(text: str) -> bool:
    """Whether an address is one of the internet: of neither this machine, a private network, a group, nor reserved.

    Of addresses of IPv6 that stand for one of IPv4 (mapped, 6to4, Teredo, NAT64) that one is judged too.
    """
    address = ip_address(text.partition("%")[0])
    if address.is_multicast or not address.is_global:
        return False
    if isinstance(address, IPv4Address):
        return True
    return (address in _GLOBAL or address in _NAT64) and all(one.is_global for one in _meant(address))


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
    Unanswered
        It has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unanswered(f"'{host}' has no address", cause=str(error), repair="Correct the URL.") from error
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
        raise _no_url(url, "it is no URL that begins with https://host/ or http://host/")
    return url


def _no_url(url: str, cause: str) -> Refused:
    return Refused(
        f"'{masked(url)[:200]}' cannot be asked for",
        cause=cause,
        repair="Correct it; names and passwords do not go into it.",
    )


class _Guarded(HTTPConnection):
    """Connects to an address that was looked at, and to no other; its connection is watched."""

    asker: Asker

    def _new_conn(self) -> socket.socket:
        return _connected(self, self.asker)

    def connect(self) -> None:
        """Connect, once."""
        super().connect()
        self.asker.watch.add(self.sock)


class _GuardedTls(HTTPSConnection):
    """The same, below TLS."""

    asker: Asker

    def _new_conn(self) -> socket.socket:
        return _connected(self, self.asker)

    def connect(self) -> None:
        """Connect, once."""
        super().connect()
        self.asker.watch.add(self.sock)


def _connected(connection: HTTPConnection, asker: Asker) -> socket.socket:
    failed: OSError | None = None
    host, limits = connection._dns_host, asker.limits
    found = checked_addresses(host, connection.port, allow_private=limits.allow_private)
    for family, kind, proto, _, place in found[:MOST_ADDRESSES]:
        made = socket.socket(family, kind, proto)
        try:
            made.settimeout(limits.connect_s)
            made.connect(place)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            made.close()
            failed = error
            continue
        return made
    raise urllib3.exceptions.NewConnectionError(connection, f"no connection: {failed}")


class Asker(urllib3.PoolManager):
    """Asks for URLs that clients named, one after another; `clear` ends it.

    Parameters
    ----------
    limits
        Of all that it asks for together, as to time.
    cancelled
        Asked often, by another thread; once it says so, what is under way ends, with an error.
    """

    def __init__(self, limits: TransferLimits, cancelled: Callable[[], bool] = never) -> None:
        timeout = urllib3.Timeout(connect=limits.connect_s, read=limits.read_s)
        super().__init__(num_pools=4, timeout=timeout, retries=False)
        self.limits, self.watch = limits, Watch(limits.total_s, cancelled)

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> urllib3.HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        kind: type = _GuardedTls if scheme == "https" else _Guarded
        pool.ConnectionCls = type(kind.__name__, (kind,), {"asker": self})
        return pool

    def clear(self) -> None:
        """Close what is open."""
        super().clear()
        self.watch.end()

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
            An address on the way must not be asked, there are too many redirects, or the time is up.
        Unanswered
            Nobody answers.
        """
        given, origin = _sent(headers or {}), urlsplit(url).netloc
        for _ in range(self.limits.redirects + 1):
            answer = self._asked(method, check_url(url), given, body)
            try:
                if method != "GET" or answer.status not in REDIRECTS or "location" not in answer.headers:
                    yield answer
                    return
                target = _joined(url, answer.headers["location"])
            finally:
                answer.close()
            if urlsplit(url).scheme == "https" and urlsplit(check_url(target)).scheme == "http":
                raise Refused(
                    f"{masked(url)} leads from https to http", repair="Give the URL that it leads to."
                )
            url = target
            if (
                urlsplit(check_url(url)).netloc != origin
            ):  # what opens the one is none of the other's business
                given = {name: value for name, value in given.items() if name in _FOR_ALL}
        raise Refused(
            f"{masked(url)} is led on more than {self.limits.redirects} times", repair="Give its last URL."
        )

    def _asked(
        self, method: str, url: str, headers: Mapping[str, str], body: IO[bytes] | bytes | None
    ) -> urllib3.BaseHTTPResponse:
        due = time.monotonic() + self.limits.head_s
        self.require_wanted(url)
        try:
            # How long a body may take to be sent is told by total_s alone.
            with self.watch.expecting(lambda: body is None and time.monotonic() > due):
                answer = self.request(
                    method, url, headers=dict(headers), body=body, preload_content=False, redirect=False,
                    decode_content=False,
                )  # fmt: skip
                if not self.watch.why:  # http.client takes a head that is cut for a whole one
                    return answer
            answer.close()
            failed = None
        except LocationValueError as error:
            raise _no_url(url, str(error)) from error
        except (HTTPError, OSError, ValueError) as error:
            failed = error
        self.require_wanted(url)
        slow = f"{self.limits.head_s:g} s are over" if self.watch.why else ""
        raise Unanswered(
            f"{masked(url)} does not answer",
            cause=slow or masked(_reason(failed)),
            repair="Try again later, or correct it.",
        ) from failed

    def require_wanted(self, url: str) -> None:
        """Raise Refused where connections were cut, and why."""
        if self.watch.why == "cancelled":
            raise Refused("The transfer was cancelled", repair="Retry the run: it goes on from there.")
        if self.watch.why == "late":
            raise Refused(
                f"{masked(url)} takes too long",
                cause=f"{self.limits.total_s:g} s are over",
                repair="Upload it.",
            )

    def chunks(self, answer: urllib3.BaseHTTPResponse, url: str) -> Iterator[bytes]:
        """Yield the body of an answer.

        Raises
        ------
        Unanswered
            It breaks off.
        Refused
            It takes too long, drips, or was cancelled.
        """
        came, since, limits = 0, time.monotonic(), self.limits

        def slow() -> bool:
            took = time.monotonic() - since
            return took > limits.read_s and came < took * limits.least_rate

        with self.watch.expecting(slow):
            try:
                while (chunk := answer.read1(CHUNK, decode_content=False)) and not self.watch.look():
                    came += len(chunk)
                    yield chunk
                failed = None
            except (HTTPError, OSError, ValueError) as error:  # ValueError: of what is no length of a chunk
                failed = error
            self.require_wanted(url)  # what was cut may look like an end
            if self.watch.why:
                took = time.monotonic() - since
                raise Refused(
                    f"{masked(url)} takes too long",
                    cause=f"{came:,} bytes in {took:.0f} s",
                    repair="Upload it.",
                ) from failed
            if failed is not None:
                raise Unanswered(
                    f"{masked(url)} breaks off", cause=masked(_reason(failed)), repair="Try again."
                ) from failed


def _sent(headers: Mapping[str, str]) -> dict[str, str]:
    """Header fields as they are sent: names in small letters, so that none goes twice; content as it is, not packed."""
    given = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in given.items() if name not in _OURS} | {
        "accept-encoding": "identity"
    }


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # which `check_url` refuses


def _reason(error: Exception | None) -> str:
    return str(getattr(error, "reason", None) or error)


def require_status(answer: urllib3.BaseHTTPResponse, url: str, right: tuple[int, ...]) -> None:
    """Refuse an answer of another status: Unanswered where it may be another later (429, 5xx), else Refused."""
    if answer.status in right:
        return
    kind = Unanswered if answer.status == 429 or answer.status >= 500 else Refused
    said = answer.reason or ""
    raise kind(
        f"{masked(url)} answers {answer.status} {said}".rstrip(),
        repair="Look whether the URL is right, and not expired.",
    )
