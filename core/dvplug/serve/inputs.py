"""What a run reads, laid into its own folder under names of ours: links to what lies here, copies of what was fetched.

So no name that a client gave reaches the command, and an index lies beside its file. All of it can be done twice.
"""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dvplug.errors import DvplugError, InputError, Problems
from dvplug.serve.errors import ServiceError
from dvplug.serve.places import UPLOAD, Places
from dvplug.serve.requests import RunRequest, SampleRequest
from dvplug.serve.transfer import RemoteSource, TransferLimits, fetch, read_htsget, resolve_drs
from dvplug_registry.files import write_whole
from dvplug_registry.safe_text import masked

HTSGET = ("htsget://", "htsget+https://", "htsget+http://")
REMOTE = ("http://", "https://", "drs://", *HTSGET)
_BGZF = b"\x1f\x8b"
_INDEXES = {"bam": (".bai", ".csi"), "cram": (".crai",), "fa": (".fai",), "fa.gz": (".fai", ".gzi")}
MOST_TAR_FILES = 10_000


@dataclass(frozen=True)
class LaidInputs:
    """Names of a run's inputs, as the command gets them: paths within the folder of the run.

    Of a cohort, ``reads`` are those of all samples, which ``sheet`` names.
    """

    ref: str
    reads: tuple[str, ...]
    bed: str | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class Transfer:
    """How inputs are fetched.

    Attributes
    ----------
    limits
        Of each.
    cancelled
        Asked now and then; what is fetched is left where it is when it says so.
    tell
        Told what is fetched, or unpacked, and bytes so far; raises DvplugError where there is no room for more.
    """

    limits: TransferLimits
    cancelled: Callable[[], bool]
    tell: Callable[[str, int], None]


def is_remote_input(text: str) -> bool:
    """Whether an input has to be fetched."""
    return text.lower().startswith(REMOTE)


def remote_inputs(request: RunRequest) -> list[str]:
    """The inputs of a request that have to be fetched."""
    return [one for one in _all_inputs(request) if is_remote_input(one)]


def _all_inputs(request: RunRequest) -> list[str]:
    single = [one for one in (request.ref, request.ref_tarball, request.regions_bed) if one]
    indexes = [*request.indexes, *(one for sample in request.samples for one in sample.indexes)]
    return [*request.all_reads(), *indexes, *single]


def check_names(request: RunRequest, places: Places, owner: str) -> None:
    """Look whether all inputs that lie here are there, and are this owner's; raises all that is wrong."""
    problems = Problems()
    for one in _all_inputs(request):
        if not is_remote_input(one):
            with problems.collect():
                local_input(one, places, owner)
    problems.raise_all()


def local_input(text: str, places: Places, owner: str) -> Path:
    """Return the file of an input that lies here; raises ServiceError, for another owner's upload as for none."""
    if not text.startswith(UPLOAD):
        return places.file(text)
    folder = places.upload(text.removeprefix(UPLOAD))
    try:
        meta = json.loads((folder / "meta.json").read_bytes())
        if meta["owner"] == owner and (folder / "content").stat().st_size == meta["length"]:
            return folder / "content"
        problem = "is not complete" if meta["owner"] == owner else ""
    except (OSError, ValueError, KeyError):
        problem = ""
    raise ServiceError(
        422,
        f"The upload '{text.removeprefix(UPLOAD)}' {problem or 'is not there'}",
        repair="Go on with it." if problem else "Upload the file again: uploads are kept for a time only.",
    )


def lay_inputs(
    request: RunRequest, folder: Path, places: Places, owner: str, transfer: Transfer
) -> LaidInputs:
    """Lay the inputs of a run into its folder, once.

    Parameters
    ----------
    folder
        Of the run. What a killed service had fetched of a file is gone on with.

    Raises
    ------
    DvplugError
        An input is not there, or cannot be fetched.
    """
    if laid := laid_before(folder):
        return laid
    into = folder / "inputs"
    into.mkdir(parents=True, exist_ok=True)

    def get(text: str, name: str) -> Path:
        return _lay(text, into / name, places, owner, transfer)

    def _lay_reads(prefix: str, texts: Sequence[str], indexes: Sequence[str]) -> list[Path]:
        found = []
        for number, text in enumerate(texts, 1):
            place = _named(get(text, f"{prefix}reads-{number}"), _alignment_suffix)
            if indexes:
                index = get(indexes[number - 1], f"{prefix}index-{number}")
                _link(index, Path(f"{place}{_index_suffix(index, place)}"))
            else:
                _lay_index(text, place, places, owner)
            found.append(place)
        return found

    if request.ref_tarball:
        ref = _from_tar(get(request.ref_tarball, "reference.tar"), into, transfer)
    else:
        assert request.ref is not None
        ref = _named(get(request.ref, "reference"), _fasta_suffix)
        _lay_index(request.ref, ref, places, owner)
    reads = _lay_reads("", request.reads, request.indexes)
    rows = []
    for number, sample in enumerate(request.samples, 1):
        rows.append((sample, _lay_reads(f"s{number}-", sample.reads, sample.indexes)))
        reads += rows[-1][1]
    bed = get(request.regions_bed, "regions.bed") if request.regions_bed else None
    laid = LaidInputs(
        f"inputs/{ref.name}",
        tuple(f"inputs/{one.name}" for one in reads),
        f"inputs/{bed.name}" if bed else None,
        _SHEET if rows else None,
    )
    if rows:
        write_whole(folder / _SHEET, _sheet(rows).encode())
    write_whole(folder / _LAID, json.dumps(asdict(laid)).encode())
    return laid


_LAID, _SHEET = "inputs.json", "samples.tsv"


def laid_before(folder: Path) -> LaidInputs | None:
    """What was laid into the folder of a run before, if all was."""
    if not (folder / _LAID).is_file():
        return None
    kept = json.loads((folder / _LAID).read_bytes())
    return LaidInputs(kept["ref"], tuple(kept["reads"]), kept["bed"], kept["sheet"])


def _sheet(rows: Sequence[tuple[SampleRequest, list[Path]]]) -> str:
    """The sample sheet of `dvplug cohort`: a line for each file of reads. No word of a client ends its cell."""
    text = io.StringIO()
    sheet = csv.writer(text, delimiter="\t", lineterminator="\n")
    sheet.writerow(("sample", "reads", *_OF_SHEET))
    for sample, reads in rows:
        more = [getattr(sample, name) or "" for name in _OF_SHEET]
        sheet.writerows((sample.sample, f"inputs/{one.name}", *more) for one in reads)
    return text.getvalue()


_OF_SHEET = ("tech", "sex", "father", "mother", "model")


def as_given(problems: list[dict[str, str]], request: RunRequest, laid: LaidInputs) -> list[dict[str, str]]:
    """Have problems speak of inputs by the names that the client gave, in place of those in the run's folder."""
    given = dict(zip(laid.reads, request.all_reads(), strict=True))
    given[laid.ref] = request.ref or request.ref_tarball or ""
    if laid.bed and request.regions_bed:
        given[laid.bed] = request.regions_bed
    told = []
    for one in problems:
        for name, by_client in given.items():
            one = {part: text.replace(name, masked(by_client)) for part, text in one.items()}
        told.append(one)
    return told


def _lay(text: str, place: Path, places: Places, owner: str, transfer: Transfer) -> Path:
    """Link or fetch one input."""
    if text.startswith(UPLOAD):
        _keep(local_input(text, places, owner), place)
    elif not is_remote_input(text):
        _link(local_input(text, places, owner), place)
    elif not place.exists():
        _fetch(text, place, transfer)
    return place


def _fetch(text: str, place: Path, transfer: Transfer) -> None:
    def tell(done: int, _: int | None) -> None:
        transfer.tell(place.name, done)

    scheme = text.lower()
    if scheme.startswith(HTSGET):
        url = text[len("htsget+") :] if scheme.startswith("htsget+") else f"https{text[len('htsget') :]}"
        read_htsget(url, place, transfer.limits, cancelled=transfer.cancelled, progress=tell)
        return
    sources = [RemoteSource(text)]
    if scheme.startswith("drs://"):
        sources = resolve_drs(text, transfer.limits, cancelled=transfer.cancelled)
    failed: DvplugError | None = None
    for source in sources:
        try:
            fetch(source, place, transfer.limits, cancelled=transfer.cancelled, progress=tell)
            return
        except DvplugError as error:
            failed = failed or error
    raise failed or InputError(
        f"{masked(text)} offers no way that can be taken", repair="Give a URL that begins with https:."
    )


def _keep(target: Path, place: Path) -> None:
    """Have a file that may be thrown away meanwhile: a second name of it, where the file system has those."""
    place.unlink(missing_ok=True)
    try:
        place.hardlink_to(target)
    except OSError:
        _link(target, place)


def _link(target: Path, place: Path) -> None:
    place.unlink(missing_ok=True)
    place.symlink_to(target)


def _named(place: Path, suffix_of: Callable[[bytes], str]) -> Path:
    """Give a laid file the suffix of what it is, by its first bytes; the old name stays as a link."""
    with place.open("rb") as file:
        begin = file.read(4)
    named = place.with_name(f"{place.name}.{suffix_of(begin)}")
    _link(Path(place.name), named)
    return named


def _fasta_suffix(begin: bytes) -> str:
    return "fa.gz" if begin.startswith(_BGZF) else "fa"


def _alignment_suffix(begin: bytes) -> str:
    return "cram" if begin == b"CRAM" else "bam"


def _index_suffix(index: Path, of: Path) -> str:
    """The suffix of an index by its first bytes: BAI, CSI (packed) or CRAI (packed)."""
    if of.suffix == ".cram":
        return ".crai"
    with index.open("rb") as file:
        return ".bai" if file.read(4) == b"BAI\1" else ".csi"


def _lay_index(text: str, laid: Path, places: Places, owner: str) -> None:
    """Link the indexes that lie beside a file of the service; what has none gets one made: see `serve/indexing.py`."""
    if is_remote_input(text) or text.startswith(UPLOAD):
        return
    original = local_input(text, places, owner)
    named = places.files / text  # the index lies beside the name, also where that is a link
    for suffix in _INDEXES[laid.name.partition(".")[2]]:
        candidates = [Path(f"{one}{suffix}") for one in (named, original)]
        candidates += (
            [one.with_suffix(suffix) for one in (named, original)] if suffix in (".bai", ".crai") else []
        )
        found = next((one for one in candidates if one.is_file()), None)
        if found is not None:
            _link(found, Path(f"{laid}{suffix}"))


def _from_tar(path: Path, into: Path, transfer: Transfer) -> Path:
    """Take the one FASTA, and its indexes, out of a tar, packed or not: plain files alone, under names of ours."""
    wanted: dict[str, str] = {}
    try:
        with tarfile.open(path, "r:*") as tar:
            for number, member in enumerate(tar):
                name = Path(member.name).name.lower()
                suffix = next((one for one in _IN_TAR if name.endswith(one)), None)
                if number >= MOST_TAR_FILES:
                    raise _not_a_reference(path, f"it holds more than {MOST_TAR_FILES} files")
                if suffix is None or not member.isreg() or name.startswith("."):
                    continue
                kind = _IN_TAR[suffix]
                if kind in wanted:
                    raise _not_a_reference(path, f"it holds two: {wanted[kind]} and {Path(member.name).name}")
                if member.size > transfer.limits.max_bytes:
                    raise _not_a_reference(
                        path, f"it unpacks to more than {transfer.limits.max_bytes:,} bytes"
                    )
                wanted[kind] = Path(member.name).name
                _copy_member(tar, member, into / f"reference.{kind}", transfer)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise _not_a_reference(path, str(error)) from error
    bodies = [kind for kind in ("fa", "fa.gz") if kind in wanted]
    if len(bodies) != 1:
        raise _not_a_reference(path, f"it holds {', '.join(wanted.values()) or 'no FASTA'}")
    return into / f"reference.{bodies[0]}"


_IN_TAR = {
    f"{fasta}{packed}{index}": f"fa{packed}{index}"
    for fasta in (".fa", ".fasta", ".fna")
    for packed in (".gz", "")
    for index in (".fai", ".gzi", "")
}
_IN_TAR = dict(sorted(_IN_TAR.items(), key=lambda one: -len(one[0])))
"""Suffix of a member, and that under which it is kept; longer ones first."""


def _copy_member(tar: tarfile.TarFile, member: tarfile.TarInfo, place: Path, transfer: Transfer) -> None:
    source = tar.extractfile(member)
    assert source is not None
    with place.open("wb") as out:
        while block := source.read(1 << 20):
            out.write(block)
            transfer.tell(place.name, out.tell())


def _not_a_reference(path: Path, why: str) -> InputError:
    return InputError(
        "The reference's tar cannot be used",
        cause=why,
        repair="Pack one FASTA and its index: tar czf ref.tar.gz genome.fa genome.fa.fai",
    )


def missing_indexes(folder: Path, laid: LaidInputs) -> Sequence[str]:
    """Of a run's laid inputs, those without an index, which has to be made first."""
    found = []
    for name in (laid.ref, *laid.reads):
        suffixes = _INDEXES[Path(name).name.partition(".")[2]]
        wanted = suffixes if name == laid.ref else suffixes[:1]
        have = [one for one in suffixes if Path(f"{folder / name}{one}").exists()]
        if len(have) < len(wanted):
            found.append(name)
    return found
