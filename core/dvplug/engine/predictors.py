"""A network on several GPUs: a process for each, which is given images in memory that both sides see.

This process deals out batches to whoever is free, and waits for the probabilities of each region in turn. So their
order does not depend on the number of processes, nor do they themselves, as no probability depends on its batch.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dvplug.errors import DvplugError
from dvplug.genotypes.backends import VISIBLE
from dvplug.genotypes.networks import GPU_BATCH
from dvplug.hookspecs import OpenModel
from dvplug.system.console import info
from dvplug.system.memory import in_units
from dvplug.system.run_log import log_event
from dvplug.system.workers import end_of, end_with

if TYPE_CHECKING:
    from multiprocessing.shared_memory import SharedMemory
from dvplug_registry.model_folder import LoadedModel

SLOTS = 2
"""Batches that a process has room for: it predicts one while the next one is written."""
_SHARED = "/dev/shm"


class Slots(NamedTuple):
    """How memory is divided: features, probabilities and images of one batch after those of the other."""

    shape: tuple[int, int, int]  # of an image
    features: int

    @property
    def size(self) -> int:
        """Bytes of one batch, such that the next begins where any number may."""
        row = 4 * self.features + 4 * 3 + int(np.prod(self.shape))
        return -(-GPU_BATCH * row // 64) * 64

    def arrays(
        self, memory: SharedMemory, slot: int, n: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """Look at a batch: images uint8[n,h,w,c], features float32[n,f], probabilities float32[n,3]."""
        first = slot * self.size
        second = first + GPU_BATCH * 4 * self.features
        third = second + GPU_BATCH * 4 * 3
        return (
            np.ndarray((n, *self.shape), np.uint8, memory.buf, third),
            np.ndarray((n, self.features), np.float32, memory.buf, first),
            np.ndarray((n, 3), np.float32, memory.buf, second),
        )


class Prediction:
    """Probabilities that are under way."""

    def __init__(self, pool: PredictorPool, n: int) -> None:
        self._pool = pool
        self.left = 0
        """Batches of them that no process has answered."""
        self.probabilities = np.empty((n, 3), np.float32)

    def wait(self) -> NDArray[np.float32]:
        """Return them, float32[n,3], when all are there; raises as `PredictorPool`."""
        while self.left:
            self._pool.collect()
        return self.probabilities


class PredictorPool:
    """One process for each GPU; as a context manager it ends them, and says how busy they were.

    Raises
    ------
    DvplugError
        A process ended, or met something: its GPU is named.
    """

    def __init__(self, open_model: OpenModel, model: LoadedModel, gpus: tuple[int, ...]) -> None:
        manifest = model.manifest
        self._slots = Slots(manifest.image.shape, len(manifest.features))
        self._processes: list[_Process] = []
        _require_shared(len(gpus) * SLOTS * self._slots.size)
        try:
            for gpu in gpus:
                self._processes.append(_Process(open_model, model, gpu, self._slots))
            for process in self._processes:
                process.begin()
        except BaseException:
            self._end()
            raise
        self._began = time.monotonic()

    def submit(self, images: NDArray[np.uint8], features: NDArray[np.float32]) -> Prediction:
        """Deal out images uint8[n,h,w,c] and features float32[n,f]; returns once the last batch is handed out."""
        answer = Prediction(self, len(images))
        for start in range(0, len(images), GPU_BATCH):
            rows = slice(start, min(start + GPU_BATCH, len(images)))
            while not (process := max(self._processes, key=lambda one: len(one.free))).free:
                self.collect()
            answer.left += 1
            process.give(images[rows], features[rows], answer, rows)
        return answer

    def collect(self) -> None:
        """Take the answers that are there, at least one; where nothing is under way, nothing."""
        at_work = {one.pipe: one for one in self._processes if one.under_way}
        for pipe in wait(list(at_work)):
            at_work[pipe].take()  # type: ignore[index]

    def busy(self) -> dict[int, float]:
        """Share of the time since the models were open that each GPU's process spent predicting, by GPU."""
        passed = max(time.monotonic() - self._began, 1e-9)
        return {one.gpu: min(1.0, one.busy_s / passed) for one in self._processes}

    def __enter__(self) -> PredictorPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            busy = self.busy()
            info(
                f"Busy: {', '.join(f'GPU {gpu} for {share:.0%} of the time' for gpu, share in busy.items())}."
            )
            log_event("gpus", busy={str(gpu): round(share, 4) for gpu, share in busy.items()})
        self._end()

    def _end(self) -> None:
        for process in self._processes:
            process.end()


class _Process:
    """A predicting process, this end of its pipe, the memory that both see, and what it was given."""

    def __init__(self, open_model: OpenModel, model: LoadedModel, gpu: int, slots: Slots) -> None:
        self.gpu, self.slots = gpu, slots
        self.free = list(range(SLOTS))
        self.under_way: dict[int, tuple[Prediction, slice]] = {}
        self.busy_s = 0.0
        from multiprocessing.shared_memory import SharedMemory

        self.memory = SharedMemory(create=True, size=SLOTS * slots.size)
        context = multiprocessing.get_context("spawn")  # a GPU cannot be used by a forked process
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve,
            args=(open_model, model, gpu, slots, self.memory.name, theirs, os.getpid()),
            daemon=True,
        )
        self.process.start()
        theirs.close()  # else its death would not be the end of the pipe

    def begin(self) -> None:
        """Wait until the model is open there, and say where it runs."""
        runs_on = self._answer()
        self.memory.unlink()  # both have it; so that nothing is left of it, however this process ends
        info(f"GPU {self.gpu}: {runs_on or 'the network is open'}.")

    def give(
        self, images: NDArray[np.uint8], features: NDArray[np.float32], answer: Prediction, rows: slice
    ) -> None:
        """Put a batch into a free slot."""
        slot, n = self.free.pop(), len(images)
        to_images, to_features, _ = self.slots.arrays(self.memory, slot, n)
        to_images[:], to_features[:] = images, features
        self.under_way[slot] = answer, rows
        with suppress(OSError):  # that it died shows when it is asked for the answer
            self.pipe.send((slot, n))

    def take(self) -> None:
        """Take one answer."""
        slot, seconds = self._answer()
        answer, rows = self.under_way.pop(slot)
        *_, probabilities = self.slots.arrays(self.memory, slot, rows.stop - rows.start)
        answer.probabilities[rows] = probabilities
        answer.left -= 1
        self.busy_s += seconds
        self.free.append(slot)

    def _answer(self) -> Any:
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            raise DvplugError(
                f"the process that predicts on GPU {self.gpu} died",
                cause=end_of(self.process.exitcode or 0),
                repair="Look at this GPU with `nvidia-smi`, leave it out of --device, or use --device cpu.",
            ) from None
        if isinstance(answer, DvplugError):
            raise DvplugError(f"GPU {self.gpu}: {answer.problem}", cause=answer.cause, repair=answer.repair)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def end(self) -> None:
        self.process.kill()  # it holds nothing that must be closed
        self.process.join()
        self.pipe.close()
        with suppress(FileNotFoundError):
            self.memory.unlink()
        self.memory.close()


def _require_shared(size: int) -> None:
    """Raise DvplugError where so much memory cannot be shared: writing to it would crash the process."""
    with suppress(OSError):
        there = os.statvfs(_SHARED)
        if there.f_bavail * there.f_frsize < size:
            raise DvplugError(
                f"{in_units(size)} of shared memory for images cannot be had",
                cause=f"{_SHARED} has {in_units(there.f_bavail * there.f_frsize)} left",
                repair="Make it larger (--shm-size of a container), name fewer GPUs, or use --device gpu.",
            )


def _serve(
    open_model: OpenModel,
    model: LoadedModel,
    gpu: int,
    slots: Slots,
    memory: str,
    pipe: Connection,
    parent: int,
) -> None:
    """Predict batches until the pipe ends, in a process that sees one GPU."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it reaches all processes; the parent ends its own
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    end_with(parent)
    with suppress(EOFError, OSError):
        try:
            os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")  # as nvidia-smi numbers them
            os.environ[VISIBLE] = visible_gpu(gpu, os.environ.get(VISIBLE))
            predictor = open_model(model, "gpu")
            from multiprocessing.shared_memory import SharedMemory

            shared = SharedMemory(memory)
            pipe.send(getattr(predictor, "runs_on", ""))
            while True:
                slot, n = pipe.recv()
                began = time.perf_counter()
                images, features, probabilities = slots.arrays(shared, slot, n)
                probabilities[:] = predictor.predict(images, features)
                pipe.send((slot, time.perf_counter() - began))
        except (EOFError, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - the parent raises it
            known = isinstance(error, DvplugError)
            pipe.send(error if known else RuntimeError(f"a fault on GPU {gpu}\n{traceback.format_exc()}"))


def visible_gpu(gpu: int, visible: str | None) -> str:
    """Name a GPU for CUDA_VISIBLE_DEVICES: by its number among those that the user lets be seen; raises DvplugError."""
    if visible is None:
        return str(gpu)
    names = [name.strip() for name in visible.split(",") if name.strip()]
    if gpu >= len(names):
        raise DvplugError(
            "there is no such GPU",
            cause=f"{VISIBLE} is '{visible}', of which the first is number 0",
            repair="Name others with --device, or set it anew.",
        )
    return names[gpu]
