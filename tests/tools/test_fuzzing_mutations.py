"""How files are broken."""

from __future__ import annotations

import random
from pathlib import Path

from dvplug_lab.fuzzing.mutations import mutate_records


def test_broken_records_are_as_long_as_before(dataset, tmp_path: Path) -> None:
    import gzip

    whole = gzip.decompress(dataset.reads.read_bytes())
    for seed in range(20):
        broken = mutate_records(whole, random.Random(seed))
        assert len(broken) == len(whole)
        header = 12 + int.from_bytes(whole[4:8], "little")
        assert broken[:header] == whole[:header]
