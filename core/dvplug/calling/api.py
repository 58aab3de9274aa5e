"""The Python interface: `dvplug.call`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar, overload

from typing_extensions import Unpack

from dvplug.calling.keywords import CallKeywords
from dvplug.calling.option_kinds import refuse_empty
from dvplug.calling.options import CallOptions, option_fields
from dvplug.calling.run import call_variants, iterate_records
from dvplug.line.record import VcfRecord
from dvplug.system.locations import StrPath

Function = TypeVar("Function", bound=Callable[..., object])


@dataclass(frozen=True)
class CallSummary:
    """What a run wrote and how long it took."""

    records: dict[str, int]  # by FILTER
    candidates: int
    images: int
    reads: int
    cpu_seconds: dict[str, float]  # by stage


def with_options(
    options: type[CallOptions], names: Collection[str] | None = None
) -> Callable[[Function], Function]:
    """Have `help` show a function's ``**options`` one by one: in its signature, and at the end of its docstring.

    ``names`` are those that it takes; by default all that it does not name itself.
    """

    def shown(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [each for each in signature.parameters.values() if each.kind is not each.VAR_KEYWORD]
        added = [
            field
            for field in option_fields(options)
            if field.name not in signature.parameters and (names is None or field.name in names)
        ]
        by_name = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=field.python_type,
            )
            for field in added
        ]
        texts = "\n".join(f"    {field.name}\n        {field.option.help}" for field in added)
        function.__doc__ = f"{(function.__doc__ or '').rstrip()}\n\n    Options\n    -------\n{texts}\n    "
        function.__signature__ = signature.replace(parameters=[*own, *by_name])  # type: ignore[attr-defined]
        return function

    return shown


@overload
def call(
    tech: str,
    ref: StrPath,
    reads: StrPath | Sequence[StrPath],
    out: None = None,
    **options: Unpack[CallKeywords],
) -> Iterator[VcfRecord]: ...


@overload
def call(
    tech: str,
    ref: StrPath,
    reads: StrPath | Sequence[StrPath],
    out: StrPath,
    **options: Unpack[CallKeywords],
) -> CallSummary: ...


@with_options(CallOptions)
def call(
    tech: str,
    ref: StrPath,
    reads: StrPath | Sequence[StrPath],
    out: StrPath | None = None,
    **options: Unpack[CallKeywords],
) -> Iterator[VcfRecord] | CallSummary:
    """Call germline SNPs and indels of one sample, as `dvplug call` does.

    What the process was before the call it is afterwards, and between two records: the environment, htslib's
    verbosity, hooks, the terminal.

    Parameters
    ----------
    tech, ref, reads
        Technology, reference FASTA, and one or several BAM or CRAM files of one sample.
    out
        VCF to write. Without it the records are yielded, in order, as regions are done, and no other file is written.
    options
        Those of the command, with its defaults but for `workers`, which is 1: more is for scripts that guard their top
        level (``if __name__ == "__main__":``).

    Returns
    -------
    CallSummary, or an iterator of VcfRecord
        Positions of records are 0-based.

    Raises
    ------
    DvplugError
        What the user can mend, all of it before the first record; a file that breaks off, when it is read.
    TypeError
        An option is unknown.
    """
    refuse_empty(options)
    prepared = CallOptions.of(tech=tech, ref=ref, reads=reads, out="" if out is None else out, **options)
    if out is None:
        return iterate_records(prepared)
    total = call_variants(prepared)
    return CallSummary(dict(total.filters), total.candidates, total.images, total.reads, dict(total.seconds))
