"""How the reads of a sample err and what they are like, without calling: `dvplug.profile_reads`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from dvplug.inputs.preflight import check_call
from dvplug.inputs.recognition import AUTO
from dvplug.inputs.run_profile import measure_run
from dvplug.inputs.samples import SampleChoice
from dvplug.line.run_profile import RunProfile
from dvplug.plugins.loading import installed_plugins
from dvplug.system.input_states import InputStates
from dvplug.system.locations import StrPath, location


def profile_reads(
    ref: StrPath,
    reads: StrPath | Sequence[StrPath],
    *,
    tech: str = AUTO,
    sample: str | None = None,
    read_group: Sequence[str] = (),
) -> RunProfile:
    """Measure how the reads of a sample err and what they are like, as `dvplug call` does before it calls.

    Parameters
    ----------
    ref, reads
        Reference FASTA, and one or several BAM or CRAM files of one sample.
    tech
        The technology whose read filter is used; one that the reads contradict is warned of.
    sample, read_group
        Which of the reads, as in `dvplug call`.

    Raises
    ------
    DvplugError
        What the user can mend.
    """
    files = [reads] if isinstance(reads, str) or not isinstance(reads, Sequence) else list(reads)
    places = [location(os.fspath(path)) for path in files]
    reference = location(os.fspath(ref))
    inputs = InputStates.of([reference, *places])
    choice = SampleChoice(sample, tuple(read_group), "sample")  # there is no VCF that its name could be in
    checked = check_call(
        installed_plugins(), tech=tech, reference=reference, reads=places, choice=choice, force=True
    )
    with inputs.watched():
        return measure_run(checked.reads, reference, checked.profile)[1]
