"""`dvplug warm` as a function: compile ahead of time, for images of containers and shared installations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.errors import DvplugError
from dvplug.kernel.cache import cache_folder
from dvplug.models import resolve_model
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.simulate import simulate_dataset

LENGTH, DEPTH = 100_000, 30.0  # bp, x: SNPs and indels enough that each kernel is called


def warm_up(technologies: Sequence[str] = ()) -> Path:
    """Call simulated reads of each technology (all that have an installed model, if none is given).

    Returns
    -------
    Path
        The folder in which the compiled kernels lie.

    Raises
    ------
    DvplugError
        There is no folder that they could be kept in; a technology is unknown or has no model.
    """
    kept = cache_folder()
    if kept is None:
        raise DvplugError(
            "compiled kernels can be kept nowhere",
            cause="no folder that is this user's alone can be written, and has room",
            repair="Set DVPLUG_HOME to one that can and has.",
        )
    with TemporaryDirectory(prefix="dvplug-warm-") as folder:
        data = simulate_dataset(Path(folder), length=LENGTH, depth=DEPTH)
        for technology in technologies or _with_installed_model(installed_plugins()):
            out = Path(folder) / technology
            call_variants(
                CallOptions(
                    technology, data.reference, (data.reads,), f"{out}.vcf.gz", gvcf=f"{out}.g.vcf.gz",
                    device="cpu", force=True, offline=True,
                )
            )  # fmt: skip
    return kept


def _with_installed_model(plugins: Plugins) -> list[str]:
    found = []
    for profile in plugins.technologies():
        with suppress(DvplugError):
            resolve_model(plugins, profile, offline=True)
            found.append(profile.name)
    return found
