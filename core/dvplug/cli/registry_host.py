"""`dvplug registry init`, `publish`, `yank` and so on: for the one who hosts a registry."""

from __future__ import annotations

from pathlib import Path

from dvplug.cli.parameters import require_named
from dvplug.engine.known_answers import verify_model
from dvplug.models import load_model
from dvplug.plugins.loading import installed_plugins
from dvplug.system.console import info
from dvplug.system.outputs import told
from dvplug_registry.model_folder import read_card
from dvplug_registry.publish import Registry


def init(folder: Path, *, keys: Path) -> None:
    """Make an empty registry and its keys.

    Parameters
    ----------
    folder
        What a web server shall show: static files, nothing else.
    keys
        Where the private keys go. Whoever has them can publish in your name: keep them off the server.
    """
    with told(f"A registry in {folder} with keys in {keys}"):
        Registry.init(folder, keys)
    info(
        f"{folder}: an empty registry. Give its users {folder / 'metadata' / '1.root.json'} by a way they trust."
    )


def publish(*models: Path, registry: Path, keys: Path, card: Path | None = None) -> None:
    """Add trained models to a registry: each is verified, and its known-answer test run, before it is signed.

    Parameters
    ----------
    models
        Model folders, as `dvplug train export` writes them.
    registry
        The registry's folder.
    keys
        The folder of its private keys.
    card
        Model card (Markdown), where the model has none of its own.
    """
    require_named(models, "model", "Name one or more folders, as `dvplug train export` writes them.")
    plugins, host = installed_plugins(), Registry(registry, keys)
    text = read_card(card) if card else ""
    for folder in models:
        model = load_model(plugins, f"{folder}/")
        verify_model(plugins, model)
        with told(f"The registry in {registry}"):
            offer = host.publish(model, text)
        info(f"{offer.label}: published, {offer.size / 1e6:.1f} MB.")


def yank(model: str, *, reason: str, registry: Path, keys: Path) -> None:
    """Withdraw a published model: it is no longer chosen, but who names its full version still gets it, with a warning.

    Parameters
    ----------
    model
        name@1.2.3
    reason
        What users are told. An empty one takes the withdrawal back.
    registry, keys
        As in `publish`.
    """
    with told(f"The registry in {registry}"):
        offer = Registry(registry, keys).mark(model, yanked=reason or None)
    info(f"{offer.label}: {'yanked' if offer.yanked else 'no longer yanked'}.")


def deprecate(model: str, *, reason: str, registry: Path, keys: Path) -> None:
    """Say that there is something better than a published model.

    Parameters
    ----------
    model
        name@1.2.3
    reason
        What users are told. An empty one takes it back.
    registry, keys
        As in `publish`.
    """
    with told(f"The registry in {registry}"):
        offer = Registry(registry, keys).mark(model, deprecated=reason or None)
    info(f"{offer.label}: {'deprecated' if offer.deprecated else 'no longer deprecated'}.")


def refresh(*, registry: Path, keys: Path) -> None:
    """Sign a registry anew before it expires: once a week is well in time.

    Parameters
    ----------
    registry, keys
        As in `publish`.
    """
    with told(f"The registry in {registry}"):
        until = Registry(registry, keys).refresh()
    info(f"{registry}: signed until {until:%Y-%m-%d}.")


def rotate_key(role: str, *, registry: Path, keys: Path) -> None:
    """Give a role a new key; clients follow by themselves.

    Parameters
    ----------
    role
        root, targets, snapshot or timestamp.
    registry, keys
        As in `publish`.
    """
    with told(f"The registry in {registry}, or its keys in {keys},"):
        Registry(registry, keys).rotate_key(role)
    info(
        f"{role} has a new key; the old one is {keys / f'{role}.old.pem'}: destroy it when clients have followed."
    )
