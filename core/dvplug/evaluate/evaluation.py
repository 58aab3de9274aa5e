"""Count what calls have right and wrong: all of it, by stratum, and that of the candidates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from dvplug.errors import Problems
from dvplug.evaluate.annotate import annotated_outputs, take_annotated, write_annotated
from dvplug.evaluate.candidates import Candidate, count_candidates, load_candidates
from dvplug.evaluate.compare import compare, require_a_contig_of
from dvplug.evaluate.emptiness import QUERY_IS_EMPTY, TRUTH_IS_EMPTY, nothing_counts
from dvplug.evaluate.haplotypes import MAX_STATES
from dvplug.evaluate.happy import happy_csv
from dvplug.evaluate.regions import ConfidentRegions
from dvplug.evaluate.result import Evaluation
from dvplug.evaluate.subsets import INDEL, SNP, WHOLE, count_subset, read_strata
from dvplug.evaluate.variants import Callset, load_callset, open_vcf
from dvplug.genome.reference import Reference
from dvplug.system.input_states import InputStates
from dvplug.system.locations import StrPath
from dvplug.system.outputs import Output, Together, made_folder, reserved


@dataclass(frozen=True)
class Also:
    """What `evaluate` is to count and write besides the calls in all confident regions.

    Attributes
    ----------
    candidates
        The candidates that the query holds beside its calls.
    strata
        List of BED files, see `read_strata`: the calls in each.
    happy_csv
        Where the table goes that hap.py calls extended.csv.
    """

    candidates: bool = False
    strata: StrPath | None = None
    happy_csv: StrPath | None = None

    @property
    def outputs(self) -> list[Output]:
        """What is written."""
        return [Output("--happy-csv", Path(self.happy_csv), (".csv",))] if self.happy_csv is not None else []

    def write(self, result: Evaluation, group: Together) -> None:
        """Write what an evaluation found, to appear with the group."""
        if self.happy_csv is not None:
            group.write(Path(self.happy_csv), happy_csv(result).encode())


def evaluate(
    truth: StrPath,
    query: StrPath,
    confident: StrPath,
    reference: StrPath,
    *,
    out_dir: StrPath | None = None,
    all_filters: bool = False,
    max_states: int = MAX_STATES,
    also: Also = Also(),
) -> Evaluation:
    """Count true and false positives and false negatives of `query`, whatever the representation.

    Parameters
    ----------
    truth, query
        One-sample VCFs.
    confident
        BED of the regions in which the truth is complete. All variants take part in the matching; a truth
        variant or a false positive is counted when the bases it changes touch a region, a true positive call
        when it matches a counted truth variant (vcfeval's `--evaluation-regions`).
    reference
        FASTA with `.fai`.
    out_dir
        Where tp.vcf.gz and fp.vcf.gz (records of the query) and fn.vcf.gz (of the truth) go, with indexes.
    all_filters
        Count query records that their FILTER rejects, too.
    max_states
        Bound of the search, see `Evaluation.searched_in_part`.
    also
        What else to count.

    Raises
    ------
    InputError
        Unreadable files, contigs that do not fit, a REF that is not in the reference, no candidates where they are to
        be counted. Where several things are wrong: `ManyProblems`.
    """
    inputs = Inputs(truth, query, confident, reference, all_filters, also)
    place = None if out_dir is None else Path(out_dir)
    outputs = [*(annotated_outputs(place) if place else ()), *also.outputs]
    if not outputs:
        return evaluated(inputs, None, max_states)
    with (
        made_folder(place, "--out-dir") if place else nullcontext(),
        reserved(outputs, inputs.paths),
        TemporaryDirectory(dir=place, prefix=".unfinished-", ignore_cleanup_errors=True) as made,
        Together() as group,
    ):
        found = evaluated(inputs, Path(made) if place else None, max_states)
        also.write(found, group)
        if place:
            take_annotated(Path(made), place, group)
    return found


@dataclass(frozen=True)
class Inputs:
    """What is evaluated; the parameters of `evaluate`."""

    truth: StrPath
    query: StrPath
    confident: StrPath
    reference: StrPath
    all_filters: bool = False
    also: Also = Also()

    @property
    def paths(self) -> list[Path]:
        """The files that are named, but for those that the list of strata names."""
        named = (self.truth, self.query, self.confident, self.reference, self.also.strata)
        return [Path(path) for path in named if path is not None]

    def require(self) -> None:
        """Look at all of them; raises as `evaluate` does, but for a REF that is not in the reference."""
        with _read(self):
            pass


@dataclass(frozen=True)
class _Opened:
    """The inputs, read."""

    truth: Callset
    query: Callset
    confident: ConfidentRegions
    reference: Reference
    strata: Mapping[str, ConfidentRegions]
    candidates: Mapping[str, list[Candidate]] | None


def evaluated(inputs: Inputs, folder: Path | None, max_states: int = MAX_STATES) -> Evaluation:
    """Evaluate as `evaluate` does, but for its outputs: ``folder`` is where the annotated VCFs go."""
    with InputStates.of(inputs.paths).watched():
        return _evaluated(inputs, folder, max_states)


def _evaluated(inputs: Inputs, folder: Path | None, max_states: int) -> Evaluation:
    with _read(inputs) as opened:
        confident, reference = opened.confident, opened.reference
        comparison = compare(opened.truth, opened.query, confident, reference, max_states)
        candidates = None
        if opened.candidates is not None:
            candidates = count_candidates(opened.truth, opened.candidates, confident, reference, max_states)
        whole = ConfidentRegions((contig, 0, reference.lengths[contig]) for contig in confident.contigs)
    subsets = {
        name: count_subset(comparison.truth, comparison.query, subset, confident)
        for name, subset in {WHOLE: whole, **opened.strata}.items()
    }
    if folder is not None:
        write_annotated(folder, inputs.truth, inputs.query, comparison.truth, comparison.query)
    of_both = zip((opened.truth, opened.query), comparison.left_aside, strict=True)
    left_of_truth, left_of_query = (dict(Counter(calls.left_aside) + more) for calls, more in of_both)
    snp, indel = (subsets[WHOLE].counts(kind) for kind in (SNP, INDEL))
    where, empty = (confident, inputs.confident), list[str]()
    if snp.recall is None and indel.recall is None:
        empty.append(nothing_counts(opened.truth, left_of_truth, *where, TRUTH_IS_EMPTY))
    if snp.precision is None and indel.precision is None:
        empty.append(nothing_counts(opened.query, left_of_query, *where, QUERY_IS_EMPTY))
    return Evaluation(
        snp,
        indel,
        left_of_truth,
        left_of_query,
        tuple(comparison.searched_in_part),
        subsets,
        candidates,
        inputs.all_filters,
        tuple(empty),
    )


@contextmanager
def _read(inputs: Inputs) -> Iterator[_Opened]:
    """Read all inputs; raises as `evaluate`, of everything that is wrong at once."""
    problems = Problems()
    fasta, regions, candidates = None, None, None
    callsets: list[Callset] = []
    strata: dict[str, ConfidentRegions] = {}
    with ExitStack() as opened:
        with problems.collect():
            fasta = opened.enter_context(Reference.open(inputs.reference))
        if fasta:
            with problems.collect():
                regions = ConfidentRegions.from_bed(inputs.confident, fasta.lengths)
        with problems.collect():
            for name, bed in read_strata(inputs.also.strata).items() if inputs.also.strata else ():
                if fasta:
                    with problems.collect():
                        strata[name] = ConfidentRegions.from_bed(bed, fasta.lengths)
        for path, all_of_them, ends in (
            (inputs.truth, False, True),
            (inputs.query, inputs.all_filters, False),
        ):
            with problems.collect():
                if fasta is None or regions is None:
                    open_vcf(path).close()  # no more can be said of it
                    continue
                # A truth may be of more than a reference that was cut; calls beyond it are of another one.
                lengths = fasta.lengths if ends else None
                callset = load_callset(
                    path, all_filters=all_of_them, only_contigs=regions.contigs, lengths=lengths
                )
                require_a_contig_of(regions, inputs.confident, callset)
                callsets.append(callset)
                if inputs.also.candidates and not ends:
                    candidates = load_candidates(path, regions.contigs)
        problems.raise_all()
        assert fasta is not None
        assert regions is not None
        yield _Opened(callsets[0], callsets[1], regions, fasta, strata, candidates)
