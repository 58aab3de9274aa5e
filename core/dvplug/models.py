"""Choose a technology's model, verify it, and refuse it where it does not fit, before a read is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dvplug.errors import ModelError, PluginError, near_misses
from dvplug.plugins.feature_sets import chosen_features
from dvplug.plugins.loading import Plugins
from dvplug.plugins.needs import steps_of
from dvplug.plugins.settings import settings_of
from dvplug.system.console import info, warn
from dvplug.system.locations import StrPath, model_request
from dvplug.technology import Assembly, CandidateThresholds, ReadFilter, TechnologyProfile
from dvplug_registry.manifest import CallingStep, Manifest
from dvplug_registry.model_folder import LoadedModel, ModelFolder, open_folder, verify_files
from dvplug_registry.obtain import obtain
from dvplug_registry.sources import sources
from dvplug_registry.versions import Requirement

if TYPE_CHECKING:
    from dvplug.plugins.boundary import CheckedOpen

# What decides which reads and bases are drawn must be as in training. The rest of the read filter (sampling,
# expected span) only bounds memory.
_EQUAL_FILTER = (
    "min_mapping_quality",
    "keep_duplicates",
    "keep_secondary",
    "keep_supplementary",
    "keep_qc_fail",
    "missing_base_quality",
)
# Training uses lower thresholds than calling, so that the network has seen worse candidates than it will
# meet: calling may be stricter than training, never laxer.
_AT_LEAST = ("min_count_snps", "min_count_indels", "min_fraction_snps", "min_fraction_indels")
_EQUAL_THRESHOLDS = ("min_base_quality",)


def resolve_model(
    plugins: Plugins,
    profile: TechnologyProfile,
    requested: StrPath | None = None,
    *,
    offline: bool = False,
) -> LoadedModel:
    """Find the model of a technology, or the requested one, and verify its files.

    Parameters
    ----------
    requested
        ``name``, ``name@1.0.0`` and so on, or the path of a model folder (anything with a slash in it).
    offline
        Ask no registry for a model that is not installed.

    Raises
    ------
    ModelError
        The model is unknown, damaged or not valid.
    RegistryError
        It is not installed, and a registry cannot be reached or is not to be trusted.
    PluginError
        Two plugins ship models of this name.
    """
    return for_technology(load_model(plugins, requested or profile.model, offline=offline), profile)


def load_model(plugins: Plugins, request: StrPath, *, offline: bool = True) -> LoadedModel:
    """Find a model by requirement or path and verify its files; raises as `resolve_model` does."""
    model = find_model(plugins, request, offline=offline)
    verify_files(model.folder, model.manifest)
    return LoadedModel(model.folder, model.manifest, model.manifest_sha256)


def find_model(plugins: Plugins, request: StrPath, *, offline: bool = True) -> ModelFolder:
    """Find a model by requirement or path and read its manifest, no more; raises as `resolve_model` does."""
    request = model_request(request)
    if "/" in request or os.sep in request:
        return open_folder(Path(request))
    try:
        plugins.refuse_contested_model(Requirement.parse(request).name)
        return obtain(request, plugins.model_roots, offline=offline, say=info, warn=warn)
    except ModelError as error:
        if not Path(request).is_dir():
            hint = _meant(plugins, request)
            if not hint or hint in str(error):
                raise
            raise type(error)(error.problem, cause=error.cause, repair=f"{hint} {error.repair}") from error
        raise ModelError(
            error.problem,
            cause="a name without a slash is not looked for among folders",
            repair=f"For the folder of this name give './{request}'.",
        ) from error


def _meant(plugins: Plugins, request: str) -> str:
    """Say which model was probably meant by a name that none has: that of a technology, or one that is spelt alike."""
    name = re.split(r"[@ >=<]", request, maxsplit=1)[0]
    if name in plugins.names("technology"):
        model = Requirement.parse(plugins.technology(name).model).name
        return f"Did you mean '{model}'?" if model != name else ""
    hint = near_misses(name, plugins.names("model"))
    return hint if hint.startswith("Did") else ""


def check_request(plugins: Plugins, request: str) -> None:
    """Raise ModelError where it is certain that no model will be found: nothing is downloaded, no file verified."""
    if "/" in request or os.sep in request or not sources():
        find_model(plugins, request)


def check_fit(plugins: Plugins, manifest: Manifest, profile: TechnologyProfile) -> None:
    """Compare a model with the profile, and with the encoder and the feature sets that it names and that would feed it.

    Raises
    ------
    ModelError
        Technology, image shape, channels, features, encoder, feature sets or calling settings differ; each mismatch
        is named.
    PluginError
        A part that the profile names is not there.
    """
    found = [*_image_mismatches(plugins, manifest, profile), *_setting_mismatches(manifest, profile)]
    # A borrowed one is for reads that are drawn alike.
    if set(manifest.technologies) & {profile.name, *profile.aliases}:
        trained, calling = manifest.calling.steps, steps_of(plugins, profile)
        found += [_difference("other steps", _steps(trained), _steps(calling))] if trained != calling else []
    if found:
        raise ModelError(
            f"the model {manifest.label} does not fit the technology {profile.name}",
            cause="; ".join(found),
            repair=f"Use a model made for it (the profile asks for '{profile.model}'), or train one.",
        )


def for_technology(model: LoadedModel, profile: TechnologyProfile) -> LoadedModel:
    """Return a model whose network is told the technology, where it is of several; one that is not among them is left.

    The technology is the one that was recognised in the reads, or that the user named.
    """
    told = next((name for name in _names(profile) if name in model.manifest.sequencing_types), "")
    return replace(model, sequencing_type=told)


def _names(profile: TechnologyProfile) -> tuple[str, ...]:
    """Technologies by whose models it can be called."""
    borrowed = (profile.model_technology,) if profile.model_technology else ()
    return (profile.name, *profile.aliases, *borrowed)


def genotyper_name(manifest: Manifest, profile: TechnologyProfile | None = None) -> str:
    """Name the genotyper that opens a model: that of the profile, where it names one, else that of the model."""
    return (profile.genotyper if profile else None) or manifest.genotyper


def opener_of(plugins: Plugins, model: ModelFolder, profile: TechnologyProfile | None = None) -> CheckedOpen:
    """Look up the genotyper that opens a model, and whether the model has what that needs.

    Raises
    ------
    PluginError
        No plugin has this genotyper, or it cannot be imported.
    ModelError
        The model lacks a file that it opens, or has settings that are none of its.
    """
    from dvplug.plugins.boundary import CheckedOpen  # brings numpy

    name, manifest = genotyper_name(model.manifest, profile), model.manifest
    try:
        opener = CheckedOpen.of(plugins, name)
    except PluginError as error:
        if name in plugins.names("genotyper"):
            raise
        raise PluginError(
            f"{error.problem}, which opens the model {manifest.label}", cause=error.cause, repair=error.repair
        ) from error
    found = {entry.role: file for file, entry in manifest.files.items()}
    wanted = plugins.genotyper(name).files
    lacking = [f"{role} ({end})" for role, end in wanted.items() if not found.get(role, "").endswith(end)]
    if lacking:
        raise ModelError(
            f"the model {manifest.label} has no {', no '.join(lacking)}, which the genotyper '{name}' opens",
            cause=f"its files are {', '.join(f'{role} ({file})' for role, file in found.items())}",
            repair=f"Use a model that was made for '{name}'.",
        )
    if name == manifest.genotyper:
        settings_of(plugins.offer("genotyper", name), manifest.genotyper_settings)
    return opener


def _image_mismatches(plugins: Plugins, manifest: Manifest, profile: TechnologyProfile) -> list[str]:
    encoder, features = (
        plugins.image_encoder(profile.image_encoder),
        chosen_features(plugins, profile.features),
    )
    pairs: list[tuple[str, Any, Any]] = [
        ("image height", manifest.image.height, profile.image.height),
        ("image width", manifest.image.width, profile.image.width),
        ("reference rows", manifest.image.reference_rows, profile.image.reference_rows),
        ("channels", manifest.image.channels, profile.image.channels),
        (
            "encoder",
            _versioned(manifest.encoder.name, manifest.encoder.version),
            _versioned(encoder.name, encoder.version),
        ),
        (
            "feature sets",
            _all_versioned((one.name, one.version) for one in manifest.feature_sets),
            _all_versioned(features.versions),
        ),
        ("features", manifest.features, features.columns),
    ]
    if not set(manifest.technologies) & set(_names(profile)):
        pairs.insert(0, ("technology", " and ".join(manifest.technologies), profile.name))
    return [_difference(what, a, b) for what, a, b in pairs if a != b]


def _difference(what: str, model: Any, profile: Any) -> str:
    """Say how they differ; of long lists only what one of them lacks."""
    if isinstance(model, tuple) and set(model) != set(profile) and len(model) + len(profile) > 20:
        lists = (("lacks", profile, model), ("has more:", model, profile))
        parts = [(verb, [name for name in of if name not in other]) for verb, of, other in lists]
        return f"{what}: the model " + ", and ".join(f"{verb} {' '.join(n)}" for verb, n in parts if n)
    return f"{what}: the model has {_text(model)}, the profile {_text(profile)}"


def _setting_mismatches(manifest: Manifest, profile: TechnologyProfile) -> list[str]:
    read_filter, thresholds = manifest.calling.read_filter, manifest.calling.candidate_thresholds
    assembly = Assembly().model_dump() | manifest.calling.assembly
    unknown = sorted(
        (read_filter.keys() - ReadFilter.model_fields.keys())
        | (assembly.keys() - Assembly.model_fields.keys())
        | (thresholds.keys() - CandidateThresholds.model_fields.keys())
    )
    found = [f"setting {name}: this dvplug does not know it" for name in unknown]
    for name in ("realign_reads", "phase_reads"):
        trained_with, calling_with = getattr(manifest.calling, name), getattr(profile, name)
        if trained_with != calling_with:
            found.append(f"{name}: trained with {trained_with}, the profile has {calling_with}")
    for trained, calling, names in (
        (read_filter, profile.read_filter, _EQUAL_FILTER),
        (thresholds, profile.candidate_thresholds, _EQUAL_THRESHOLDS),
    ):
        for name in names:
            if trained.get(name) != getattr(calling, name):
                found.append(
                    f"{name}: trained with {trained.get(name)}, the profile has {getattr(calling, name)}"
                )
    for name, calling_with in profile.assembly.model_dump().items():
        if assembly[name] != calling_with:
            found.append(f"assembly.{name}: trained with {assembly[name]}, the profile has {calling_with}")
    for name in _AT_LEAST:
        trained_at, calling_at = thresholds.get(name), getattr(profile.candidate_thresholds, name)
        if trained_at is None or calling_at < trained_at:
            found.append(f"{name}: trained with {trained_at}, the profile goes down to {calling_at}")
    calling = profile.candidate_thresholds
    share = calling.min_fraction_indels * calling.further_indels
    trained_at = thresholds.get("min_fraction_indels", 0) * thresholds.get("further_indels", 1)
    if calling.further_indels < 1 and share < trained_at - 1e-9:
        found.append(
            f"further_indels: trained with {trained_at:g} of the depth, the profile goes down to {share:g}"
        )
    return found


def _steps(steps: Iterable[CallingStep]) -> str:
    return ", ".join(f"{one.kind} {_versioned(one.name, one.version)}" for one in steps) or "none"


def _versioned(name: str, version: int) -> str:
    return f"{name} version {version}"


def _all_versioned(things: Iterable[tuple[str, int]]) -> str:
    return ", ".join(_versioned(name, version) for name, version in things) or "none"


def _text(value: Any) -> str:
    return " ".join(value) or "none" if isinstance(value, tuple) else str(value)
