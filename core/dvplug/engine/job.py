"""What a worker needs for a whole run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from dvplug.engine.draw import RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.engine.usual import AS_THEY_ARE, KnownRun, UsualValues
from dvplug.genome.ploidy import DIPLOID, Ploidy
from dvplug.hookspecs import OpenModel
from dvplug.line.run_profile import RunProfile, usual_profile
from dvplug.reads.groups import ReadSource
from dvplug.records.postprocess import PostprocessSettings
from dvplug.system.input_states import NO_INPUTS, InputStates
from dvplug.system.locations import Location
from dvplug_registry.model_folder import LoadedModel


@dataclass(frozen=True)
class CallJob:
    """One run: a pipeline over files, with a model."""

    pipeline: Pipeline
    open_model: OpenModel
    model: LoadedModel
    reference: Location
    reads: tuple[ReadSource, ...]
    settings: PostprocessSettings
    keep_ref_calls: bool
    device: str  # "cpu" or "gpu"
    ploidy: Ploidy = DIPLOID
    gvcf_symbol: str = ""  # <*> or <NON_REF>; empty where no gVCF is written
    as_records: bool = False  # in place of lines
    proposed: Path | None = None  # variants to genotype whatever the reads show
    inputs: InputStates = NO_INPUTS
    """Files as they were when the run began: what is read must be they."""
    usual: UsualValues = AS_THEY_ARE  # in place of what the model was not trained on
    run: RunProfile = field(default_factory=usual_profile)
    """How the reads of this run err, and what they are like."""

    def open_drawer(self) -> RegionImages:
        """Open the files, in the process that reads them."""
        return RegionImages(
            self.pipeline,
            self.reference,
            self.reads,
            with_depths=bool(self.gvcf_symbol),
            proposed=self.proposed,
            inputs=self.inputs,
            run=KnownRun(self.run, self.usual),
        )
