"""The options of `dvplug call`, each written once.

The command line, the keywords of `dvplug.call`, the command in the VCF's header and what ``--resume`` wants repeated
follow from the fields of `CallOptions`. This module is read for ``--help``: it imports nothing slow.
"""

from __future__ import annotations

import operator
import shlex
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

from dvplug.calling.option_kinds import (
    DEVICE,
    FILE,
    FILES,
    MODEL,
    NUMBER,
    OUTPUT,
    OUTPUT_OR_STDOUT,
    PLACE,
    PLACES,
    QUALITY,
    SETTINGS,
    SIZE,
    TEXTS,
    OptionKind,
)
from dvplug.system.locations import Location, shown


class Bearing(Enum):
    """What an option has to do with the records: as (in the header's command, to be repeated by ``--resume``)."""

    NONE = (False, False)
    """No record depends on it."""
    VALUE = (True, True)
    """Records depend on its value."""
    CONTENT = (True, False)
    """Records depend on what it leads to, which the journal looks at itself: files, partitions, ploidy."""
    ROUNDING = (False, True)
    """Records are meant to be the same, and are but for the last digit of a probability."""

    @property
    def in_command(self) -> bool:
        """Whether the command in the VCF's header names it."""
        return self.value[0]

    @property
    def to_repeat(self) -> bool:
        """Whether a run that is resumed must have the same value."""
        return self.value[1]


class Option(NamedTuple):
    """What a field of `CallOptions` is annotated with."""

    help: str
    bearing: Bearing
    kind: OptionKind | None = None


_KEEP: dict[type, Callable[[Any], Any]] = {int: operator.index, bool: bool}
"""What makes options of these types of what is given."""


@dataclass(frozen=True)
class CallOptions:
    """What the user asked for. The header's command has the options in this order."""

    tech: Annotated[
        str,
        Option(
            "Sequencing technology, as `dvplug plugins list` names it; or auto: what the reads are recognised as.",
            Bearing.VALUE,
        ),
    ]
    ref: Annotated[
        Location,
        Option(
            "Reference genome: FASTA, indexed, the one that the reads were aligned to. A file or a URL.",
            Bearing.CONTENT,
            PLACE,
        ),
    ]
    reads: Annotated[
        tuple[Location, ...],
        Option(
            "Aligned reads: sorted, indexed BAM or CRAM, several files for one sample. Files or URLs.",
            Bearing.CONTENT,
            PLACES,
        ),
    ]
    out: Annotated[
        str,
        Option(
            "VCF to write: .vcf.gz (with its .tbi), .vcf, or - for stdout.", Bearing.NONE, OUTPUT_OR_STDOUT
        ),
    ]
    regions: Annotated[
        tuple[str, ...],
        Option(
            "Where to call: contig, contig:start-end (1-based), or a BED file. The default is everywhere.",
            Bearing.CONTENT,
            TEXTS,
        ),
    ] = ()
    exclude_regions: Annotated[
        tuple[Path, ...], Option("BED files of where not to call.", Bearing.CONTENT, FILES)
    ] = ()
    model: Annotated[
        str | None,
        Option(
            "Model to use in place of the technology's own: name, name@1, name@1.0.0, or a model's folder. One that "
            "is not installed is downloaded from the registries that were added.",
            Bearing.VALUE,
            MODEL,
        ),
    ] = None
    workers: Annotated[
        int,
        Option(
            "Worker processes; the default is one per core. The output does not depend on it.", Bearing.NONE
        ),
    ] = 1  # in Python, where several are for scripts that guard their top level
    device: Annotated[
        str,
        Option(
            "Where the network runs: auto, cpu, gpu, or GPUs by number, such as gpu:0,1.",
            Bearing.ROUNDING,
            DEVICE,
        ),
    ] = "auto"
    sample: Annotated[
        str | None,
        Option("The sample to call, as @RG SM names it, where the reads are of several.", Bearing.VALUE),
    ] = None
    sample_name: Annotated[
        str | None, Option("The sample's name in the VCF; the default is that of @RG SM.", Bearing.VALUE)
    ] = None
    read_group: Annotated[
        tuple[str, ...],
        Option(
            "IDs of @RG whose reads to use; or, each with ^ before it, whose reads to leave out.",
            Bearing.VALUE,
            TEXTS,
        ),
    ] = ()
    set: Annotated[
        tuple[str, ...],
        Option(
            "Settings of plugins, each as plugin.key=value; `dvplug plugins show` has those that there are.",
            Bearing.VALUE,
            SETTINGS,
        ),
    ] = ()
    min_qual: Annotated[
        float, Option("Calls of lower QUAL get the filter LowQual.", Bearing.VALUE, NUMBER)
    ] = 1.0
    min_gq: Annotated[
        int,
        Option(
            "Calls of lower GQ get the filter LowGQ; below 3 a genotype is more likely wrong than right.",
            Bearing.VALUE,
            QUALITY,
        ),
    ] = 3
    keep_ref_calls: Annotated[
        bool,
        Option("Also write candidates that turned out to be reference (filter RefCall).", Bearing.VALUE),
    ] = False
    force: Annotated[
        bool,
        Option(
            "Call although the reads contradict the technology or are such as the model cannot be trusted with, or the "
            "reference's sequence is not the one of the alignment (@SQ M5): each becomes a warning.",
            Bearing.VALUE,
        ),
    ] = False
    offline: Annotated[bool, Option("Download no model.", Bearing.NONE)] = False
    # Of the gVCF the journal looks at the allele that stands for all others, which says whether there is one.
    gvcf: Annotated[
        str | None,
        Option(
            "gVCF to write too: .g.vcf.gz (with its .tbi) or .g.vcf, with blocks of reference between the records.",
            Bearing.NONE,
            OUTPUT,
        ),
    ] = None
    non_ref: Annotated[
        bool,
        Option(
            "In the gVCF, name the allele that stands for all others <NON_REF>, as GATK does, and not <*>.",
            Bearing.NONE,
        ),
    ] = False
    haploid_contigs: Annotated[
        tuple[str, ...], Option("Contigs of which the sample has one copy.", Bearing.CONTENT, TEXTS)
    ] = ()
    par_bed: Annotated[
        Path | None,
        Option(
            "BED file of where those contigs have two copies all the same: the pseudoautosomal regions.",
            Bearing.CONTENT,
            FILE,
        ),
    ] = None
    sex: Annotated[
        Literal["male", "female"] | None,
        Option(
            "Of a human sample on GRCh37 or GRCh38: male makes X and Y haploid outside the pseudoautosomal regions, "
            "female leaves Y out.",
            Bearing.CONTENT,
        ),
    ] = None
    proposed_variants: Annotated[
        Path | None,
        Option(
            "Indexed VCF of variants to genotype whatever the reads show; records at their sites have the flag "
            "PROPOSED.",
            Bearing.CONTENT,
            FILE,
        ),
    ] = None
    report: Annotated[
        Path | None,
        Option("Web page of the calls' statistics to write: .html. It needs no network.", Bearing.NONE, FILE),
    ] = None
    resume: Annotated[
        bool,
        Option("Go on where a run of this command stopped; begin anew where none did.", Bearing.NONE),
    ] = False
    haplotagged: Annotated[
        str | None,
        Option(
            "BAM to write too: the reads, each that phased calls tell of with its haplotype, HP, and block, PS. Of "
            "technologies whose reads are phased; it gets a .bai.",
            Bearing.NONE,
            OUTPUT,
        ),
    ] = None
    use_hp: Annotated[
        bool,
        Option(
            "Take haplotypes and blocks from the reads' tags HP and PS, as whatshap haplotag or longphase wrote them, "
            "in place of dvplug's own phasing.",
            Bearing.VALUE,
        ),
    ] = False
    executor: Annotated[
        str,
        Option(
            "Where regions are called: local, by worker processes of this machine; dask:tcp://host:port, by the "
            "workers of a Dask scheduler; dask:local, by such workers here; or a .toml of settings, by jobs of a "
            "cluster's queue. The output does not depend on it.",
            Bearing.NONE,
            OUTPUT,
        ),
    ] = "local"
    max_memory: Annotated[
        int | None,
        Option(
            "What all processes together may take, such as 4G: fewer workers are started if need be, and a run that "
            "takes more ends with an error. On a cluster, what each worker may take.",
            Bearing.NONE,
            SIZE,
        ),
    ] = None  # bytes
    log_json: Annotated[
        Path | None,
        Option("File to which the events of the run are added, one JSON object a line.", Bearing.NONE, FILE),
    ] = None

    @classmethod
    def of(cls, **given: Any) -> CallOptions:
        """Take options as `dvplug.call` gets them; None is the default.

        Raises TypeError where one is unknown or of another type, ValueError where it is none of those there are.
        """
        keep = {field.name: field.keep for field in option_fields(cls)}
        return cls(
            **{
                name: keep[name](value) if name in keep else value
                for name, value in given.items()
                if value is not None
            }
        )

    def inputs(self) -> list[Location]:
        """The files and URLs that records are made of, but for the model's."""
        beds = [Path(text) for text in self.regions if Path(text).is_file()]
        single = [place for place in (self.par_bed, self.proposed_variants) if place is not None]
        return [self.ref, *self.reads, *beds, *self.exclude_regions, *single]

    def command(self) -> str:
        """The command as it bears on the records: not where they go, nor how many processes made them."""
        words = ["dvplug", "call"]
        for field in option_fields(type(self)):
            value = getattr(self, field.name)
            if field.option.bearing.in_command and value not in (field.default, ""):
                words += [field.flag, *_words(value)]
        return shlex.join(words)

    def to_repeat(self) -> dict[str, str | list[str] | None]:
        """Those whose values a run that goes on must repeat, as JSON can hold them."""
        wanted = [field.name for field in option_fields(type(self)) if field.option.bearing.to_repeat]
        return {name: _plain(getattr(self, name)) for name in wanted}


class OptionField(NamedTuple):
    """A field of `CallOptions`, read for those that offer it."""

    name: str
    option: Option
    kept: Any
    """Its type."""
    default: Any
    """`dataclasses.MISSING` where there is none."""

    @property
    def required(self) -> bool:
        """Whether the user must give it."""
        return self.default is MISSING

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def command_type(self) -> Any:
        """What the command line parses."""
        return self._given(self.option.kind.command if self.option.kind else self.kept)

    @property
    def python_type(self) -> Any:
        """What `dvplug.call` takes."""
        return self._given(self.option.kind.python if self.option.kind else self.kept)

    def _given(self, hint: Any) -> Any:
        return hint | None if self.default is None else hint

    def keep(self, value: Any) -> Any:
        """Make what is kept of what is given; raises as `CallOptions.of`."""
        if self.option.kind:
            return self.option.kind.keep(value)
        kinds = get_args(self.kept) if get_origin(self.kept) in (Union, UnionType) else (self.kept,)
        kept = next(kind for kind in kinds if kind is not NoneType)
        if get_origin(kept) is Literal:
            if value not in get_args(kept):
                raise ValueError(f"{self.name} is {value!r}, and not one of {', '.join(get_args(kept))}")
            return value
        return _KEEP.get(kept, lambda same: same)(value)


def option_fields(options: type[CallOptions]) -> tuple[OptionField, ...]:
    """Read the fields of a class of options, in their order."""
    return _fields_of(cast(Any, options))


@cache
def _fields_of(options: Any) -> tuple[OptionField, ...]:
    hints = get_type_hints(options, include_extras=True)
    found = []
    for field in fields(options):
        kept, option = get_args(hints[field.name]) or (None, None)
        if not isinstance(option, Option):
            raise TypeError(f"{options.__name__}.{field.name} is annotated with no Option")
        found.append(OptionField(field.name, option, kept, field.default))
    return tuple(found)


def _words(value: Any) -> list[str]:
    """A value as words of a command line; a switch has none."""
    if value is True:
        return []
    several = value if isinstance(value, tuple) else (value,)
    return [f"{one:g}" if isinstance(one, float) else shown(str(one)) for one in several]


def _plain(value: Any) -> str | list[str] | None:
    return [str(one) for one in value] if isinstance(value, tuple) else None if value is None else str(value)
