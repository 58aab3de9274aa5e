"""Which of a technology's models reads are called with: the one whose rule, in its manifest, their evidence meets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dvplug.errors import ModelError
from dvplug.inputs.read_evidence import Evidence
from dvplug.models import find_model, for_technology, load_model, resolve_model
from dvplug.plugins.loading import Plugins
from dvplug.system.console import info, warn
from dvplug.technology import TechnologyProfile
from dvplug_registry.manifest import ModelRule
from dvplug_registry.model_folder import LoadedModel


def choose_model(
    plugins: Plugins,
    profile: TechnologyProfile,
    evidence: Mapping[str, Evidence],
    requested: str | None = None,
    *,
    offline: bool = False,
) -> LoadedModel:
    """Find the model that reads are called with, and verify its files.

    The one that was requested; else, of the profile's `models`, the one whose rule all files meet: with the most
    conditions, of equals the first; else the profile's own.

    Parameters
    ----------
    evidence
        What each file tells, by its name.

    Raises
    ------
    ModelError, RegistryError, PluginError
        As `resolve_model`; or one of the `models` has no rule.
    """
    if requested or not profile.models:
        return resolve_model(plugins, profile, requested, offline=offline)
    fitting: dict[str, list[str]] = {}
    for request in profile.models:
        found = find_model(plugins, request, offline=offline)
        rule = found.manifest.chosen_for
        if rule is None:
            raise ModelError(
                f"the model {found.manifest.label} does not say when it is to be chosen",
                cause=f"it is one of the `models` of {profile.name}, and its manifest has no `chosen_for`",
                repair="Use a version that has, or give --model.",
            )
        unmet = {file: why for file, told in evidence.items() if (why := ", ".join(_unmet(rule, told)))}
        if not unmet and evidence:
            fitting[request] = rule.conditions()
        elif len(unmet) < len(evidence):
            some = "; ".join(f"{file}: {why}" for file, why in unmet.items())
            warn(
                f"The model {found.manifest.label} is for some of these files alone, and is not chosen: {some}."
            )
    if not fitting:
        return resolve_model(plugins, profile, offline=offline)
    request = max(fitting, key=lambda one: len(fitting[one]))
    model = for_technology(load_model(plugins, request, offline=offline), profile)
    info(f"The model {model.manifest.label} was chosen by the reads: {', '.join(fitting[request])}.")
    return model


def type_lines(model: LoadedModel, evidence: Mapping[str, Evidence]) -> list[str]:
    """Lines of the VCF's header: which sequencing type the network is told, of which, and what depth speaks for."""
    if not model.sequencing_type:
        return []
    seen = {told.captured for told in evidence.values()}
    depth = "of a capture" if seen == {True} else "of a whole genome" if seen == {False} else "unclear"
    types = ",".join(model.manifest.sequencing_types)
    return [f'##dvplugSequencingType=<ID={model.sequencing_type},Of="{types}",Depth="{depth}">']


def _unmet(rule: ModelRule, told: Evidence) -> Iterator[str]:
    """What of a rule a file does not meet, in words; what it does not tell it does not meet."""
    for text in rule.header:
        if not any(text.lower() in field.lower() for field in told.header):
            yield f"no @RG or @PG has '{text}'"
    if rule.captured is not None and told.captured is not rule.captured:
        wanted = "a capture" if rule.captured else "a whole genome"
        yield f"depth does not look like that of {wanted}"
    if rule.read_length is not None and (
        told.read_length is None or not rule.read_length.hold(told.read_length)
    ):
        yield f"the median read has {told.read_length or 'no known number of'} bases, not {rule.read_length}"
