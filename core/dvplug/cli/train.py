"""`dvplug train`: examples from a truth set, a network fitted to them, a model folder made of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from cyclopts import App, Parameter

from dvplug.cli.parameters import Number, Several, Whole
from dvplug.cli.plain_call import available_cores
from dvplug.cli.train_reads import Names, learn, model, simulate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dvplug.technology import Frozen
    from dvplug.train.compare import StrategyComparison
    from dvplug.train.state import FitSettings

_Settings = TypeVar("_Settings", bound="Frozen")

app = App(
    name="train",
    help="Make a model: from one file of reads, or step by step.",
)
for _from_reads in (model, learn, simulate):
    app.command(_from_reads)


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class CandidateOptions:
    """Which candidates become examples.

    Parameters
    ----------
    regions
        Where to take examples: contig, contig:start-end (1-based), or a BED file. Keep some regions for tuning
        and for evaluation. The default is everywhere.
    exclude_regions
        BED files of where to take none.
    as_called
        Take the candidates that calling proposes, for shards to tune on: GQ is calibrated on what will be asked.
        Without it there are more, below the thresholds of calling, to train on.
    """

    regions: Annotated[list[str] | None, Several] = None
    exclude_regions: Annotated[list[Path] | None, Several] = None
    as_called: bool = False


ANY_CANDIDATES = CandidateOptions()


@app.command
def examples(
    *,
    tech: str,
    ref: Path,
    reads: Annotated[list[Path], Several],
    truth: Path,
    confident: Path,
    out: Path,
    which: CandidateOptions = ANY_CANDIDATES,
    workers: Whole | None = None,
    keep_fraction: Number = 1.0,
    sample: str | None = None,
    read_group: Annotated[list[str] | None, Several] = None,
) -> None:
    """Make labelled examples of aligned reads.

    Parameters
    ----------
    tech
        Sequencing technology, as `dvplug plugins list` names it.
    ref
        Reference genome: FASTA, indexed, the one that the reads were aligned to.
    reads
        Aligned reads: sorted, indexed BAM or CRAM, several files for one sample.
    truth
        The sample's true variants: VCF.
    confident
        Where the truth is complete: BED. Candidates elsewhere are left out.
    out
        Shard to write: .h5.
    workers
        Worker processes; the default is one per core. The output does not depend on it.
    keep_fraction
        Fraction of the read pairs to use: one BAM gives examples of several depths.
    sample
        The sample of the truth, as @RG SM names it, where the reads are of several.
    read_group
        IDs of @RG whose reads to use; or, each with ^ before it, whose reads to leave out.
    """
    from dvplug.system.console import info
    from dvplug.train.examples import ANY_NAME, LabeledReads, make_examples

    choice = ANY_NAME._replace(sample=sample, read_groups=tuple(read_group or ()))
    count = make_examples(
        tech,
        LabeledReads.of(ref, reads, truth, confident, keep_fraction, choice),
        out,
        regions=tuple(which.regions or ()),
        exclude=tuple(which.exclude_regions or ()),
        workers=workers if workers is not None else available_cores(),
        as_called=which.as_called,
    )
    info(f"{out}: {count:,} examples.")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class EndOptions:
    """When a fit ends: by whichever is reached first.

    Parameters
    ----------
    epochs
        Times that the network sees every example, at most.
    patience
        Epochs in a row without a better log-loss on the tune shards, by which it has converged, and stops.
    max_hours
        Hours after which it stops, those before an interruption included; the epoch that is under way ends there.
    """

    epochs: Whole = 5
    patience: Whole = 2
    max_hours: Number | None = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Which network a fit is of.

    Parameters
    ----------
    architecture
        The network, as `dvplug plugins list` names it; small-cnn by default.
    start_from
        A model or a fit whose network and weights to start from: its folder, or the name of an installed model; or
        keras:NAME, or keras:NAME=FILE, a network of photographs, whose weights Keras or you have downloaded.
    sequencing_types
        Technologies whose examples are given together: the network is told which, in training and when it calls.
    feature_bins
        Pieces in which each feature is told beside its value, between quantiles of the examples; 0 for none, or as what
        it starts from has them.
    image_kept
        Train the last layers alone, and leave those of the image as what it starts from has them.
    snps_as_before
        Have SNPs answered as what it starts from does, each weighing so many times as much as an indel.
    """

    architecture: str | None = None
    start_from: str | None = None
    sequencing_types: Names = None
    feature_bins: Whole | None = None
    image_kept: bool = False
    snps_as_before: Number = 0.0

    @property
    def settings(self) -> dict[str, Any]:
        """Those of `FitSettings` that were given."""
        from dvplug.genotypes.binned_features import BINS_SETTING

        types = tuple(self.sequencing_types or ())
        named: dict[str, Any] = {} if self.architecture is None else {"architecture": self.architecture}
        if self.feature_bins is not None:
            named["architecture_settings"] = {BINS_SETTING: self.feature_bins}
        return {
            "sequencing_types": types,
            "types_kept": bool(types),
            "image_kept": self.image_kept,
            "snps_as_before": self.snps_as_before,
            **named,
        }


ENDS_AS_USUAL, NETWORK_AS_USUAL = EndOptions(), NetworkOptions()


@app.command
def fit(
    examples: Annotated[list[Path], Several],
    *,
    tune: Annotated[list[Path], Several],
    out: Path,
    end: EndOptions = ENDS_AS_USUAL,
    batch_size: Whole = 256,
    learning_rate: Number = 2e-3,
    class_weights: tuple[Number, Number, Number] = (1.0, 1.0, 1.0),
    keep: tuple[Number, Number, Number] = (1.0, 1.0, 1.0),
    network: NetworkOptions = NETWORK_AS_USUAL,
    seed: Whole = 1,
) -> None:
    """Fit a network to examples; the same command goes on after an interruption.

    Parameters
    ----------
    examples
        Shards made by `dvplug train examples`.
    tune
        Shards of other regions: the epoch that does best on them is kept.
    out
        Folder to make: weights, learning curve, measures on the tune set.
    batch_size
        Examples per step.
    learning_rate
        Of AdamW, after the warm-up.
    class_weights
        Weights of hom-ref, het and hom-alt in the loss.
    keep
        Fractions of the hom-ref, het and hom-alt examples to use in each epoch.
    seed
        Seed of the initial weights and the order of the examples.
    """
    from dvplug.system.outputs import reserved_folder
    from dvplug.train.fit import fit as fit_network

    settings = _settings(
        epochs=end.epochs,
        patience=end.patience,
        max_hours=end.max_hours,
        batch_size=batch_size,
        learning_rate=learning_rate,
        class_weights=class_weights,
        keep=keep,
        seed=seed,
        **network.settings,
    )
    with reserved_folder(out, "--out"):
        fit_network(examples, tune, settings, out, network.start_from)


def _settings(**given: Any) -> FitSettings:
    """Check the options of a fit; raises InputError where one is out of range."""
    from dvplug.train.state import FitSettings

    return _checked(FitSettings, given)


def _checked(settings: type[_Settings], given: Mapping[str, Any]) -> _Settings:
    """The options of a fit as data; raises InputError where one is out of range."""
    from pydantic import ValidationError

    from dvplug.errors import InputError
    from dvplug.system.explain import explain

    try:
        return settings(**given)
    except ValidationError as error:
        raise InputError(
            "a setting of the fit is out of range", cause=explain(error), repair="See `--help`."
        ) from error


@app.command
def compare(
    examples: Annotated[list[Path], Several],
    *,
    tune: Annotated[list[Path], Several],
    test: Annotated[list[Path], Several],
    source: Annotated[list[Path], Several],
    start_from: str,
    out: Path,
    steps: Whole = 4000,
    epochs: Whole = 5,
    batch_size: Whole = 128,
    learning_rate: Number = 1e-3,
    seed: Whole = 1,
) -> None:
    """Compare four ways to train where examples are few.

    On them alone, from the weights of another model, or together with examples of another technology, whose type the
    network is told or not. All are shown the same number of batches. The fits lie in the output folder, each ready for
    `dvplug train export`.

    Parameters
    ----------
    examples
        Shards of the technology that a model is wanted for.
    tune
        Its shards of other regions: each fit keeps the epoch that does best on them.
    test
        Its shards of yet other regions, for the table; thinned ones show how shallow reads are called.
    source
        Shards of a technology with many examples, drawn with the same layout.
    start_from
        A model or a fit of that technology: its folder, or the name of an installed model. All networks are built as
        its is.
    out
        Folder to make.
    steps
        Batches that each way is shown.
    epochs
        Least number of measurements on the tune shards.
    batch_size
        Examples per step.
    learning_rate
        Of AdamW, after the warm-up.
    seed
        Seed of the initial weights and the order of the examples.
    """
    from dvplug.system.outputs import reserved_folder
    from dvplug.train.compare import compare_strategies

    settings = _settings(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, label_smoothing=0.0, seed=seed
    )
    with reserved_folder(out, "--out"):
        found = compare_strategies(examples, tune, test, source, start_from, settings, steps, out)
    _report(found)


def _report(found: StrategyComparison) -> None:
    """Print the table of a comparison."""
    from rich.markup import escape
    from rich.table import Table

    from dvplug.system.rich_console import stdout

    table = Table("strategy", "tune log-loss", "test", "SNP F1", "FP/FN", "INDEL F1", "FP/FN")
    for one in found.tested:
        snp, indel = one.snp, one.indel
        cells = (f"{snp.f1:.4f}", f"{snp.fp}/{snp.fn}", f"{indel.f1:.4f}", f"{indel.fp}/{indel.fn}")
        table.add_row(one.strategy, f"{found.tune_log_loss[one.strategy]:.4f}", escape(one.shard), *cells)
    stdout.print(table)
    stdout.print(f"Best on the tune examples: {found.best}, after {found.steps} steps each.")


@app.command
def export(
    fitted: Path,
    *,
    tune: Annotated[list[Path], Several],
    name: str,
    model_version: str,
    description: str,
    held_out: str,
    out: Path,
    card: Path | None = None,
    metrics: Annotated[list[Path] | None, Several] = None,
    licence: str = "Apache-2.0",
    onnx: bool = False,
) -> None:
    """Make a model folder of a fit.

    Parameters
    ----------
    fitted
        Folder made by `dvplug train fit`.
    tune
        The shards that it was tuned on: they set the ranges of the int8 network, which is used only where it
        does as well as float32.
    name
        The model's name, such as illumina-wgs.
    model_version
        Its semantic version, such as 1.0.0.
    description
        One line for people.
    held_out
        Which regions or samples were kept out of training, for evaluation.
    out
        Model folder to make.
    card
        Model card (.md) to put into it.
    metrics
        What `dvplug evaluate --json` printed of the model's calls, each file called after what was evaluated on: the
        manifest has it, and `dvplug registry list` shows it. Export once without, call, evaluate, and export again.
    licence
        SPDX expression.
    onnx
        Add the float32 network as a file of ONNX, for ONNX Runtime on a GPU and for other programs. It needs
        `pip install 'dvplug[onnx]'`.
    """
    from dvplug.system.outputs import reserved_folder
    from dvplug.train.export import Description
    from dvplug.train.export import export as export_model
    from dvplug.train.measured import read_metrics
    from dvplug_registry.model_folder import read_card

    about = Description(
        name=name, version=model_version, description=description, held_out=held_out, licence=licence,
        metrics=read_metrics(metrics or ()),
    )  # fmt: skip
    if card is not None:
        read_card(card)
    with reserved_folder(out, "--out"):
        export_model(fitted, tune, about, out, card, onnx)


@app.command
def first_stage(
    model: str,
    *,
    examples: Annotated[list[Path], Several],
    tune: Annotated[list[Path], Several],
    out: Path,
    units: Annotated[tuple[Whole, ...], Several] = (64, 32),
    epochs: Whole = 25,
    allowed: Number = 0.0,
    seed: Whole = 1,
) -> None:
    """Give a model a first stage: it calls by the features alone where they are enough, and no image is drawn.

    Parameters
    ----------
    model
        The model: its folder, or the name of an installed one. It stays as it is.
    examples
        Shards that its network was fitted to, or made alike.
    tune
        Shards of other regions: they calibrate it, and set the probabilities above which its answers are taken.
    out
        Model folder to make.
    units
        Sizes of its hidden layers.
    epochs
        Times that it sees every example.
    allowed
        Share of the answers taken on the tune shards that may differ from the network's.
    seed
        Seed of the initial weights and the order of the examples.
    """
    from dvplug.system.outputs import reserved_folder
    from dvplug.train.first_stage import FirstStageSettings, add_first_stage

    given = {"units": units, "epochs": epochs, "allowed": allowed, "seed": seed}
    settings = _checked(FirstStageSettings, given)
    with reserved_folder(out, "--out"):
        add_first_stage(model, examples, tune, out, settings)
