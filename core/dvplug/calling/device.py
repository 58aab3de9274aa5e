"""Where the network of a run is to run, and by which libraries."""

from __future__ import annotations

from collections.abc import Sequence

from dvplug.calling.options import CallOptions
from dvplug.engine.job import CallJob
from dvplug.genotypes.backends import DISTRIBUTIONS, gpu_backend
from dvplug.genotypes.genotyper import has_onnx
from dvplug.hookspecs.executors import LOCAL
from dvplug.system.devices import parse_device
from dvplug_registry.manifest import Manifest


def libraries_on_gpu(job: CallJob) -> Sequence[str]:
    """The libraries that run the network, where it runs on a GPU."""
    backend = gpu_backend(has_onnx(job.model.manifest)) if job.device == "gpu" else None
    return DISTRIBUTIONS[backend] if backend else ()


def chosen_device(options: CallOptions, devices: Sequence[str], manifest: Manifest) -> str:
    """Return ``cpu`` or ``gpu``; ``auto`` is a GPU where the genotyper can use one, and the run is on this machine."""
    if options.device != "auto":
        return parse_device(options.device).kind
    if options.executor != LOCAL:
        return "cpu"
    return "gpu" if "gpu" in devices and gpu_backend(has_onnx(manifest)) else devices[0]
