"""Is this installation whole: plugins, models, registries, the folder for downloads, htslib, this machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Literal

from dvplug.engine.known_answers import verify_model
from dvplug.errors import DvplugError, InputError
from dvplug.genotypes.backends import ONNX_RUNTIME, choose_backend, gpu_names
from dvplug.kernel.cache import cache_folder, is_warm
from dvplug.models import load_model
from dvplug.plugins.loading import Plugins
from dvplug_registry.cache import ModelCache
from dvplug_registry.catalog import known_catalog
from dvplug_registry.obtain import yanked_manifests
from dvplug_registry.resolve import ModelPlace, find_models
from dvplug_registry.safe_text import masked_url
from dvplug_registry.sources import home, sources

# What a CRAM may be compressed with; htslib can be built without.
_CODECS = {"HAVE_LIBBZ2": "bzip2", "HAVE_LIBLZMA": "lzma"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    status: Literal["ok", "note", "problem"]
    text: str
    repair: str = ""


def examine(plugins: Plugins) -> Iterator[Finding]:
    """Look at everything; what is wrong is a finding, not an error."""
    yield from _plugins(plugins)
    yield from _models(plugins)
    yield from _registries()
    yield _downloads()
    yield _kernels()
    yield _htslib()
    yield _machine()
    yield _gpu()


def _plugins(plugins: Plugins) -> Iterator[Finding]:
    for plugin in plugins.plugins:
        status: Literal["ok", "note", "problem"] = {"ok": "ok", "off": "note"}.get(plugin.status, "problem")  # type: ignore[assignment]
        text = plugin.reason or ("not in DVPLUG_PLUGINS" if plugin.status == "off" else plugin.version)
        repair = f"`dvplug plugins show {plugin.name}`" if status == "problem" else ""
        yield Finding(f"plugin {plugin.name} ({plugin.distribution})", status, text, repair)


def _models(plugins: Plugins) -> Iterator[Finding]:
    try:
        yanked = yanked_manifests()
    except DvplugError:  # a finding of `_registries`
        yanked = {}
    for place in find_models([*plugins.model_roots, *ModelCache().roots]):
        finding = _model(plugins, place)
        reason = yanked.get(place.folder.parent.name)  # downloaded ones lie under the hash of their manifest
        if finding.status == "ok" and reason:
            repair = f"`dvplug registry remove {place.name}@{place.version}`"
            finding = Finding(finding.what, "note", f"yanked: {reason}", repair)
        yield finding


def _model(plugins: Plugins, place: ModelPlace) -> Finding:
    what = f"model {place.name}@{place.version}"
    try:
        place.open()  # is it the model that its folder's name says?
        model = load_model(plugins, f"{place.folder}/")
        difference = verify_model(plugins, model)
    except DvplugError as error:
        text = ": ".join(p for p in (error.problem, error.cause) if p)
        return Finding(what, "problem", text + _shipped_by(plugins, place), error.repair)
    return Finding(
        what, "ok", f"{len(model.manifest.files)} files whole, known answers within {difference:.2g}"
    )


def _shipped_by(plugins: Plugins, place: ModelPlace) -> str:
    """Say which plugin a model came with, if one."""
    label = f"model {place.name}@{place.version}"
    whose = [plugin.origin for plugin in plugins.plugins if label in plugin.provides]
    return (
        f" (it came with {' and '.join(whose)})"
        if whose and place.folder.parent in plugins.model_roots
        else ""
    )


def _registries() -> Iterator[Finding]:
    try:
        known = sources()
        for source in known:
            catalog = known_catalog(source)
            if catalog is None:
                yield Finding(f"registry {source.name}", "note", "never reached", "`dvplug registry list`")
            elif catalog.expires < datetime.now(timezone.utc):
                text = f"what was seen last was signed until {catalog.expires:%Y-%m-%d}"
                yield Finding(
                    f"registry {source.name}", "note", text, "`dvplug registry list` asks for newer"
                )
            else:
                text = f"{len(catalog.offers)} models, {masked_url(source.url)}"
                yield Finding(f"registry {source.name}", "ok", text)
    except DvplugError as error:
        yield Finding("registries", "problem", error.problem, error.repair)


def _downloads() -> Finding:
    place = home()
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    if not os.access(existing, os.W_OK):
        return Finding(
            "downloads", "problem", f"'{place}' cannot be written to", "Set DVPLUG_HOME to another folder."
        )
    parts = list(ModelCache().downloads.glob("*.part"))
    unfinished = f", {len(parts)} unfinished downloads wait to be resumed" if parts else ""
    return Finding("downloads", "ok", f"'{place}'{unfinished}")


def _kernels() -> Finding:
    folder = cache_folder()
    if folder is None:
        text = "no folder that is this user's alone can be written: every run compiles anew, about 15 s"
        return Finding("compiled kernels", "problem", text, "Set DVPLUG_HOME to a folder that can.")
    state = "" if is_warm() else ", nothing of this version yet: the first run compiles, about 15 s"
    return Finding("compiled kernels", "ok", f"'{folder}'{state}")


def _htslib() -> Finding:
    from pysam import config, version

    text = f"htslib {version.__htslib_version__}, pysam {version.__version__}"
    missing = [name for key, name in _CODECS.items() if not getattr(config, key, 0)]
    if not missing:
        return Finding("htslib", "ok", text)
    built = f"{text} was built without {' and '.join(missing)}: some CRAM files cannot be read"
    return Finding("htslib", "problem", built, "Install pysam from its wheel.")


def _machine() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.machine()}"
    return Finding("machine", "ok", f"{system}, Python {platform.python_version()}, {cores} cores")


def _gpu() -> Finding:
    """What `--device gpu` would run on; that it does is shown by the known answers, when a model is opened there."""
    try:
        backend = choose_backend(onnx=True)
    except InputError as error:
        names = ", ".join(gpu_names())
        if not names:
            return Finding("GPU", "ok", f"none: {error.cause}")
        return Finding("GPU", "note", f"{names}, which no backend can use: {error.cause}", error.repair)
    only = ", for models with a file of ONNX" if backend == ONNX_RUNTIME else ""
    return Finding("GPU", "ok", f"{', '.join(gpu_names()) or 'one'} by {backend}{only}")
