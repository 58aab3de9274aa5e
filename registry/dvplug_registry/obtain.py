"""Models on demand: what is here, what registries offer, and the one that a request means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dvplug_registry.cache import ModelCache
from dvplug_registry.errors import ModelError, RegistryError, near_misses
from dvplug_registry.model_folder import ModelFolder
from dvplug_registry.resolve import ModelNotFound, resolve
from dvplug_registry.sources import Source, find_source, sources
from dvplug_registry.transport import Transport, Unreachable
from dvplug_registry.versions import Requirement, Version

if TYPE_CHECKING:  # a run whose model is here, and that knows no registry, needs neither
    from dvplug_registry.catalog import Catalog, Offer
    from dvplug_registry.download import Report

Say = Callable[[str], None]


def obtain(
    request: str,
    roots: Iterable[Path],
    *,
    offline: bool = False,
    say: Say = lambda line: None,
    warn: Say = lambda line: None,
) -> ModelFolder:
    """Return the newest installed model that a request allows; download one only where none does.

    What is installed wins over what registries offer, so that a run does not change because a server did.

    Parameters
    ----------
    roots
        Where plugins keep models; those that were downloaded are looked through too.
    offline
        Ask no server.
    say, warn
        Told what is done, and what is amiss.

    Raises
    ------
    ModelError
        No such model is here or offered, or it is damaged.
    RegistryError
        A registry is not to be trusted, or cannot be reached.
    """
    cache, transport = ModelCache(), Transport()
    exact = Requirement.parse(request).exact is not None
    yanked = yanked_manifests()
    downloaded = [root for root in cache.roots if exact or root.name not in yanked]
    try:
        model = resolve(request, [*roots, *downloaded])
    except ModelNotFound as missing:
        known = sources()
        if offline or not known:
            raise _with_hint(missing, request, known, offline) from None
        source, offer = choose(request, catalogs(known, transport, warn), missing)
        from dvplug_registry.download import download_all

        say(f"Downloading {offer.label} ({offer.size / 1e6:.1f} MB) from the registry {source.name}.")
        download_all([(source, offer)], cache, transport)
        model = resolve(f"{offer.name}@{offer.version}", cache.roots)
    if reason := yanked_manifests().get(model.manifest_sha256):
        warn(f"{model.manifest.label} was yanked: {reason}")
    elif reason := deprecated_manifests().get(model.manifest_sha256):
        warn(f"{model.manifest.label} is deprecated: {reason}")
    return model


def yanked_manifests() -> dict[str, str]:
    """Hashes of the manifests of yanked models, and why, as registries last said."""
    return {offer.manifest_sha256: offer.yanked for offer in _known_offers() if offer.yanked}


def deprecated_manifests() -> dict[str, str]:
    """Hashes of the manifests of deprecated models, and why, as registries last said."""
    return {offer.manifest_sha256: offer.deprecated for offer in _known_offers() if offer.deprecated}


def _known_offers() -> list[Offer]:
    found = sources()
    if not found:
        return []
    from dvplug_registry.catalog import known_catalog

    known = [catalog for source in found if (catalog := known_catalog(source))]
    return [offer for catalog in known for offer in catalog.offers]


def catalogs(
    known: Iterable[Source], transport: Transport, warn: Say, *, offline: bool = False
) -> list[tuple[Source, Catalog]]:
    """Return what each registry offers; one that cannot be reached counts as it was seen last, with a warning.

    Raises
    ------
    RegistryError
        A registry is not to be trusted: that is no reason to go on with less.
    """
    from dvplug_registry.catalog import known_catalog, refresh

    found = []
    for source in known:
        last = known_catalog(source)
        if not offline:
            try:
                last = refresh(source, transport)
            except Unreachable as error:
                warn(f"{error.problem}: {error.cause}. What follows is what it offered last.")
        if last:
            found.append((source, last))
    return found


def choose(
    request: str, offered: list[tuple[Source, Catalog]], missing: Exception | None = None
) -> tuple[Source, Offer]:
    """Return the newest offer that a request allows, of the registry that was added first.

    Raises
    ------
    ModelError
        None does, or two registries offer different models of one name and version.
    """
    found = [(source, offer) for source, catalog in offered for offer in catalog.allowed(request)]
    if not found:
        raise _not_offered(request, offered) from missing
    newest = max(Version.parse(offer.version) for _, offer in found)
    best = [(source, offer) for source, offer in found if Version.parse(offer.version) == newest]
    if len({offer.manifest_sha256 for _, offer in best}) > 1:
        raise ModelError(
            f"two registries offer different models called {best[0][1].label}",
            cause=", ".join(f"{source.name} (sha256 {offer.manifest_sha256[:12]})" for source, offer in best),
            repair="Say which with `dvplug registry download --source NAME`.",
        )
    return best[0]


def download_requested(
    requests: Iterable[str],
    source: str | None,
    cache: ModelCache,
    transport: Transport,
    warn: Say,
    report: Report,
    told: Callable[[list[Offer]], None] = lambda offers: None,
) -> list[Path]:
    """Download the newest offer for each request; raises as `choose` and `download_all` do."""
    known = [find_source(source)] if source else sources()
    if not known:
        raise RegistryError("no registry is known", repair="Add one with `dvplug registry add`.")
    offered = catalogs(known, transport, warn)
    wanted = [choose(request, offered) for request in requests]
    for _, offer in wanted:
        if offer.deprecated and not offer.yanked:
            warn(f"{offer.label} is deprecated: {offer.deprecated}")
    told([offer for _, offer in wanted])
    from dvplug_registry.download import download_all

    return download_all(wanted, cache, transport, report)


def _with_hint(missing: ModelNotFound, request: str, known: list[Source], offline: bool) -> ModelNotFound:
    """Say where a missing model might be had."""
    if not known:
        return missing
    from dvplug_registry.catalog import known_catalog

    seen = [(source, catalog) for source in known if (catalog := known_catalog(source))]
    names = [s.name for s, catalog in seen if catalog.allowed(request)]
    if not offline or not names:
        return missing
    return ModelNotFound(
        missing.problem,
        cause=f"the registry {names[0]} offers one",
        repair="Leave --offline out to download it.",
    )


def _not_offered(request: str, offered: list[tuple[Source, Catalog]]) -> ModelError:
    name = Requirement.parse(request).name
    offers = [offer for _, catalog in offered for offer in catalog.offers]
    versions = [f"{o.version}{' (yanked)' if o.yanked else ''}" for o in offers if o.name == name]
    if versions:
        return ModelError(
            f"no model does for '{request}'",
            cause=f"offered versions of {name}: {', '.join(versions)}",
            repair="Ask for one of them; a yanked one only comes if named in full.",
        )
    return ModelError(
        f"no registry offers a model called '{name}'",
        repair=near_misses(name, {offer.name for offer in offers}),
    )
