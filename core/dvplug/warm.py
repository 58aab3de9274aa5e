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
from dvplug.candidates.split_reads import TAG
from dvplug.errors import DvplugError
from dvplug.kernel.cache import cache_folder
from dvplug.line.read_batch import ReadBatch, ReadTags, TagValues
from dvplug.line.region import Region
from dvplug.models import resolve_model
from dvplug.plugins.loading import Plugins, installed_plugins
from dvplug.sequence.cigar import DELETION, INSERTION, MATCH
from dvplug.simulate import simulate_dataset
from dvplug.system.console import info, kept_to_itself
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
            info(f"Compiling what {technology} needs.")
            out = Path(folder) / technology
            options = CallOptions(
                technology, data.reference, (data.reads,), f"{out}.vcf.gz", gvcf=f"{out}.g.vcf.gz",
                device="cpu", force=True, offline=True,
            )  # fmt: skip
            with kept_to_itself():  # the reads are like those of no technology but one
                call_variants(options)
    _find_rare_indels()
    return kept


def _find_rare_indels() -> None:
    """Look for what the simulated reads lack: a noisy long insertion, deletions that overlap, split reads."""
    rng, n, flank, size, gap = np.random.default_rng(1), 4, 600, 80, 5
    reference, inserted = (rng.integers(0, 4, length).astype(np.uint8) for length in (2 * flank, size))
    seqs, cigars = [], []
    for read in range(n):
        own = inserted.copy()
        own[10 + 15 * read] ^= 1
        until = 200 + 3 * (read % 2)  # where its deletion begins, behind the insertion
        seqs += [reference[:flank], own, reference[flank : flank + until], reference[flank + until + gap :]]
        steps = (
            (flank, MATCH),
            (size, INSERTION),
            (until, MATCH),
            (gap, DELETION),
            (flank - until - gap, MATCH),
        )
        cigars += [length << 4 | kind for length, kind in steps]
    seq, each = np.concatenate(seqs), np.zeros(n, np.int32)
    split = n * b"c,9000,+,1200S300M,60,0;"
    texts = np.frombuffer(split, np.uint8), np.arange(n + 1, dtype=np.int64) * (len(split) // n)
    reads = ReadBatch(
        start=each, end=each + 2 * flank, flag=each.astype(np.uint16), mapping_quality=each.astype(np.uint8) + 60,
        fragment_length=each, haplotype=each.astype(np.uint8), name_hash=np.arange(n, dtype=np.uint32), seq=seq,
        qual=np.full(len(seq), 30, np.uint8), base_offset=np.arange(n + 1, dtype=np.int64) * (len(seq) // n),
        cigar=np.array(cigars, np.uint32), cigar_offset=np.arange(n + 1, dtype=np.int64) * (len(cigars) // n),
        tags=ReadTags({TAG: TagValues(np.ones(n, np.bool_), *texts)}),
    )  # fmt: skip
    found = find_candidates(reads, reference, 0, Region("c", 0, 2 * flank), CandidateThresholds())
    assert found.pooled is not None
    assert len(found) > 2


def _with_installed_model(plugins: Plugins) -> list[str]:
    found = []
    for profile in plugins.technologies():
        with suppress(DvplugError):
            resolve_model(plugins, profile, offline=True)
            found.append(profile.name)
    return found
