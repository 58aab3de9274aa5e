"""htslib as this library needs it, while it is at work and no longer: its settings are those of the whole process."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pysam

from dvplug.errors import InputError

# htslib would fetch an absent reference sequence from the network, or use a cache of unknown origin.
_ENVIRONMENT: dict[str, str | None] = {"REF_PATH": os.devnull, "REF_CACHE": None}
_AUTHORITIES = "CURL_CA_BUNDLE"


class _Borrowed:
    """The settings that were there before, while at least one thread uses htslib."""

    def __init__(self) -> None:
        self.lock, self.users = threading.RLock(), 0
        self.environment: dict[str, str | None] = {}
        self.verbosity, self.hook = 0, sys.unraisablehook
        self.authorities: str | None = None  # those of Python, from the first URL on

    def take(self) -> None:
        self.environment = {name: os.environ.get(name) for name in (*_ENVIRONMENT, _AUTHORITIES)}
        _set_environment(_ENVIRONMENT)
        if self.authorities:
            os.environ.setdefault(_AUTHORITIES, self.authorities)
        self.verbosity = pysam.set_verbosity(0)
        self.hook, sys.unraisablehook = sys.unraisablehook, self._pass_on

    def give_back(self) -> None:
        sys.unraisablehook = self.hook
        pysam.set_verbosity(self.verbosity)
        _set_environment(self.environment)

    def _pass_on(self, what: sys.UnraisableHookArgs) -> None:
        """Tell of errors that nobody can catch, but for what pysam says when it closes a damaged file."""
        if not (isinstance(what.object, str) and what.object.startswith("pysam.")):
            self.hook(what)


_borrowed = _Borrowed()
# No thread holds the lock in a child that another one forks.
_LOCK = _borrowed.lock
os.register_at_fork(before=_LOCK.acquire, after_in_parent=_LOCK.release, after_in_child=_LOCK.release)


@contextmanager
def isolated_htslib() -> Iterator[None]:
    """Have htslib print nothing in this block, and decode CRAM with the reference that it is given and nothing else.

    Whatever of a file is opened or read belongs into one, or into a function that this decorates; not into a generator,
    which would keep it between two items. Threads may overlap: what was before the first comes back after the last.
    """
    with _borrowed.lock:
        if not _borrowed.users:
            _borrowed.take()
        _borrowed.users += 1
    try:
        yield
    finally:
        with _borrowed.lock:
            _borrowed.users -= 1
            if not _borrowed.users:
                _borrowed.give_back()


def prepare_for_urls() -> None:
    """Let htslib trust the certificate authorities that Python does: that of pysam's wheels knows none.

    To be called within `isolated_htslib`. CURL_CA_BUNDLE, where it is set, names others.

    Raises
    ------
    InputError
        TensorFlow was loaded before the first URL: its symbols take the place of htslib's, which then crashes.
    """
    if _borrowed.authorities is None and "tensorflow" in sys.modules:
        raise InputError(
            "URLs cannot be read in this process",
            cause="TensorFlow was loaded before, and the two clash",
            repair="Call in a process of its own, as `dvplug call` does, or download the files.",
        )
    if _borrowed.authorities is None:
        import ssl  # slow, and only for URLs

        _borrowed.authorities = ssl.get_default_verify_paths().cafile or ""
    if _borrowed.authorities:
        os.environ.setdefault(_AUTHORITIES, _borrowed.authorities)


def _set_environment(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
