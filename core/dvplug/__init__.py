"""dvplug: germline SNPs and indels from aligned reads, technology by plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dvplug._version import __version__

if TYPE_CHECKING:
    from dvplug.calling.api import CallSummary, call
    from dvplug.calling.read_profile import profile_reads
    from dvplug.cohort.run import CohortSummary, call_cohort
    from dvplug.errors import DvplugError, ManyProblems
    from dvplug.joint.run import JointSummary, joint_genotype
    from dvplug.line.record import VcfRecord
    from dvplug.line.run_profile import RunProfile

__all__ = [
    "CallSummary",
    "CohortSummary",
    "DvplugError",
    "JointSummary",
    "ManyProblems",
    "RunProfile",
    "VcfRecord",
    "__version__",
    "call",
    "call_cohort",
    "joint_genotype",
    "profile_reads",
]
_HOMES = {
    "call": "calling.api",
    "CallSummary": "calling.api",
    "call_cohort": "cohort.run",
    "CohortSummary": "cohort.run",
    "profile_reads": "calling.read_profile",
    "RunProfile": "line.run_profile",
    "joint_genotype": "joint.run",
    "JointSummary": "joint.run",
    "VcfRecord": "line.record",
    "DvplugError": "errors",
    "ManyProblems": "errors",
}


def __getattr__(name: str) -> Any:
    """Import what is public when it is first used, so that `dvplug --help` need not wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module 'dvplug' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"dvplug.{_HOMES[name]}"), name)
