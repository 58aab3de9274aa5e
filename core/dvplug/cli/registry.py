"""`dvplug registry`: which models are here, what they are, and whether they are whole."""

from __future__ import annotations

import json
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.markup import escape

from dvplug.console import info, stdout, warn
from dvplug.errors import ModelError
from dvplug.models import find_model, load_model, verify_model
from dvplug.plugins import Plugins, installed_plugins
from dvplug_registry.manifest import Manifest
from dvplug_registry.model_folder import ModelFolder, verify_files
from dvplug_registry.resolve import find_models

app = App(name="registry", help="List, show and verify models.")
Json = Annotated[bool, Parameter("--json", negative="")]


@app.command(name="list")
def list_models(*, as_json: Json = False) -> None:
    """List the models that the installed plugins ship, newest version first.

    Parameters
    ----------
    as_json
        Print JSON instead of a table.
    """
    from rich.table import Table

    models = readable_models(installed_plugins())
    if as_json:
        stdout.out(json.dumps([_facts(model) for model in models], indent=2))
        return
    if not models:
        info("No model is installed.")
        return
    table = Table("model", "technology", "SNP F1", "indel F1", "MB", "description", box=None, pad_edge=False)
    for model in models:
        manifest = model.manifest
        size = sum(entry.size for entry in manifest.files.values()) / 1e6
        f1 = [_first_f1(manifest, kind) for kind in ("SNP", "INDEL")]
        table.add_row(manifest.label, manifest.technology, *f1, f"{size:.1f}", escape(manifest.description))
    stdout.print(table)


@app.command
def show(name: str, *, as_json: Json = False) -> None:
    """Show the manifest of a model.

    Parameters
    ----------
    name
        A model, such as illumina-wgs, illumina-wgs@1 or illumina-wgs@1.0.0, or the path of a model folder.
    as_json
        Print JSON instead of text.
    """
    facts = _facts(find_model(installed_plugins(), name))
    if as_json:
        stdout.out(json.dumps(facts, indent=2))
        return
    for key, value in facts.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = "".join(f"\n  {_line(row)}" for row in value)
        elif isinstance(value, dict) and key == "files":
            value = "".join(f"\n  {file}: {_line(row)}" for file, row in value.items())
        elif isinstance(value, dict):
            value = _line(value)
        stdout.print(f"[bold]{key}[/]: {escape(str(value))}")


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
        "tolerance": model.manifest.litert.tolerance,
    }
    for file in unlisted:
        warn(f"{escape(file)} is not in the manifest; nothing uses it.")
    if as_json:
        stdout.out(json.dumps(result, indent=2))
        return
    stdout.print(
        f"{result['model']}: {result['files']} files have their sha256; known answers differ by at most "
        f"{difference:.2g} (allowed {result['tolerance']:.2g})."
    )


def readable_models(plugins: Plugins) -> list[ModelFolder]:
    """Open every model that a plugin ships; one that cannot be opened becomes a warning."""
    models = []
    for place in find_models(plugins.model_roots):
        try:
            models.append(place.open())
        except ModelError as error:
            warn(escape(str(error)))
    return models


def _facts(model: ModelFolder) -> dict[str, Any]:
    facts = model.manifest.model_dump(mode="json")
    return {**facts, "manifest_sha256": model.manifest_sha256, "folder": str(model.folder)}


def _first_f1(manifest: Manifest, kind: str) -> str:
    return next((f"{metric.f1:.4f}" for metric in manifest.metrics if metric.type == kind), "")


def _line(fields: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in fields.items())
