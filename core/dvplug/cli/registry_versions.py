"""`dvplug registry update` and `diff`: what is newer, and how two versions differ."""

from __future__ import annotations

import json
from typing import Annotated, Any

from cyclopts import Parameter
from rich.markup import escape

from dvplug.cli.download_bars import download_bars
from dvplug.cli.parameters import Json
from dvplug.errors import RegistryError, in_short
from dvplug.models import find_model
from dvplug.plugins.loading import installed_plugins
from dvplug.system.console import info, warn
from dvplug.system.rich_console import stdout
from dvplug_registry.cache import ModelCache
from dvplug_registry.differences import Difference, differences
from dvplug_registry.download import download_all, read_manifest
from dvplug_registry.example_sources import sources_in_words
from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import parse_manifest
from dvplug_registry.obtain import catalogs, choose
from dvplug_registry.resolve import ModelNotFound, find_models
from dvplug_registry.safe_text import visible
from dvplug_registry.sources import find_source, sources
from dvplug_registry.transport import Transport
from dvplug_registry.updates import Newest, newest_of


def update(
    *models: str,
    source: str | None = None,
    dry_run: Annotated[bool, Parameter(negative="")] = False,
    as_json: Json = False,
) -> None:
    """Download newer versions of installed models, each within its major version.

    Parameters
    ----------
    models
        Such as illumina-wgs, or illumina-wgs@2 to go to another major version; all that are installed by default.
    source
        Ask this registry alone.
    dry_run
        Say what is newer, and download nothing.
    as_json
        Print JSON instead of text.
    """
    known = [find_source(source)] if source else sources()
    if not known:
        raise RegistryError("no registry is known", repair="Add one with `dvplug registry add`.")
    cache, transport = ModelCache(), Transport()
    offered = catalogs(known, transport, warn)
    found = newest_of(models, find_models([*installed_plugins().model_roots, *cache.roots]), offered)
    newer = [one.newer for one in found if one.newer]
    for _, offer in newer:
        if offer.deprecated:
            warn(f"{offer.label} is deprecated: {offer.deprecated}")
    if newer and not dry_run:
        with download_bars() as bars:
            bars.begin([offer for _, offer in newer])
            download_all(newer, cache, transport, bars.report)
    if as_json:
        stdout.out(json.dumps([_row(one) for one in found], indent=2))
        return
    for one in found:
        stdout.print(_line(one, dry_run), markup=False)
    if newer and not dry_run:
        info("Calls that ask for no full version take the newest from now on.")


def _row(one: Newest) -> dict[str, Any]:
    return {
        "name": one.name,
        "installed": str(one.here),
        "newer": one.newer[1].version if one.newer else None,
        "registry": one.newer[0].name if one.newer else None,
        "beyond": one.beyond.version if one.beyond else None,
    }


def _line(one: Newest, dry_run: bool) -> str:
    text = f"{one.name}@{one.here}: nothing newer"
    if one.newer:
        source, offer = one.newer
        done = "is newer" if dry_run else "downloaded"
        text = f"{one.name}@{one.here}: {offer.version} {done}, {offer.size / 1e6:.1f} MB from {source.name}"
    if one.beyond:
        major = one.beyond.version.partition(".")[0]
        text += (
            f"; {one.beyond.version} has another major version: `dvplug registry update {one.name}@{major}`"
        )
    return text


def diff(first: str, second: str, *, as_json: Json = False) -> None:
    """Say how two models differ: thresholds, channels, features, figures, what they were trained on, sizes.

    Parameters
    ----------
    first, second
        Models, such as illumina-wgs@1.0.0, or paths of model folders. Of one that is not installed its registry is
        asked; nothing is installed.
    as_json
        Print JSON instead of a table.
    """
    one, other = _manifest(first), _manifest(second)
    found = differences(one, other)
    if as_json:
        changes = [each._asdict() for each in found]
        stdout.out(json.dumps({"first": one.label, "second": other.label, "differences": changes}, indent=2))
        return
    if not found:
        info(f"{one.label} and {other.label} do not differ.")
        return
    _print_table(one.label, other.label, found)


def _manifest(request: str) -> Manifest:
    """The manifest of a model that is here, or that a registry offers; raises DvplugError."""
    try:
        return find_model(installed_plugins(), request).manifest
    except ModelNotFound as missing:
        if not sources():
            raise
        transport = Transport()
        source, offer = choose(request, catalogs(sources(), transport, warn), missing)
        address = source.address("targets", offer.manifest_file)
        return parse_manifest(read_manifest(source, offer, transport), address)


def _print_table(first: str, second: str, found: list[Difference]) -> None:
    from rich.table import Table

    table = Table("", escape(first), escape(second), box=None, pad_edge=False)
    for column in table.columns:
        column.overflow = "fold"
    for each in found:
        table.add_row(
            *(escape(visible(text)) for text in (each.field, _text(each.first), _text(each.second)))
        )
    stdout.print(table)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    if isinstance(value, str):
        return sources_in_words(value)  # which leaves other texts as they are
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else in_short(value)
