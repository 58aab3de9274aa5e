"""Read transforms, phasers, row orders and annotations as the engine calls them: what they give is looked at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from dvplug.errors import in_short
from dvplug.hookspecs import Annotate, Annotation, Phase, Rank, RecordField, Transform
from dvplug.line.contexts import AnnotateContext, PhaseContext, Phased, RegionContext
from dvplug.line.read_batch import ReadBatch
from dvplug.line.record import NO_CALL, REF_CALL, Note, Notes, VcfRecord
from dvplug.line.run_profile import MOST_QUALITY
from dvplug.line.scene import Scene
from dvplug.plugins.adapters import loaded
from dvplug.plugins.boundary import Owner
from dvplug.plugins.checks import Wrong, wrong_array
from dvplug.plugins.loading import PluginItem
from dvplug.sequence.codes import UNKNOWN_BASE

_CHANGED = ("seq", "qual")
_LARGEST = float(np.finfo(np.float32).max)
_LEAST = -(1 << 31) + 8
"""Numbers of a VCF (sections 1.3 and 6.3.3): eight integers stand for what is missing, and the like."""
_FIXED = (
    "start", "end", "flag", "mapping_quality", "fragment_length", "haplotype", "name_hash", "molecule", "base_offset",
    "cigar", "cigar_offset",
)  # fmt: skip


@dataclass(frozen=True)
class CheckedTransform:
    """A read transform (see `dvplug.hookspecs.Transform`), which changes a copy of bases and qualities."""

    owner: Owner
    transform: Transform
    settings: Any = None

    @classmethod
    def of(cls, offer: PluginItem, settings: Any = None) -> CheckedTransform:
        """Import the function; its context has these settings."""
        return cls(Owner.of(offer), loaded(offer), settings)

    def __call__(self, context: RegionContext) -> ReadBatch:
        """Return the reads that stay, changed."""
        reads = context.reads
        changed: dict[str, Any] = {name: getattr(reads, name).copy() for name in _CHANGED}
        fixed: dict[str, Any] = {name: _read_only(getattr(reads, name)) for name in _FIXED}
        given = replace(context, reads=replace(reads, **changed, **fixed), settings=self.settings)
        keep = self.owner.call(self.transform, given, untouched=given, but=("reads.seq", "reads.qual"))
        self.owner.require(_wrong_transform(changed, keep, len(reads)))
        reads = replace(reads, **changed)
        return reads if keep is None or keep.all() else reads.take(np.flatnonzero(keep))


def _read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view


def _wrong_transform(changed: Mapping[str, npt.NDArray[Any]], keep: object, reads: int) -> Iterator[Wrong]:
    if keep is not None:
        yield from wrong_array("which reads stay,", keep, np.bool_, (reads,))
    for name, most, cause in (
        ("seq", UNKNOWN_BASE, "bases are A, C, G, T, 0 to 3, and 4 for any other"),
        ("qual", MOST_QUALITY, f"qualities are 0 to {MOST_QUALITY}"),
    ):
        worst = changed[name].max(initial=0)
        if worst > most:
            yield f"{worst} in {name}", cause


@dataclass(frozen=True)
class CheckedPhase:
    """A phaser (see `dvplug.hookspecs.Phase`) whose haplotypes are looked at."""

    owner: Owner
    phase: Phase
    settings: Any = None

    @classmethod
    def of(cls, offer: PluginItem, settings: Any = None) -> CheckedPhase:
        """Import the function; its context has these settings."""
        return cls(Owner.of(offer), loaded(offer), settings)

    def __call__(self, context: PhaseContext) -> Phased:
        """Return haplotypes and units; where the phaser tells no units, each read is one, by its hash."""
        found = self.owner.call(self.phase, replace(context, settings=self.settings), untouched=context)
        if not isinstance(found, Phased):
            found = Phased(found, context.reads.name_hash.astype(np.uint64))
        self.owner.require(_wrong_haplotypes(found.haplotype, len(context.reads)))
        self.owner.require(wrong_array("units", found.unit, np.uint64, (len(context.reads),)))
        return found


def _wrong_haplotypes(found: object, reads: int) -> Iterator[Wrong]:
    wrong = wrong_array("haplotypes", found, np.uint8, (reads,))
    yield from wrong
    if not wrong and (most := found.max(initial=0)) > 2:  # type: ignore[attr-defined]
        yield f"the haplotype {most}", "it is 1 or 2, and 0 where it is not known"


@dataclass(frozen=True)
class CheckedRank:
    """A row order (see `dvplug.hookspecs.Rank`) whose ranks are looked at."""

    owner: Owner
    rank: Rank
    settings: Any = None

    @classmethod
    def of(cls, offer: PluginItem, settings: Any = None) -> CheckedRank:
        """Import the function; its scene has these settings."""
        return cls(Owner.of(offer), loaded(offer), settings)

    def __call__(self, scene: Scene) -> npt.NDArray[np.uint16]:
        """Return the rank of each read of each candidate, uint16[entries]."""
        found = self.owner.call(self.rank, scene.set(self.settings), untouched=scene)
        self.owner.require(wrong_array("ranks", found, np.uint16, (len(scene.candidates.read_index),)))
        return found


@dataclass(frozen=True)
class CheckedAnnotate:
    """An annotation (see `dvplug.hookspecs.Annotate`) whose notes are looked at."""

    owner: Owner
    annotate: Annotate
    fields: tuple[RecordField, ...]
    settings: Any = None

    @classmethod
    def of(cls, offer: PluginItem, settings: Any = None) -> CheckedAnnotate:
        """Import the function; its context has these settings."""
        declared: Annotation = offer.item
        return cls(Owner.of(offer), loaded(offer), declared.fields, settings)

    def __call__(self, context: AnnotateContext) -> list[VcfRecord]:
        """Return the records with what it adds."""
        records = context.records
        found = self.owner.call(self.annotate, replace(context, settings=self.settings), untouched=context)
        self.owner.require(_wrong_notes(found, records, self.fields))
        return [_noted(record, notes, self.fields) for record, notes in zip(records, found, strict=True)]


def _wrong_notes(
    found: object, records: Sequence[VcfRecord], fields: Sequence[RecordField]
) -> Iterator[Wrong]:
    if not isinstance(found, (list, tuple)) or len(found) != len(records):
        length = f" of {len(found)}" if isinstance(found, (list, tuple)) else ""
        yield (
            f"a {type(found).__name__}{length}",
            f"it has to be a list of {len(records)}, one for each record",
        )
        return
    known: dict[tuple[str, str], RecordField] = {(one.column, one.id): one for one in fields}
    for record, notes in zip(records, found, strict=True):
        if notes is None:
            continue
        if not isinstance(notes, Notes):
            yield f"a {type(notes).__name__} at {_at(record)}", "it has to be Notes, or None"
            return
        if wrong := next((each for each in _NOTED if not _is_noted(each, getattr(notes, each))), ""):
            yield f"{wrong} {in_short(getattr(notes, wrong))} at {_at(record)}", _NOTED[wrong]
            return
        given = [("FILTER", id_, True) for id_ in notes.filters]
        given += [
            (col, *pair)
            for col, of in (("INFO", notes.info), ("FORMAT", notes.format))
            for pair in of.items()
        ]
        for column, id_, value in given:
            field = known.get((column, id_))
            if field is None:
                yield f"{column} {in_short(id_)} at {_at(record)}", "the annotation does not declare it"
            elif column != "FILTER" and (cause := _misfit(field, value, len(record.alts))):
                yield f"{column} {id_}={in_short(value)} at {_at(record)}", cause


_NOTED = {
    "info": "it has to be a value by each ID",
    "format": "it has to be a value by each ID",
    "filters": "it has to be a tuple of IDs",
}
"""What the parts of `Notes` have to be."""


def _is_noted(part: str, given: object) -> bool:
    if part != "filters":
        return isinstance(given, Mapping)
    return isinstance(given, (list, tuple, set, frozenset)) and all(isinstance(each, str) for each in given)


def _at(record: VcfRecord) -> str:
    return f"{record.contig}:{record.start + 1}"


def _misfit(field: RecordField, value: Any, alts: int) -> str:
    """Why a value cannot be that of a field of a record with so many alts; empty where it can."""
    if value is None:
        return ""
    if field.type == "Flag":
        return "" if isinstance(value, (bool, np.bool_)) else "a flag is True or False"
    values = _several(value)
    wanted = {"A": alts, "R": 1 + alts, ".": max(1, len(values))}.get(field.number)
    count = int(field.number) if wanted is None else wanted
    if len(values) != count:
        return f"it has {len(values)} values, not {count}"
    kinds: tuple[type, ...] = {
        "Integer": (int, np.integer),
        "Float": (int, float, np.integer, np.floating),
    }.get(field.type, (str,))
    for one in (each for each in values if each is not None):
        if not isinstance(one, kinds) or isinstance(one, bool):
            return f"it is no {field.type}"
        if cause := _beyond(field.type, one):
            return cause
    return ""


def _beyond(type_: str, one: Any) -> str:
    """Why a VCF cannot hold a value of the right type; empty where it can."""
    if type_ == "Float" and not abs(one) <= _LARGEST:
        return f"numbers are finite, and up to {_LARGEST:.3g}, as a VCF can hold them"
    if type_ == "Integer" and not _LEAST <= one < 1 << 31:
        return "integers of a VCF have 32 bits"
    if isinstance(one, str) and (not one or not one.isprintable() or set(one) & set(" ;,=:%")):
        return "text is printable, without blanks and any of ;,=:%"
    return ""


def _several(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        value = np.atleast_1d(value)
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else [value]


def _noted(record: VcfRecord, notes: Notes | None, fields: Iterable[RecordField]) -> VcfRecord:
    """The record with what was added: in FORMAT each field, whether it is known or not; in INFO what is known."""
    notes = notes or Notes()
    added = []
    for field in fields:
        if field.column == "FILTER":
            continue
        value = (notes.info if field.column == "INFO" else notes.format).get(field.id)
        if field.column == "INFO" and (value is None or value is False):
            continue
        added.append(Note(field.column, field.id, field.number, _texts(field, value, len(record.alts))))
    filter_ = record.filter
    if notes.filters and filter_ not in (REF_CALL, NO_CALL):  # which are no variants that could pass
        filter_ = ";".join(dict.fromkeys([*([] if filter_ == "PASS" else [filter_]), *notes.filters]))
    return record._replace(notes=(*record.notes, *added), filter=filter_)


def _texts(field: RecordField, value: Any, alts: int) -> tuple[str, ...]:
    if field.type == "Flag":
        return ()
    if value is None:
        value = [None] * {"A": alts, "R": 1 + alts}.get(field.number, 1)
    write = "{:.6g}" if field.type == "Float" else "{}"
    return tuple("." if one is None else write.format(one) for one in _several(value))
