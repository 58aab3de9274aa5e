"""The kinds of things that plugins offer: data, with the name of a function each."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from dvplug.errors import PluginError, in_short, raised
from dvplug.hookspecs.functions import BuildNetwork, Draw, Encode, Find, Measure, OpenModel

if TYPE_CHECKING:
    from pydantic import BaseModel

HAPLOTYPE = "haplotype"
"""What can be needed: the haplotype of each read, from its HP tag, or from the engine's phasing."""
SOURCE = "source"
"""What can be needed: the file and the read group that each read is from."""
MOST_REACH = 20_000
"""bp: as far as reads are phased along."""
NO_SETTINGS = "dvplug.technology:Frozen"
"""Settings of what has none: any that are given are refused."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")  # as in manifests
_SUFFIX = re.compile(r"\.[a-z0-9]{1,16}")


@dataclass(frozen=True)
class Extension:
    """A named function that a plugin offers.

    Parameters
    ----------
    name
        What a profile calls it by.
    description
        One line for people.
    function
        The callable, or where to import it from: "package.module:function".
    needs
        What the engine has to give beyond what every function of the kind gets: "haplotype", for
        `ReadBatch.haplotype`, which is 0 for all reads where nothing that a technology chose needs it; "source", for
        `ReadBatch.source`; and tags of reads, for `ReadBatch.tags`, by name and kind, as in "BX:hash"
        (`dvplug.technology.TAG_KINDS`).
    """

    kind: ClassVar[str]
    protocol: ClassVar[type]
    offered: ClassVar[tuple[str, ...]] = (HAPLOTYPE, SOURCE)
    """What can be needed, besides tags; of what is given no reads, nothing."""

    name: str
    description: str
    function: Callable[..., Any] | str
    needs: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        """Check the name, which has to fit into profiles and manifests, needs, version and reach."""
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise PluginError(
                f"{self.kind} '{in_short(self.name)}': a name is letters, digits, '_' and '-', at most 64"
            )
        if not isinstance(self.needs, tuple):
            raise PluginError(
                f"{self.kind} '{self.name}': needs is {in_short(self.needs)}",
                repair="Write a tuple of names.",
            )
        for need in self.needs:
            if need not in self.offered and (why := self._refused(need)):
                raise PluginError(
                    f"{self.kind} '{self.name}' needs {in_short(need)}",
                    cause=why,
                    repair="Install a dvplug that can, or correct `needs`.",
                )
        own = vars(self)
        if "version" in own:
            _check_version(self, own["version"])
        if "reach" in own:
            _check_reach(self, own["reach"])

    def _refused(self, need: object) -> str:
        """Say why what is needed cannot be given; nothing of a tag, which can be."""
        what = f"{'an' if self.kind[0] in 'aeiou' else 'a'} {self.kind}"
        if not self.offered:
            return f"this dvplug can give {what} nothing more"
        from dvplug.technology import ReadTag  # brings pydantic

        try:
            ReadTag.parse(need)  # type: ignore[arg-type]
        except ValueError as error:
            if isinstance(need, str) and ":" in need:
                return str(error)
            return f"this dvplug can give {what} {' '.join(self.offered)} and tags, such as BX:hash"
        return ""

    def load(self) -> Callable[..., Any]:
        """Return the function, imported if need be; raises PluginError when it cannot be."""
        function = self.function if callable(self.function) else import_named(self.function)
        if not callable(function):
            raise PluginError(f"{self.kind} '{self.name}': {self.function} is not a function")
        return function


@dataclass(frozen=True)
class CandidateFinder(Extension):
    """Finds the sites worth an image. Its function is a `Find`.

    Parameters
    ----------
    reach
        How many bp on either side of a candidate decide on it. The engine gives reads and reference at least so far,
        so that what is found does not depend on how the genome is cut.
    """

    kind = "candidate finder"
    protocol = Find

    reach: int = field(default=0, kw_only=True)


@dataclass(frozen=True)
class ImageEncoder(Extension):
    """Draws candidates. Its function is an `Encode`.

    Parameters
    ----------
    version
        To be raised whenever a pixel would change: a model is tied to the version it saw.
    reach
        How many bp on either side of a candidate its image depends on, besides half the image's width; as of a finder.
    """

    kind = "image encoder"
    protocol = Encode

    version: int = 1
    reach: int = field(default=0, kw_only=True)


@dataclass(frozen=True)
class FeatureSet(Extension):
    """Measures numbers that accompany each image. Its function is a `Measure`.

    Parameters
    ----------
    columns
        Names of what it measures, in order, or where to import them from.
    version
        To be raised whenever a number would change: a model is tied to the version it saw.
    reach
        How many bp on either side of a candidate its numbers depend on; as of a finder.
    """

    kind = "feature set"
    protocol = Measure

    columns: tuple[str, ...] | str
    version: int = 1
    reach: int = field(default=0, kw_only=True)

    def column_names(self) -> tuple[str, ...]:
        """Return the names of the columns, imported if need be.

        Raises
        ------
        PluginError
            They cannot be imported, or one would not fit into a manifest: known before a network is trained.
        """
        names = import_named(self.columns) if isinstance(self.columns, str) else self.columns
        if not isinstance(names, (tuple, list)) or not names:
            raise PluginError(
                f"{self.kind} '{self.name}': its columns are {in_short(names)}",
                repair="Name what it measures, in a tuple.",
            )
        for index, name in enumerate(names):
            if not isinstance(name, str) or not _NAME.fullmatch(name) or name in names[:index]:
                raise PluginError(
                    f"{self.kind} '{self.name}': feature '{in_short(name)}' cannot be named so",
                    cause="a name is letters, digits, '_' and '-', at most 64, and only one feature has it",
                    repair="Rename it.",
                )
        return tuple(names)


@dataclass(frozen=True)
class Channel(Extension):
    """Draws one channel of a pileup image. Its function is a `Draw`."""

    kind = "channel"
    protocol = Draw


@dataclass(frozen=True)
class Network(Extension):
    """An architecture that can be trained (``dvplug train fit --architecture``). Its function is a `BuildNetwork`.

    Parameters
    ----------
    settings
        Its settings: a class of pydantic's whose fields have defaults, or where to import it from. What they are is
        checked before anything is built, and a manifest has them as ``architecture_settings``.
    """

    kind = "network"
    protocol = BuildNetwork
    offered = ()

    settings: type[BaseModel] | str = NO_SETTINGS


@dataclass(frozen=True)
class Genotyper(Extension):
    """Turns images into genotype probabilities. Its function is an `OpenModel`.

    Parameters
    ----------
    devices
        What it runs on: "cpu", "gpu" or both. ``--device auto`` takes no other.
    files
        Suffix, such as ".onnx", by role: the files that it opens, one of each role. Models that it calls with have
        them; a manifest is checked for that before the first read.
    settings
        What a model's ``genotyper_settings`` can be, as of a network.
    """

    kind = "genotyper"
    protocol = OpenModel
    offered = ()

    devices: tuple[str, ...] = ("cpu", "gpu")
    files: Mapping[str, str] = field(default_factory=dict, hash=False)
    settings: type[BaseModel] | str = NO_SETTINGS

    def __post_init__(self) -> None:
        """Check devices and files, too."""
        super().__post_init__()
        for role, suffix in self.files.items():
            if not _NAME.fullmatch(role) or not _SUFFIX.fullmatch(suffix):
                raise PluginError(
                    f"{self.kind} '{self.name}': the role '{in_short(role)}' of a file '{in_short(suffix)}'",
                    cause="a role is letters, digits, '_' and '-', a suffix a dot, lower-case letters and digits",
                    repair="files={'network': '.onnx'}, for example.",
                )
        if not self.devices or not set(self.devices) <= {"cpu", "gpu"}:
            raise PluginError(
                f"{self.kind} '{self.name}': the devices {in_short(self.devices)}",
                cause="a genotyper runs on cpu, on gpu or on both",
                repair="devices=('cpu',), for example.",
            )


@dataclass(frozen=True)
class PluginSettings:
    """What users can set of a plugin: ``--set plugin.key=value``, by the name of its entry point.

    Parameters
    ----------
    settings
        A class of pydantic's whose fields have defaults, or where to import it from. An instance of it is the
        ``settings`` of every context, scene and pileup that the plugin's functions are given.
    """

    kind: ClassVar[str] = "settings"

    settings: type[BaseModel] | str


def _check_version(item: Extension, version: object) -> None:
    """Raise PluginError where a version is none."""
    if not isinstance(version, int) or version < 1:
        raise PluginError(
            f"{item.kind} '{item.name}': version {in_short(version)}", repair="Give 1, 2 and so on."
        )


def _check_reach(item: Extension, reach: object) -> None:
    """Raise PluginError where a reach is none."""
    if not isinstance(reach, int) or not 0 <= reach <= MOST_REACH:
        raise PluginError(
            f"{item.kind} '{item.name}': a reach of {in_short(reach)}",
            cause="it is a whole number of bp, and reads are decoded so far around every partition",
            repair=f"Give 0 to {MOST_REACH:,}.",
        )


def import_named(place: str) -> Any:
    """Import "package.module:name"; raises PluginError with the reason when that fails."""
    module, colon, name = place.partition(":")
    if not colon or not name or module.startswith("."):
        raise PluginError(
            f"'{place}' does not say where to import from", repair="Write 'package.module:name'."
        )
    try:
        return getattr(importlib.import_module(module), name)
    except (Exception, SystemExit) as error:  # plugin code may fail in any way, and the user can mend it
        raise PluginError(
            f"'{place}' cannot be imported",
            cause=raised(error),
            repair="Update or remove the plugin that names it.",
        ) from error
