"""`dvplug registry`: which models are here or can be had, what they are, and whether they are whole."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cyclopts import App
from rich.markup import escape

from dvplug.cli.download_bars import download_bars
from dvplug.cli.facts import fact_lines
from dvplug.cli.parameters import AS_LISTED, Json, require_named
from dvplug.engine.known_answers import verify_model
from dvplug.errors import ModelError, PluginError, near_misses
from dvplug.models import find_model, load_model
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.system.console import info, warn
from dvplug.system.rich_console import stdout
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import Catalog, Offer, status
from dvplug_registry.download import read_card
from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import ModelFolder, verify_files
from dvplug_registry.model_folder import read_card as model_card
from dvplug_registry.obtain import catalogs, choose, download_requested
from dvplug_registry.resolve import ModelNotFound, find_models
from dvplug_registry.safe_text import visible
from dvplug_registry.sources import Source, find_source, sources
from dvplug_registry.transport import Transport
from dvplug_registry.versions import Version

app = App(name="registry", help="List, download, verify and publish models.")


HOSTING = {
    "init": "Make an empty registry and its keys.",
    "publish": "Add trained models to a registry.",
    "yank": "Withdraw a published model: it is no longer chosen.",
    "deprecate": "Say that there is something better than a published model.",
    "refresh": "Sign a registry anew before it expires.",
    "rotate-key": "Give a role of a registry a new key.",
}
SOURCES = {
    "add": "Trust a registry.",
    "remove-source": "Trust a registry no longer.",
    "sources": "List the registries that are trusted.",
    "mirror": "Copy a whole registry into a folder.",
    "export": "Pack models into one file, for machines without a network.",
    "import": "Install the models of such a file.",
}
VERSIONS = {
    "update": "Download newer versions of installed models.",
    "diff": "Say how two models differ.",
}
for module, commands in (
    ("registry_host", HOSTING),
    ("registry_sources", SOURCES),
    ("registry_versions", VERSIONS),
):
    for name, summary in commands.items():
        function = {"import": "import_models", "export": "export_models", "sources": "list_sources"}.get(
            name, name
        )
        app.command(f"dvplug.cli.{module}:{function.replace('-', '_')}", name=name, help=summary)


@app.command(name="list")
def list_models(
    *,
    source: str | None = None,
    technology: str | None = None,
    offline: bool = False,
    as_json: Json = False,
) -> None:
    """List the models that are installed and those that the registries offer, newest version first.

    Parameters
    ----------
    technology
        Models for this technology alone: its name or alias.
    source
        Ask this registry alone.
    offline
        Ask no server: what registries offered when they were last asked.
    as_json
        Print JSON instead of a table.
    """
    plugins = installed_plugins()
    installed = readable_models(plugins)
    known = [find_source(source)] if source else sources()
    rows = _rows(installed, catalogs(known, Transport(), warn, offline=offline))
    if technology is not None:
        rows = _of_technology(rows, technology, plugins)
    if as_json:
        stdout.out(json.dumps(rows, indent=2))
        return
    if not rows:
        info("No model is installed, and no registry offers one.")
        return
    print_table(rows, stdout.width)


def _of_technology(rows: list[dict[str, Any]], name: str, plugins: Plugins) -> list[dict[str, Any]]:
    """Rows of models that a technology can call with; raises PluginError where no model and no plugin knows it."""
    known = {row["technology"] for row in rows}
    if name in plugins.names("technology"):
        profile = plugins.technology(name)
        names = {profile.name, profile.model_technology or profile.name}
    elif name in known:  # of a model whose plugin is not here
        names = {name}
    else:
        raise PluginError(
            f"no plugin and no model is for the technology '{name}'",
            repair=near_misses(name, {*known, *plugins.names("technology")}),
        )
    return [row for row in rows if row["technology"] in names]


_RIGHT = ("SNP F1", "n", "indel F1", "n ", "MB")
_GAP, _LEAST = 2, 8
"""Characters between columns; and of one that is cut."""


def print_table(rows: list[dict[str, Any]], width: int) -> None:
    """Print models, one a line: what one types, and F1 with what it was measured on, are never cut; the rest may be.

    Parameters
    ----------
    width
        Characters that there are.
    """
    figures = [_measured(row["metrics"]) for row in rows]
    whole = {"model": [f"{row['name']}@{row['version']}" for row in rows]}
    for i, name in enumerate(("SNP F1", "n", "indel F1", "n ", "measured on")):
        whole[name] = [visible(of_row[i]) for of_row in figures]
    more = {
        "status": [visible(row["status"] + (f": {row['reason']}" if row["reason"] else "")) for row in rows],
        "installed": [row["installed"] or "-" for row in rows],
        "registry": [row["registry"] or "-" for row in rows],
        "technology": [row["technology"] for row in rows],
        "MB": [f"{row['bytes'] / 1e6:.1f}" for row in rows],
        "description": [visible(row["description"]) for row in rows],
    }
    if any(row["status"] != "ok" for row in rows):
        whole["status"] = [row["status"] for row in rows]
    columns = {name: (cells, _longest(name, cells)) for name, cells in whole.items()}
    left = width - sum(longest + _GAP for _, longest in columns.values())
    for name, cells in more.items():
        room = min(left, _longest(name, cells))
        if room >= min(_LEAST, _longest(name, cells)):
            columns[name] = cells, room
            left -= room + _GAP
    lines = [
        [name.rstrip() for name in columns],
        *zip(*(cells for cells, _ in columns.values()), strict=True),
    ]
    for number, line in enumerate(lines):
        cells = [
            cell.rjust(room) if name in _RIGHT else _cut(cell, room).ljust(room)
            for (name, (_, room)), cell in zip(columns.items(), line, strict=True)
        ]
        text = (" " * _GAP).join(cells).rstrip()
        stdout.print(text, markup=False, style=None if number else "bold")


def _cut(cell: str, room: int) -> str:
    return cell if len(cell) <= room else f"{cell[: room - 1]}…"


def _longest(name: str, cells: Iterable[str]) -> int:
    return max(len(name), *map(len, cells))


def _rows(installed: list[ModelFolder], offered: list[tuple[Source, Catalog]]) -> list[dict[str, Any]]:
    """One row per model and place that it can be had from; a model that is here and offered is one row."""
    downloaded = ModelCache().models
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for model in installed:
        manifest = model.manifest
        rows[manifest.name, manifest.version, model.manifest_sha256] = {
            **_described(manifest),
            "bytes": sum(entry.size for entry in manifest.files.values()),
            "installed": "downloaded" if model.folder.is_relative_to(downloaded) else "plugin",
            "registry": None,
            "status": "ok",
            "reason": "",
        }
    for source, catalog in offered:
        for offer in catalog.offers:
            key = offer.name, offer.version, offer.manifest_sha256
            row = rows.setdefault(
                key, {**_described(offer), "bytes": offer.size, "installed": None, "registry": None}
            )
            row |= {
                "registry": ", ".join(part for part in (row["registry"], source.name) if part),
                "status": status(offer),
                "reason": offer.yanked or offer.deprecated or "",
            }
    ordered = sorted(rows, key=lambda key: Version.parse(key[1]), reverse=True)
    return [rows[key] for key in sorted(ordered, key=lambda key: key[0])]


def _described(model: Manifest | Offer) -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "technology": model.technology,
        "description": model.description,
        "metrics": [metric.model_dump() for metric in model.metrics],
    }


@app.command
def download(*models: str, source: str | None = None, as_json: Json = False) -> None:
    """Download models; what was fetched before an interruption is not fetched again.

    Parameters
    ----------
    models
        Such as illumina-wgs, illumina-wgs@1 or illumina-wgs@1.0.0: the newest that it allows.
    source
        From this registry alone.
    as_json
        Print JSON instead of text.
    """
    require_named(models, "model", AS_LISTED)
    with download_bars() as bars:
        folders = download_requested(
            models,
            source,
            ModelCache(),
            Transport(),
            warn,
            bars.report,
            bars.begin,
        )
    if as_json:
        stdout.out(json.dumps([str(folder) for folder in folders], indent=2))
    for folder in folders if not as_json else ():
        stdout.out(str(folder))


@app.command
def remove(*models: str) -> None:
    """Delete downloaded models; those of plugins go with the plugin.

    Parameters
    ----------
    models
        Such as illumina-wgs@1.0.0; illumina-wgs@1 deletes every version that it allows.
    """
    require_named(models, "model", AS_LISTED)
    for request in models:
        for place in ModelCache().remove(request):
            info(f"Removed {place.name}@{place.version}.")


@app.command
def show(name: str, *, card: bool = False, as_json: Json = False) -> None:
    """Show the manifest of an installed model, or what a registry says of one that is not; and its card.

    Parameters
    ----------
    name
        A model, such as illumina-wgs, illumina-wgs@1 or illumina-wgs@1.0.0, or the path of a model folder.
    card
        Print the model card alone: the model's own, or the one that a registry has.
    as_json
        Print JSON instead of text.
    """
    facts, page = _facts_and_card(name, card)
    if card:
        stdout.out(page)
        return
    if as_json:
        stdout.out(json.dumps(facts, indent=2))
        return
    for label, text in fact_lines(facts):
        stdout.print(f"[bold]{escape(visible(label))}[/]: {escape(visible(text))}".rstrip())
    if page:
        stdout.out(f"\n{page}")


def _facts_and_card(name: str, card: bool) -> tuple[dict[str, Any], str]:
    """Describe a model; with the text of its card, for which registries are asked where it is wanted, or nothing."""
    transport, missing = Transport(), None
    facts: dict[str, Any] = {}
    try:
        model = find_model(installed_plugins(), name)
    except ModelNotFound as error:
        if not sources():
            raise
        missing = error
    else:
        facts = _facts(model)
        if any(entry.role == "card" for entry in model.manifest.files.values()):
            return facts, visible(model_card(model.path("card")), keep="\n\t")
        if not card:
            return facts, ""
        name = model.manifest.label
    source, offer = choose(name, catalogs(sources(), transport, warn), missing)
    facts = facts or {**offer.model_dump(mode="json"), "registry": source.name}
    return facts, visible(read_card(source, offer, transport).decode(errors="replace"), keep="\n\t")


@app.command
def verify(name: str, *, as_json: Json = False) -> None:
    """Verify a model: the hash of every file, then its known-answer test. Exits 2 when it is damaged.

    Parameters
    ----------
    name
        A model, such as illumina-wgs@1.0.0, or the path of a model folder.
    as_json
        Print JSON instead of text.
    """
    plugins = installed_plugins()
    model = load_model(plugins, name)
    unlisted = verify_files(model.folder, model.manifest)
    difference = verify_model(plugins, model)
    result = {
        "model": model.manifest.label,
        "manifest_sha256": model.manifest_sha256,
        "files": len(model.manifest.files),
        "unlisted_files": list(unlisted),
        "difference": difference,
        "tolerance": model.manifest.tolerance,
    }
    for file in unlisted:
        warn(f"{visible(file)} is not in the manifest; nothing uses it.")
    if as_json:
        stdout.out(json.dumps(result, indent=2))
        return
    stdout.print(
        f"{result['model']}: {result['files']} files have their sha256; known answers differ by at most "
        f"{difference:.2g} (allowed {result['tolerance']:.2g})."
    )


def readable_models(plugins: Plugins) -> list[ModelFolder]:
    """Open every model that is installed; one that cannot be opened becomes a warning."""
    models = []
    for place in find_models([*plugins.model_roots, *ModelCache().roots]):
        try:
            models.append(place.open())
        except ModelError as error:
            warn(str(error))
    return models


def _facts(model: ModelFolder) -> dict[str, Any]:
    facts = model.manifest.model_dump(mode="json")
    return {**facts, "manifest_sha256": model.manifest_sha256, "folder": str(model.folder)}


def _measured(metrics: list[dict[str, Any]]) -> list[str]:
    """F1 and number of true variants, of SNPs and of indels, on the first set; and the set's name."""
    name = metrics[0]["set"] if metrics else ""
    cells: list[str] = []
    for kind in ("SNP", "INDEL"):
        found = next((m for m in metrics if (m["set"], m["type"]) == (name, kind)), None)
        cells += [f"{found['f1']:.4f}", f"{found['tp'] + found['fn']:,}"] if found else ["", ""]
    return [*cells, name]
