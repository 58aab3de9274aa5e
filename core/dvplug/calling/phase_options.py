"""What `--haplotagged` asks of a run, looked at before the first read."""

from __future__ import annotations

from collections.abc import Sequence

from dvplug.errors import InputError
from dvplug.plugins.needs import OWN_PHASER
from dvplug.system.locations import Location
from dvplug.technology import TechnologyProfile


def require_own_phase(profile: TechnologyProfile, reads: Sequence[Location]) -> None:
    """Refuse ``--haplotagged`` where reads would get no tags, or lie in several files; raises InputError."""
    if not profile.phase_reads or profile.phaser != OWN_PHASER[1]:
        raise InputError(
            f"--haplotagged is of reads that dvplug phases, and those of '{profile.name}' it does not",
            cause="its profile has no phase_reads"
            if not profile.phase_reads
            else f"its phaser is {profile.phaser}",
            repair="Leave --haplotagged out.",
        )
    if len(reads) > 1:
        raise InputError(
            f"--haplotagged writes the reads of one file, and {len(reads)} were given",
            repair="Merge them first: samtools merge.",
        )
