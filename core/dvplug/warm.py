"""`dvplug warm` as a function: compile ahead of time, for images of containers and shared installations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from dvplug.calling.options import CallOptions
from dvplug.calling.run import call_variants
from dvplug.candidates.finder import find_candidates
from dvplug.errors import DvplugError
from dvplug.kernel.cache import cache_folder
from dvplug.line.read_batch import ReadBatch
from dvplug.line.region import Region
from dvplug.models import resolve_model
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.sequence.cigar import INSERTION, MATCH
from dvplug.simulate import simulate_dataset
from dvplug.technology import CandidateThresholds

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
    _find_long_insertion()
    return kept


def _find_long_insertion() -> None:
    """Look for candidates in long reads that spell an insertion differently: the simulated reads have none."""
    rng, n, flank, size = np.random.default_rng(1), 4, 600, 80
    reference, inserted = (rng.integers(0, 4, length).astype(np.uint8) for length in (2 * flank, size))
    seq = np.tile(np.concatenate((reference[:flank], inserted, reference[flank:])), n)
    offset = np.arange(n + 1, dtype=np.int64) * (2 * flank + size)
    seq[offset[:-1] + flank + 10 + 20 * np.arange(n)] ^= 1
    cigar = np.array([flank << 4 | MATCH, size << 4 | INSERTION, flank << 4 | MATCH], np.uint32)
    each = np.zeros(n, np.int32)
    reads = ReadBatch(
        start=each, end=each + 2 * flank, flag=each.astype(np.uint16), mapping_quality=each.astype(np.uint8) + 60,
        fragment_length=each, haplotype=each.astype(np.uint8), name_hash=np.arange(n, dtype=np.uint32), seq=seq,
        qual=np.full(len(seq), 30, np.uint8), base_offset=offset, cigar=np.tile(cigar, n),
        cigar_offset=3 * np.arange(n + 1, dtype=np.int64),
    )  # fmt: skip
    found = find_candidates(reads, reference, 0, Region("c", 0, 2 * flank), CandidateThresholds())
    assert found.pooled is not None


def _with_installed_model(plugins: Plugins) -> list[str]:
    found = []
    for profile in plugins.technologies():
        with suppress(DvplugError):
            resolve_model(plugins, profile, offline=True)
            found.append(profile.name)
    return found
