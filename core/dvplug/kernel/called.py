"""Kernels as they are called: by object code of their own, and by Numba where that does not do.

The types of the arguments say which object code is wanted (`dvplug.kernel.objects`). It is given an address for each
array, as they lie in memory, and numbers as they are; arrays that it made hold their memory until they are gone. What
was not compiled before is compiled to it first. Where there can be none, where an argument is of a type that only Numba
knows, and where the kernel raises, so that the error is to be made, Numba does it.
"""

from __future__ import annotations

import ctypes
import importlib
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, reduce, update_wrapper
from typing import Any

import numpy as np

from dvplug.kernel import objects
from dvplug.kernel.cache import is_configured
from dvplug.kernel.when_numba import by_numba

_CONTIGUOUS, _FORTRAN, _ALIGNED, _WRITEABLE = 1, 2, 0x100, 0x400  # of numpy's flags
_FLAGS = _CONTIGUOUS | _FORTRAN | _ALIGNED | _WRITEABLE
_NUMBERS = {int: "<i8", bool: "|b1", float: "<f8"} | {
    kind: np.dtype(kind).str
    for kind in (
        np.bool_, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64, np.float32,
        np.float64,
    )
}  # fmt: skip
"""Numbers, and the types of numpy that they are taken for."""


class Kernel:
    """A function that is compiled for the types that it is called with."""

    def __init__(self, function: Callable[..., Any], vectorised: bool = False) -> None:
        update_wrapper(self, function)
        self.py_func = function
        self.vectorised = vectorised
        self._known: dict[tuple[Any, ...], _Entry | None] = {}
        self._dispatcher: Any = None

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Call it; by position only, or Numba does."""
        if not named:
            slots: list[Any] = []
            kinds = _look(given, slots)
            try:
                entry = self._known[kinds]
            except KeyError:
                entry = self._known[kinds] = self._found(given)
            if entry is not None:
                done, result = entry.call(slots, given)
                if done:
                    return result
        return self.dispatcher(*given, **named)

    def __reduce__(self) -> str:
        """As functions are: by name."""
        return str(self.py_func.__qualname__)

    @property
    def dispatcher(self) -> Any:
        """What Numba makes of it."""
        if self._dispatcher is None:
            self._dispatcher = by_numba().dispatcher_of(self.py_func)
        return self._dispatcher

    @property
    def _numba_type_(self) -> Any:
        """What functions that Numba compiles take it for."""
        return self.dispatcher._numba_type_

    def _found(self, given: Sequence[Any]) -> _Entry | None:
        """Return what was compiled for arguments like these, before or now; None where only Numba can call it."""
        described = [_type_of(each) for each in given]
        if None in described or not _is_usable():
            return None
        types = types_text(str(each) for each in described)
        path = objects.place(self.py_func, types)
        if path is None:
            return None
        kept = objects.read(path) or by_numba().object_code(self, given, types, path)
        return _Entry(kept, "".join(map(_slots_of, given))) if kept else None


def types_text(types: Iterator[str]) -> str:
    """Return how types of arguments are told in one word."""
    return f"({','.join(types)})"


def array_text(dtype: str, axes: int, layout: str, *, writeable: bool) -> str:
    """Return how the type of an array is told: its numbers, axes and layout (C, F, A), and whether it is writeable."""
    return f"{dtype}[{axes}{layout}{'' if writeable else ' const'}]"


@cache
def _is_usable() -> bool:
    """Whether arrays lie in memory as the entries take them, and nobody gave Numba settings."""
    tried = np.zeros((3, 5))[:, ::2]
    fields = (ctypes.c_int64 * 4).from_address(id(tried) + objects.OBJECT_HEADER)
    where = [(ctypes.c_int64 * 2).from_address(place) for place in fields[2:]]
    lies = (fields[0], fields[1] & 0xFFFF_FFFF, tuple(where[0]), tuple(where[1]))
    return not is_configured() and lies == (tried.ctypes.data, 2, tried.shape, tried.strides)


def _look(given: Sequence[Any], slots: list[Any]) -> tuple[Any, ...]:
    """Return what arguments are alike in for which one object code does, and add what it is given of each."""
    kinds: list[Any] = []
    for each in given:
        kind = type(each)
        if kind is np.ndarray:
            slots.append(id(each))
            kinds += (each.dtype, each.ndim, each.flags.num & _FLAGS)
        elif issubclass(kind, tuple):
            kinds += (kind, _look(each, slots))
        else:
            kinds.append(kind)
            if each is not None:
                slots.append(each)
    return tuple(kinds)


def _type_of(each: Any) -> str | None:
    """Tell a type as `dvplug.kernel.entry` tells those of Numba; None where only Numba can."""
    kind = type(each)
    if kind is np.ndarray:
        flags = each.flags
        if each.dtype.kind not in "biuf" or not each.dtype.isnative or not flags.aligned:
            return None
        layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
        return array_text(each.dtype.str, each.ndim, layout, writeable=flags.writeable)
    if isinstance(each, tuple):
        if kind is not tuple and not hasattr(kind, "_fields"):
            return None
        inner = [_type_of(part) for part in each]
        name = "" if kind is tuple else f"{kind.__module__}.{kind.__qualname__}"
        return None if None in inner or not inner else name + types_text(str(part) for part in inner)
    return "-" if each is None else _NUMBERS.get(kind)


def _slots_of(each: Any) -> str:
    """Return how what an argument gives is packed, by the letters of `struct`."""
    if isinstance(each, tuple):
        return "".join(map(_slots_of, each))
    if each is None:
        return ""
    if isinstance(each, bool | np.bool_):
        return "?7x"
    if isinstance(each, float | np.floating):
        return "d"
    return "Q" if isinstance(each, np.ndarray | np.uint64) else "q"


class _Entry:
    """Object code of a kernel that was linked."""

    def __init__(self, kept: objects.ObjectCode, slots: str) -> None:
        self._pack = struct.Struct(f"={slots}").pack
        formats, self._make = _results(kept.results)
        self._unpack = struct.Struct(f"={formats}").unpack
        self._places: type[Any] = ctypes.c_int64 * len(formats)
        self._function = objects.linked(kept)

    def call(self, slots: Sequence[Any], given: Sequence[Any]) -> tuple[bool, Any]:
        """Return whether it came to its end, and its result."""
        try:
            packed = self._pack(*slots)
        except struct.error:  # an int of more bits
            return False, None
        places = self._places()
        if self._function(packed, ctypes.addressof(places)):
            return False, None
        return True, self._make(iter(self._unpack(places)), given)


_Make = Callable[[Iterator[Any], Sequence[Any]], Any]


def _results(described: Sequence[Any]) -> tuple[str, _Make]:
    """Return how results are unpacked, by the letters of `struct`, and what is made of them.

    What makes them takes their parts and the arguments, whose memory they may be in.
    """
    kind, *more = described
    if kind == "array":
        axes = more[1]
        return "qQ" + "qq" * axes, _arrays(*more)
    if kind == "tuple":
        module, name, parts = more
        formats, makers = zip(*(_results(part) for part in parts), strict=True)
        return "".join(formats), _tuples(module, name, makers)
    if kind == "none":
        return "", lambda parts, given: None
    return {"b": "q", "i": "q", "u": "Q", "f": "d"}[kind], _NUMBER_MAKERS[kind]


_NUMBER_MAKERS: dict[str, _Make] = {
    "b": lambda parts, given: bool(next(parts)),
    "i": lambda parts, given: next(parts),
    "u": lambda parts, given: next(parts),
    "f": lambda parts, given: next(parts),
}


def _tuples(module: str, name: str, makers: Sequence[_Make]) -> _Make:
    kind: Any = reduce(getattr, name.split("."), importlib.import_module(module)) if module else None

    def make(parts: Iterator[Any], given: Sequence[Any]) -> Any:
        made = [each(parts, given) for each in makers]
        return tuple(made) if kind is None else kind(*made)

    return make


class _Memory:
    """What an array is in: memory that a kernel made, or an argument's. numpy asks for its description."""

    __slots__ = ("__array_interface__", "_held", "_let_go")

    def __init__(self, description: dict[str, Any], held: int | Sequence[Any]) -> None:
        self.__array_interface__, self._held = description, held
        self._let_go = objects.let_go()  # at the end of the process there may be no module left

    def __del__(self) -> None:
        if isinstance(self._held, int):
            self._let_go(self._held)


def _arrays(dtype: str, axes: int, writeable: bool) -> _Make:
    def make(parts: Iterator[Any], given: Sequence[Any]) -> Any:
        held, data, *sizes = (next(parts) for _ in range(2 + 2 * axes))
        description = {
            "version": 3,
            "typestr": dtype,
            "data": (data, not writeable),
            "shape": tuple(sizes[:axes]),
            "strides": tuple(sizes[axes:]),
        }
        if not held and (argument := _argument(given, description)) is not None:
            return argument
        return np.asarray(_Memory(description, held or given))

    return make


def _argument(given: Sequence[Any], description: Mapping[str, Any]) -> Any:
    """Return the argument that an array is, and no part of, as Numba does; None where it is a part."""
    for each in given:
        found = None
        if isinstance(each, tuple):
            found = _argument(each, description)
        elif isinstance(each, np.ndarray) and each.shape == description["shape"]:
            same = each.strides == description["strides"] and each.dtype.str == description["typestr"]
            found = each if same and each.ctypes.data == description["data"][0] else None
        if found is not None:
            return found
    return None
