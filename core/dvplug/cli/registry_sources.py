"""`dvplug registry add`, `sources`, `mirror`, `export` and so on: which registries are trusted, and copies of them."""

from __future__ import annotations

import json
from pathlib import Path

from rich.markup import escape

from dvplug.cli.download_bars import download_bars
from dvplug.cli.parameters import AS_LISTED, Json, require_named
from dvplug.errors import RegistryError
from dvplug.system.console import info, warn
from dvplug.system.outputs import Output, locked, made_folder, reserved, told
from dvplug.system.rich_console import stdout
from dvplug_registry.bundle import export_bundle, import_bundle
from dvplug_registry.bundle import mirror as make_mirror
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import known_catalog, refresh
from dvplug_registry.obtain import choose
from dvplug_registry.safe_text import masked_url
from dvplug_registry.sources import Source, add_source, find_source, sources
from dvplug_registry.sources import remove_source as forget
from dvplug_registry.transport import Transport, Unreachable


def add(name: str, url: str, *, root: Path | None = None) -> None:
    """Trust a registry.

    Parameters
    ----------
    name
        What to call it here.
    url
        Its address: https://, file://, or http:// on this machine.
    root
        Its root.json, got from its owner over a channel that you trust: all else it offers is verified by that. Not
        needed for a registry whose root came with dvplug, under its name.
    """
    source = add_source(name, url, root)
    try:
        offers = refresh(source, Transport()).offers
    except Unreachable as error:
        warn(f"{name} is added, but cannot be reached: {error.cause or error.problem}.")
        return
    except RegistryError:
        forget(name)
        raise
    info(f"{name} offers {len(offers)} model{'s' * (len(offers) != 1)}.")


def remove_source(name: str) -> None:
    """Trust a registry no longer; models that came from it stay.

    Parameters
    ----------
    name
        As `dvplug registry sources` shows it.
    """
    forget(name)
    info(f"{name} is no longer trusted; models that came from it stay.")


def list_sources(*, as_json: Json = False) -> None:
    """List the registries that are trusted. A password in an address is not shown.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    from rich.table import Table

    rows = []
    for source in sources():
        last = known_catalog(source)
        offers, expires = (len(last.offers), last.expires.isoformat()) if last else (None, None)
        rows.append(
            {"name": source.name, "url": masked_url(source.url), "models": offers, "expires": expires}
        )
    if as_json:
        stdout.out(json.dumps(rows, indent=2))
        return
    if not rows:
        info("No registry is trusted. Add one with `dvplug registry add`.")
        return
    table = Table("registry", "models", "signed until", "address", box=None, pad_edge=False)
    for row in rows:
        table.add_row(
            *(escape(str("-" if row[k] is None else row[k])) for k in ("name", "models", "expires", "url"))
        )
    stdout.print(table)


def mirror(name: str, folder: Path) -> None:
    """Copy a whole registry into a folder, which any web server can show; run it again to renew the copy.

    Parameters
    ----------
    name
        A trusted registry.
    folder
        Where the copy is, or shall be.
    """
    with made_folder(folder, "--folder"), locked(folder / "mirror"), told(f"--folder {folder}"):
        source, transport = find_source(name), Transport()
        offers = refresh(source, transport).offers
        with download_bars() as bars:
            new = make_mirror(source, offers, folder, transport, bars.report)
    info(f"{folder}: {len(offers)} models, {new} of them new.")


def export_models(*models: str, out: Path, source: str | None = None) -> None:
    """Pack models of a registry, with what proves them, into one file.

    Parameters
    ----------
    models
        Such as illumina-wgs or illumina-wgs@1.0.0.
    out
        The file to write.
    source
        The registry; not needed where only one is trusted.
    """
    require_named(models, "model", AS_LISTED)
    with reserved([Output("--out", out)]), told(f"--out {out}"):
        chosen, transport = _only(source), Transport()
        offered = [(chosen, refresh(chosen, transport))]
        offers = [choose(request, offered)[1] for request in models]
        with download_bars() as bars:
            bars.begin(offers)
            export_bundle(chosen, offers, out, transport, bars.report)
    info(f"{out}: {', '.join(offer.label for offer in offers)}, for `dvplug registry import`.")


def import_models(bundle: Path, *, source: str | None = None) -> None:
    """Install the models of a file that `dvplug registry export` made, verified as if they came from the registry.

    Parameters
    ----------
    bundle
        The file.
    source
        The registry that it is from, which must be trusted here (`dvplug registry add` needs no network).
    """
    with download_bars() as bars:
        _, folders = import_bundle(_only(source), bundle, ModelCache(), bars.report)
    for folder in folders:
        stdout.out(str(folder))


def _only(name: str | None) -> Source:
    """Return the registry of this name, or the only one."""
    if name:
        return find_source(name)
    known = sources()
    if len(known) != 1:
        raise RegistryError(
            f"{len(known)} registries are trusted" if known else "No registry is trusted",
            repair="Say which with --source NAME." if known else "Add one with `dvplug registry add`.",
        )
    return known[0]
