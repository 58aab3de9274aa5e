"""Things that plugins offer beside what finds and draws: read transforms, phasers, row orders, annotations."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from dvplug.errors import PluginError, in_short
from dvplug.hookspecs.extensions import SOURCE, Extension
from dvplug.hookspecs.functions import Annotate, Phase, Rank, Transform

_ID = re.compile(r"[A-Za-z_][0-9A-Za-z_.]*")  # VCF 4.3, section 1.6
_NUMBER = re.compile(r"\d{1,3}|[AR.]")
_TYPES = ("Integer", "Float", "String", "Flag")


@dataclass(frozen=True)
class ReadTransform(Extension):
    """Changes or drops reads before anything is found in them. Its function is a `Transform`.

    Parameters
    ----------
    version
        To be raised whenever another read or base would be left.
    reach
        How many bp on either side of a read decide on it, 0 where each is judged by itself; as of a finder.
    """

    kind = "read transform"
    protocol = Transform

    version: int = 1
    reach: int = field(default=0, kw_only=True)


@dataclass(frozen=True)
class Phaser(Extension):
    """Tells which haplotype reads are of, where a technology says `phase_reads`. Its function is a `Phase`.

    Parameters
    ----------
    version
        To be raised whenever a read would be told otherwise.
    """

    kind = "phaser"
    protocol = Phase
    offered = (SOURCE,)

    version: int = 1


@dataclass(frozen=True)
class RowOrder(Extension):
    """Orders the rows of images. Its function is a `Rank`.

    Parameters
    ----------
    version
        To be raised whenever a row would lie elsewhere.
    """

    kind = "row order"
    protocol = Rank

    version: int = 1


@dataclass(frozen=True)
class RecordField:
    """What an annotation adds to records, as the header declares it (VCF, section 1.2).

    Parameters
    ----------
    column
        Of records: INFO, FORMAT or FILTER.
    id
        Its name; what dvplug itself writes is taken.
    description
        One line for people.
    number
        How many values: a number, ``A`` (one per alt), ``R`` (one per allele) or ``.``; of a flag 0.
    type
        Integer, Float, String, or in INFO Flag. A filter has neither number nor type.
    """

    column: Literal["INFO", "FORMAT", "FILTER"]
    id: str
    description: str
    number: str = "1"
    type: str = "Integer"

    def __post_init__(self) -> None:
        """Check that it can be written."""
        wrong = self._wrong()
        if wrong:
            raise PluginError(f"the field {in_short(self.id)} of {in_short(self.column)}", cause=wrong)

    def _wrong(self) -> str:
        if self.column not in ("INFO", "FORMAT", "FILTER"):
            return "a column is INFO, FORMAT or FILTER"
        if not _ID.fullmatch(self.id):
            return "an ID is letters, digits, '_' and '.', and begins with no digit"
        if not self.description or not self.description.isprintable() or set(self.description) & {'"', "\\"}:
            return "a description is one line, without quotes"
        if not _NUMBER.fullmatch(self.number):
            return "a number is 0 to 999, A, R or ."
        if self.type not in _TYPES or (self.type == "Flag") != (self.number == "0"):
            return f"a type is one of {', '.join(_TYPES)}, and a flag has the number 0"
        return "a flag is of INFO" if self.type == "Flag" and self.column != "INFO" else ""

    def header_line(self) -> str:
        """The line of the header, without its end."""
        shape = "" if self.column == "FILTER" else f",Number={self.number},Type={self.type}"
        return f'##{self.column}=<ID={self.id}{shape},Description="{self.description}">'


@dataclass(frozen=True)
class Annotation(Extension):
    """Adds to records what is known of their sites. Its function is an `Annotate`.

    Parameters
    ----------
    fields
        What it adds.
    """

    kind = "annotation"
    protocol = Annotate

    fields: tuple[RecordField, ...]

    def __post_init__(self) -> None:
        """Check that there are fields, each once."""
        super().__post_init__()
        named = [(one.column, one.id) for one in self.fields]
        if not named or len(set(named)) < len(named):
            raise PluginError(
                f"{self.kind} '{self.name}': the fields {in_short(named)}", cause="it adds some, each once"
            )
