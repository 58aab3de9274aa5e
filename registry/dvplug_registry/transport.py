"""Bytes from a registry: over https, from files, or over http from this machine; never over anything less."""

from __future__ import annotations

import ipaddress
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from dvplug_registry.errors import RegistryError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

CHUNK = 1 << 16
MOST_REDIRECTS = 5
MOST_UNSAID = 5_000_000  # python-tuf's limit of the largest metadata
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
ANSWER_SECONDS = 240.0
"""Until the head of an answer is here, repetitions included: a server may send it byte by byte."""
SLACK_SECONDS, LEAST_RATE = 300.0, 16_384
"""A transfer may take so long, and for each so many bytes a second more: see `Deadline`."""
_RETRIED = (429, 500, 502, 503, 504)


class NotThere(RegistryError):
    """The server, or the folder, has no such file."""


class Unreachable(RegistryError):
    """The server cannot be reached, or stopped answering; trying again later may help."""


class TooSlow(Unreachable):
    """The server sends, but so little that it would never end."""


def check_url(url: str, before: str | None = None) -> str:
    """Return the address if bytes may be fetched from it, or after a redirect from ``before``.

    Raises
    ------
    RegistryError
        It is neither https, nor file, nor http on this machine; or a redirect leads from https to http, or from a
        server to a file.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # such as of brackets that do not close
        parts = SplitResult("", "", url, "", "")
    allowed = (
        (parts.scheme == "https" and bool(parts.hostname))
        or (parts.scheme == "http" and _is_loopback(parts.hostname))
        or (parts.scheme == "file" and parts.netloc in ("", "localhost"))
    )
    if not allowed:
        raise RegistryError(
            f"'{url}' is not an address to download from",
            cause="http can be read and changed on its way" if parts.scheme == "http" else "",
            repair="Use https, a file:// address, or http on this machine alone.",
        )
    if before and (parts.scheme == "file" or (before.startswith("https:") and parts.scheme != "https")):
        raise RegistryError(
            f"'{before}' leads to '{url}'",
            cause="a redirect must not leave https, nor lead to files of this machine",
            repair="Tell the registry's owner.",
        )
    return url


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class Deadline:
    """When a transfer must be over: `SLACK_SECONDS` from now, and more for each byte, by `LEAST_RATE`.

    A server that drips bytes keeps each wait short, and would never end; so the whole counts.

    Parameters
    ----------
    size
        Bytes that are to come at most.
    """

    def __init__(self, size: int, slack: float = SLACK_SECONDS) -> None:
        self._end = time.monotonic() + slack + size / LEAST_RATE

    @property
    def left(self) -> float:
        """Seconds until then."""
        return max(0.0, self._end - time.monotonic())

    def watched(self, chunks: Iterator[bytes], url: str) -> Iterator[bytes]:
        """Yield the chunks; raises TooSlow where the time is up before they end."""
        try:
            for chunk in chunks:
                self.require(url)
                yield chunk
            self.require(url)  # what was cut off may look like an end
        except Unreachable:
            self.require(url)  # that it broke off was our doing
            raise

    def require(self, url: str) -> None:
        """Raise TooSlow where the time is up."""
        if not self.left:
            raise TooSlow(
                f"'{url}' comes too slowly",
                cause=f"fewer than {LEAST_RATE} bytes a second came, for minutes",
                repair=_OFFLINE,
            )


class Transport:
    """Fetches from the addresses that `check_url` allows; retries what a busy server refuses.

    Parameters
    ----------
    retries
        How often a request is repeated, and a broken transfer resumed that brings nothing.
    pause
        Seconds before the first repetition; each next one waits twice as long.
    slack
        Seconds that a transfer may take beyond what its size allows: see `Deadline`.
    answer
        Seconds until the head of an answer must be here.
    """

    def __init__(
        self,
        retries: int = 4,
        pause: float = 0.25,
        *,
        slack: float = SLACK_SECONDS,
        answer: float = ANSWER_SECONDS,
    ) -> None:
        self.retries, self.pause, self.slack, self.answer = retries, pause, slack, answer
        self._pools: dict[str, PoolManager] = {}

    def read(self, url: str, max_bytes: int) -> bytes:
        """Return a whole small file.

        Raises
        ------
        NotThere, Unreachable
            It cannot be had, or comes too slowly.
        RegistryError
            It has more than ``max_bytes`` bytes, or its address is not allowed.
        """
        content = b""
        with self.open(url, expected=max_bytes) as (_first_byte, chunks):
            for chunk in chunks:
                content += chunk
                if len(content) > max_bytes:  # here alone: `open` takes the time by it, and more may come
                    raise RegistryError(
                        f"'{url}' has more than {max_bytes} bytes", repair="Tell the registry's owner."
                    )
        return content

    @contextmanager
    def open(
        self, url: str, start: int = 0, expected: int = MOST_UNSAID
    ) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Open a file from byte ``start`` on, or from 0 where the server knows no ranges.

        Parameters
        ----------
        expected
            Bytes that are expected at most: how long they may take follows from it. More may come all the same.

        Yields
        ------
        tuple
            The byte that the first chunk begins with, and the chunks.

        Raises
        ------
        NotThere, Unreachable
            It cannot be had, no longer, or too slowly: also while chunks are read.
        """
        if urlsplit(check_url(url)).scheme == "file":
            with _opened(url) as file:
                file.seek(start)
                yield start, iter(lambda: file.read(CHUNK), b"")
            return
        response, url = self._within(self.answer, url, start)
        deadline = self.deadline(expected)
        # A read that waits for the rest of a line of the protocol only ends where the connection does.
        end = threading.Timer(deadline.left, _shut, (response,))
        end.daemon = True
        end.start()
        try:
            yield _first_byte(response, start), deadline.watched(_chunks(response, url), url)
        finally:
            end.cancel()
            response.close()

    def deadline(self, size: int) -> Deadline:
        """When a transfer of so many bytes that begins now must be over."""
        return Deadline(size, self.slack)

    def _within(self, seconds: float, url: str, start: int) -> tuple[BaseHTTPResponse, str]:
        """Request, in a thread that is left to itself when the time is up: no timeout of a socket is one of a head."""
        from concurrent.futures import Future
        from concurrent.futures import TimeoutError as FutureTimeout

        answer: Future[tuple[BaseHTTPResponse, str]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._request(url, start))
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                answer.set_exception(error)

        threading.Thread(target=ask, daemon=True).start()
        try:
            return answer.result(seconds)
        except FutureTimeout:
            raise TooSlow(
                f"'{url}' does not answer", cause=f"nothing whole came in {seconds:g} s", repair=_OFFLINE
            ) from None

    def wait(self, tries: int) -> None:
        """Sleep before a broken transfer is resumed for the nth time."""
        time.sleep(self.pause * 2**tries)

    def _pool(self, url: str) -> PoolManager:
        """Connections to an address, through a proxy where the environment names one."""
        import urllib3

        proxy = _proxy_of(url)
        if proxy not in self._pools:
            timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
            self._pools[proxy] = (
                urllib3.ProxyManager(proxy, timeout=timeout)
                if proxy
                else urllib3.PoolManager(timeout=timeout)
            )
        return self._pools[proxy]

    def _request(self, url: str, start: int) -> tuple[BaseHTTPResponse, str]:
        import urllib3

        retry = urllib3.Retry(
            self.retries,
            connect=min(self.retries, 1),  # who does not answer at all will hardly do so in a second
            redirect=0,
            status_forcelist=_RETRIED,
            backoff_factor=self.pause,
            raise_on_status=False,
            respect_retry_after_header=False,  # it may say years
        )
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
        for _ in range(MOST_REDIRECTS + 1):
            try:
                response = self._pool(url).request(
                    "GET", url, headers=headers | _credentials(url), preload_content=False, redirect=False,
                    retries=retry, decode_content=False,
                )  # fmt: skip
            except urllib3.exceptions.HTTPError as error:
                raise Unreachable(
                    f"'{url}' cannot be reached", cause=_reason(error), repair=_OFFLINE
                ) from error
            if response.get_redirect_location():
                response.close()
                url = check_url(_joined(url, response.headers["Location"]), before=url)
                continue
            return _checked(response, url), url
        raise RegistryError(f"'{url}' is redirected too often", repair="Tell the registry's owner.")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # which `check_url` refuses


def _credentials(url: str) -> dict[str, str]:
    """User and password of an address, as a header; a redirect to another one does not see them."""
    from urllib3 import make_headers

    parts = urlsplit(url)
    if parts.username is None:
        return {}
    return make_headers(basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")


def _proxy_of(url: str) -> str:
    """The proxy that the environment names for an address, as curl and pip read it; empty for none."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    return "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme, "")


_OFFLINE = "Try again later, or use what is installed with --offline."


@contextmanager
def _opened(url: str) -> Iterator[BinaryIO]:
    path = Path(unquote(urlsplit(url).path))
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotThere(f"'{path}' does not exist", repair="Check the registry's address.") from None
    except OSError as error:
        raise Unreachable(f"'{path}' cannot be read", cause=error.strerror or "", repair=_OFFLINE) from error
    with file:
        yield file


def _checked(response: BaseHTTPResponse, url: str) -> BaseHTTPResponse:
    packed = response.headers.get("Content-Encoding", "identity")
    if response.status in (200, 206, 416) and packed == "identity":
        return response
    response.close()
    if response.status in (200, 206, 416):
        raise Unreachable(
            f"'{url}' comes packed ({packed})",
            cause="which was not asked for",
            repair="Tell the registry's owner.",
        )
    if response.status in (403, 404, 410):
        raise NotThere(
            f"'{url}' does not exist", cause=f"HTTP {response.status}", repair="Check the registry's address."
        )
    raise Unreachable(f"'{url}' cannot be had", cause=f"HTTP {response.status}", repair=_OFFLINE)


def _first_byte(response: BaseHTTPResponse, start: int) -> int:
    if response.status != 206:
        return 0
    match = re.match(r"bytes ([0-9]{1,19})-", response.headers.get("Content-Range", ""))
    first = int(match[1]) if match else start
    if not 0 <= first <= start:  # a file would get a hole, or be stretched to what the head says
        raise Unreachable(
            f"'{response.geturl() or ''}' sends what was not asked for",
            cause=f"bytes from {first} on, in place of {start}",
            repair=_OFFLINE,
        )
    return first


def _chunks(response: BaseHTTPResponse, url: str) -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    if response.status == 416:  # nothing lies beyond: the caller's count is wrong, and it starts anew
        return
    try:
        while chunk := response.read1(CHUNK):  # not stream(), which drops what came before a break
            yield chunk
    except (HTTPError, OSError) as error:
        raise Unreachable(f"'{url}' stopped half-way", cause=_reason(error), repair=_OFFLINE) from error


def _shut(response: BaseHTTPResponse) -> None:
    with suppress(OSError, RuntimeError, ValueError):  # it has just ended by itself
        response.shutdown()


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or (error.args[0] if error.args else error)).rpartition(": ")[2]
