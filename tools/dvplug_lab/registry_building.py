"""A registry of the shipped models: each that is in no registry yet is published with its card."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from dvplug.engine.known_answers import verify_model
from dvplug.errors import RegistryError
from dvplug.models import load_model
from dvplug.plugins.loading import Plugins
from dvplug_registry.model_folder import open_folder, read_card
from dvplug_registry.publish import Registry
from dvplug_registry.resolve import find_models
from dvplug_registry.sources import SHIPPED


def build_registry(plugins: Plugins, roots: Iterable[Path], cards: Path, out: Path, keys: Path) -> list[str]:
    """Make or renew a registry; what is published in it already stays as it is.

    Parameters
    ----------
    roots
        Folders of model folders.
    cards
        Folder of model cards, called name-version.md; a model of a distribution below plugins/ that has none there has
        that one's README.
    out, keys
        As of `Registry`; both are made where ``out`` is not there.

    Returns
    -------
    list of str
        What was published now, as name@version.

    Raises
    ------
    RegistryError
        A model is not the one that was published under its version; or as `Registry` and `Registry.publish` say.
    ModelError
        A model is damaged, or does not give its known answers.
    """
    host = Registry(out, keys) if out.exists() and any(out.iterdir()) else Registry.init(out, keys)
    published, new = host.offers(), []
    for place in sorted(find_models(roots), key=lambda one: (one.name, one.version)):
        label = f"{place.name}@{place.version}"
        known, found = published.get(label), open_folder(place.folder)
        if known and known.manifest_sha256 != found.manifest_sha256:
            raise RegistryError(
                f"'{place.folder}' is another model than the {label} that is published in '{out}'",
                cause=f"manifest sha256 {found.manifest_sha256[:12]}, and {known.manifest_sha256[:12]} there",
                repair="A published version never changes: give the model a new version.",
            )
        if known:
            continue
        model = load_model(plugins, f"{place.folder}/")
        verify_model(plugins, model)
        card = _card_of(place.folder, cards)
        host.publish(model, read_card(card) if card else "")
        new.append(label)
    host.refresh()
    return new


def _card_of(model: Path, cards: Path) -> Path | None:
    """The model's card, or the README of the distribution that it lies in."""
    card = cards / f"{model.name}.md"
    if card.exists():
        return card
    project = next((one for one in model.parents if (one / "pyproject.toml").exists()), None)
    readme = project / "README.md" if project and project.parent.name == "plugins" else None
    return readme if readme and readme.exists() else None


def trust_from_the_start(name: str, registry: Path, folder: Path = SHIPPED) -> Path:
    """Put the root of trust of a registry where wheels are built with it; returns the file. Public keys, nothing else.

    The first root is taken: clients follow from it to the newest by themselves.
    """
    root = json.loads((registry / "metadata" / "1.root.json").read_text(encoding="utf-8"))
    folder.mkdir(exist_ok=True)
    place = folder / f"{name}.json"
    place.write_text(json.dumps({"root": root}, indent=1) + "\n", encoding="utf-8")
    return place
