"""The pool: processes of this machine, by the standard library."""

from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from dvplug.hookspecs import InputError


class ProcessPool:
    def __init__(self, processes, executor):
        self.processes, self.executor = processes, executor

    def submit(self, number, function, *arguments):
        return self.executor.submit(function, *arguments)

    def everywhere(self, function, *arguments):
        return [self.executor.submit(function, *arguments).result()]

    def wait(self, calls):
        wait(calls, return_when=FIRST_COMPLETED)

    def deaths(self, error):
        return 3 if isinstance(error, BrokenProcessPool) else 0

    def workers(self):
        return self.processes

    def described(self):
        return f"{self.processes} processes, by concurrent.futures"


@contextmanager
def open_pool(place, wanted):
    if not place.isdigit() or int(place) < 1:
        raise InputError(
            f"--executor processes:{place} names no number of processes", repair="Such as processes:2."
        )
    with ProcessPoolExecutor(int(place)) as executor:
        yield ProcessPool(int(place), executor)
