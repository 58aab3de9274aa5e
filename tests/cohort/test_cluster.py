"""A cohort whose regions are called by Dask workers: the same bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

import dvplug
from dvplug.cohort import run as cohort_run
from dvplug_lab.cohorts.killed import comparable_files, write_samples
from dvplug_lab.cohorts.simulated import Person, simulate_cohort

pytest.importorskip("distributed", reason="the extra dvplug[cluster] is not installed")


def test_workers_of_dask_write_what_those_of_this_machine_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    persons = [Person("one", 9.0), Person("two", 9.0), Person("three", 9.0)]
    data = simulate_cohort(tmp_path / "data", persons, length=55_000, new_mutations=0, seed=4)
    sheet = write_samples(tmp_path / "samples.tsv", persons, data)

    def called(folder: str, **more: object) -> dict[str, bytes]:
        done = dvplug.call_cohort(sheet, data.reference, tmp_path / folder, device="cpu", **more)  # type: ignore[arg-type]
        assert list(done.records) == [person.name for person in persons]
        return comparable_files(tmp_path / folder)

    here = called("here")
    monkeypatch.setattr(cohort_run, "call_samples", None)  # no region is called here
    assert called("there", workers=2, executor="dask:local") == here
    assert len(here) == 4 * len(persons) + 5
