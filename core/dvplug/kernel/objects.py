"""Compiled kernels without Numba: their object code on disk, and how it is linked into this process.

LLVM links what it made; it is the small part of Numba, which takes ten times as long to import. An entry counts only
with the sources that it was compiled from and if its digest is right, as those of `dvplug.kernel.numba_cache`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from ctypes import CDLL, PYFUNCTYPE, c_char_p, c_int, c_void_p
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from dvplug.kernel.cache import FOLDER_MODE, PACKAGE, cache_folder, mark, note_kept, source_digest

_DIGEST = hashlib.sha256().digest_size
_HEADER = 48
"""Bytes that Numba's runtime keeps of an allocation before the data: how often it is held, and where they are."""
OBJECT_HEADER = object.__basicsize__
"""Bytes of a Python object before what it holds: those of arrays are address, axes, shape and strides."""
RUNTIME = f"""
declare i8* @malloc(i64)
declare void @free(i8*)
declare void @llvm.trap()
define i8* @NRT_MemInfo_alloc_aligned(i64 %size, i32 %align) {{
  %wide = zext i32 %align to i64
  %more = add i64 %wide, {_HEADER}
  %all = add i64 %size, %more
  %made = call i8* @malloc(i64 %all)
  %failed = icmp eq i8* %made, null
  br i1 %failed, label %end, label %fill
fill:
  %held = bitcast i8* %made to i64*
  store i64 1, i64* %held
  %at = ptrtoint i8* %made to i64
  %last = add i64 %at, %more
  %mask = sub i64 0, %wide
  %data = and i64 %last, %mask
  %place = getelementptr i64, i64* %held, i64 3
  store i64 %data, i64* %place
  br label %end
end:
  ret i8* %made
}}
define i8* @NRT_MemInfo_data_fast(i8* %of) {{
  %held = bitcast i8* %of to i8**
  %place = getelementptr i8*, i8** %held, i64 3
  %data = load i8*, i8** %place
  ret i8* %data
}}
define void @NRT_MemInfo_call_dtor(i8* %of) {{
  call void @free(i8* %of)
  ret void
}}
define i8* @NRT_Allocate(i64 %size) {{
  %made = call i8* @malloc(i64 %size)
  ret i8* %made
}}
define void @NRT_Free(i8* %of) {{
  call void @free(i8* %of)
  ret void
}}
define void @NRT_incref(i8* %of) {{
  %none = icmp eq i8* %of, null
  br i1 %none, label %end, label %count
count:
  %held = bitcast i8* %of to i64*
  %before = atomicrmw add i64* %held, i64 1 monotonic
  br label %end
end:
  ret void
}}
define i32 @dvplug_let_go(i8* %of) {{
  %held = bitcast i8* %of to i64*
  %before = atomicrmw sub i64* %held, i64 1 acq_rel
  %last = icmp eq i64 %before, 1
  br i1 %last, label %end, label %kept
end:
  call void @free(i8* %of)
  ret i32 0
kept:
  ret i32 1
}}
"""
"""What kernels call of Numba's runtime, so much of it as they do: memory that is counted."""
UNUSED = (
    "NRT_adapt_ndarray_from_python",
    "NRT_adapt_ndarray_to_python_acqref",
    "numba_do_raise",
    "numba_runtime_build_excinfo_struct",
    "numba_unpickle",
)
"""Functions that object code refers to for Numba's own way into a kernel, which nobody takes who has not got Numba."""
PROVIDED = {line.split("@")[1].split("(")[0] for line in RUNTIME.splitlines() if line.startswith("define")}


class ObjectCode(NamedTuple):
    """Object code of a kernel for arguments of certain types."""

    entry: str
    """Name of the function that `dvplug.kernel.entry` made."""
    results: Any
    """Description of what it returns, as `dvplug.kernel.entry` makes it."""
    code: bytes


def place(function: Callable[..., Any], types: str) -> Path | None:
    """Return where the object code of a kernel for these types lies; None where there is none.

    Only of functions whose sources the digest of sources covers, and which no other function made.
    """
    code, folder = function.__code__, cache_folder()
    file = Path(code.co_filename)
    if folder is None or code.co_freevars or not file.is_relative_to(PACKAGE):
        return None
    kind = hashlib.sha256(f"{types} {mark()} {sys.implementation.cache_tag}".encode()).hexdigest()[:16]
    room = ".".join(file.relative_to(PACKAGE).parts[:-1])
    return folder / room / f"{file.stem}.{function.__name__}-{code.co_firstlineno}.{kind}.o"


def keep(path: Path, kept: ObjectCode) -> None:
    """Write it, whole or not at all; where it cannot be, nothing happens."""
    told = {"sources": source_digest().decode(), "entry": kept.entry, "results": kept.results}
    content = json.dumps(told).encode() + b"\n" + kept.code
    with suppress(OSError):
        path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        number, name = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(number, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            os.chmod(name, _mode())
            os.replace(name, path)
            note_kept()
        except OSError:
            os.unlink(name)


def _mode() -> int:
    """What others may do with a new file: the mask can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return 0o644 & ~mask


def read(path: Path) -> ObjectCode | None:
    """Return what lies there; None if it is nothing, damaged, or of other sources."""
    with suppress(OSError, ValueError, KeyError):
        whole = memoryview(path.read_bytes())
        content = whole[_DIGEST:]
        if hashlib.sha256(content).digest() == whole[:_DIGEST]:
            first, code = bytes(content).split(b"\n", 1)
            told = json.loads(first)
            if told["sources"].encode() == source_digest():
                return ObjectCode(told["entry"], told["results"], code)
    return None


@cache
def _engine() -> Any:
    """LLVM's linker, with the runtime in it: apart from Numba's own, whose memory is counted by another."""
    from llvmlite import binding as ll  # type: ignore[import-untyped]

    ll.initialize_native_target()
    ll.initialize_native_asmprinter()
    traps = [f"define void @{name}() {{\n  call void @llvm.trap()\n  unreachable\n}}" for name in UNUSED]
    machine = ll.Target.from_triple(ll.get_process_triple()).create_target_machine(opt=1)
    near = platform.machine() in ("arm64", "aarch64")  # as Numba: addresses must be in reach there
    return ll.create_mcjit_compiler(ll.parse_assembly(RUNTIME + "\n".join(traps)), machine, use_lmm=near)


def linked(kept: ObjectCode) -> Callable[[bytes, Any], int]:
    """Return its function: it takes arguments, and places for results, and returns 0, or 1 where it raises."""
    from llvmlite import binding as ll

    engine = _engine()
    engine.add_object_file(ll.ObjectFileRef.from_data(kept.code))
    engine.finalize_object()
    return _as_function(engine.get_function_address(kept.entry))


def _as_function(address: int) -> Callable[[bytes, Any], int]:
    return PYFUNCTYPE(c_int, c_char_p, c_void_p)(address)  # as Numba's: nothing else of Python runs meanwhile


@cache
def let_go() -> Callable[[int], int]:
    """Return the function that frees memory of the runtime, if nothing else holds it."""
    return PYFUNCTYPE(c_int, c_void_p)(_engine().get_function_address("dvplug_let_go"))


@cache
def _process() -> CDLL:
    return CDLL(None)


def is_provided(name: str) -> bool:
    """Whether a function that object code refers to is there without Numba; LLVM would end the process if not."""
    return name in PROVIDED or name in UNUSED or hasattr(_process(), name)
