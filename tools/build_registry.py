"""Build the registry of the shipped models: a signed folder of static files, for any web server.

    python tools/build_registry.py --out build/registry --keys ../registry-keys

takes the models of plugins/, those of the separate distributions there, too, with their cards in model_cards/, or with
the README of the distribution. Run again on the same folder, it adds what is new, keeps all older versions, and signs
for another 30 days. The keys are made at the first run: never put them into this repository, nor on the server.
"""

from __future__ import annotations

from pathlib import Path

from cyclopts import App

from dvplug.errors import InputError
from dvplug.plugins.loading import installed_plugins
from dvplug_lab.places import REPOSITORY
from dvplug_lab.registry_building import build_registry, trust_from_the_start
from dvplug_lab.script import run

app = App(help=__doc__, help_format="plaintext")


@app.default
def main(*, out: Path, keys: Path, trust: str | None = None) -> None:
    """Build or renew it.

    Parameters
    ----------
    out
        The registry's folder.
    keys
        Folder of its private keys.
    trust
        A name: the root of trust, public keys, goes into the package, so that whoever installs the next wheel can
        `dvplug registry add` the registry by this name and its address alone.
    """
    if keys.resolve().is_relative_to(REPOSITORY):
        raise InputError(
            f"--keys {keys} lies in this repository",
            cause="a private key that is committed once is public",
            repair="Name a folder outside of it.",
        )
    plugins = REPOSITORY / "plugins"
    roots = sorted([*plugins.glob("*/models"), *plugins.glob("*/*/models")])
    new = build_registry(installed_plugins(), roots, REPOSITORY / "model_cards", out, keys)
    print(f"{out}: {', '.join(new) or 'nothing'} new")
    if trust:
        print(f"{trust_from_the_start(trust, out)}: commit it")


if __name__ == "__main__":
    run(app)
