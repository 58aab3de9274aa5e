"""What a worker needs for a whole run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import gethostname

from dvplug.engine.draw import RegionImages
from dvplug.engine.pipeline import Pipeline
from dvplug.engine.usual import AS_THEY_ARE, KnownRun, UsualValues
from dvplug.errors import DvplugError, InputError, ModelError, Problems
from dvplug.genome.ploidy import DIPLOID, Ploidy
from dvplug.genotypes.first_stage import OpenedFirstStage
from dvplug.hookspecs import OpenModel, Predictor
from dvplug.line.run_profile import RunProfile, usual_profile
from dvplug.models import load_model
from dvplug.plugins.loading import Plugins
from dvplug.reads.groups import ReadSource
from dvplug.records.postprocess import PostprocessSettings
from dvplug.system.console import info
from dvplug.system.input_states import NO_INPUTS, InputStates
from dvplug.system.locations import Location, is_remote
from dvplug_registry.manifest import MANIFEST_NAME
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
    gpus: tuple[int, ...] = ()  # those that were named: each has a process of its own

    def open_drawer(self, every_image: bool = False) -> RegionImages:
        """Open the files, in the process that reads them.

        Parameters
        ----------
        every_image
            Draw those, too, that the model's first stage settles, for people to look at.
        """
        first_stage = OpenedFirstStage.of(self.model, every_image)
        return RegionImages(
            replace(self.pipeline, first_stage=first_stage),
            self.reference,
            self.reads,
            with_depths=bool(self.gvcf_symbol),
            proposed=self.proposed,
            inputs=self.inputs,
            run=KnownRun(self.run, self.usual),
        )

    def open_network(self) -> Predictor:
        """Open the model on the first GPU, in the process that runs it there, and say where that is."""
        predictor = self.open_model(self.model, "gpu")
        if where := getattr(predictor, "runs_on", ""):
            info(f"The network runs on {where}.")
        return predictor

    def portable(self) -> CallJob:
        """Return the job with places that do not depend on the folder that this process is in."""
        return replace(
            self,
            reference=_absolute(self.reference),
            reads=tuple(source._replace(path=_absolute(source.path)) for source in self.reads),
            proposed=self.proposed.absolute() if self.proposed else None,
            model=replace(self.model, folder=self.model.folder.absolute()),
            inputs=replace(
                self.inputs, files={path.absolute(): state for path, state in self.inputs.files.items()}
            ),
        )

    def on_this_machine(self, plugins: Plugins) -> CallJob:
        """Return a job of another machine as this one has to do it, with the model as it lies here.

        Raises
        ------
        DvplugError
            A file is not here, or is not the one that the other machine looked at; or the model is not here.
        """
        problems, here = Problems(), gethostname()
        files = {
            path: state
            for path, state in self.inputs.files.items()
            if not path.is_relative_to(self.model.folder)
        }
        for path, state in files.items():
            with problems.collect():
                if difference := state.difference(path):
                    there = path.exists()
                    raise InputError(
                        f"{path} is not the same on {here} as where dvplug was started"
                        if there
                        else f"{path} is not on {here}",
                        cause=difference if there else "there is no such file",
                        repair="Put it, with its index, where all nodes see it under the same path.",
                    )
        model = self.model
        with problems.collect():
            model = _model_here(model, plugins, here)
        problems.raise_all()
        inputs = replace(self.inputs, files=files)
        names = (MANIFEST_NAME, *model.manifest.files)
        return replace(self, model=model, inputs=inputs.also(model.folder / name for name in names))


def _absolute(place: Location) -> Location:
    return place if is_remote(place) else Path(place).absolute()


def _model_here(wanted: LoadedModel, plugins: Plugins, here: str) -> LoadedModel:
    """The model of another machine on this one: in the same folder, or of the same name, by the same hash."""
    label, why = wanted.manifest.label, ""
    for place in (f"{wanted.folder}/", label):
        try:
            found = load_model(plugins, place)
        except DvplugError as error:
            why = why or ": ".join(part for part in (error.problem, error.cause) if part)
            continue
        if found.manifest_sha256 == wanted.manifest_sha256:
            return found
        why = f"its manifest has the sha256 {found.manifest_sha256}, that of the client {wanted.manifest_sha256}"
    raise ModelError(
        f"the model {label} is not on {here}",
        cause=why,
        repair="Put its folder where all nodes see it under the same path, and give that with --model; or install "
        "there what brings it.",
    )
