"""Sample sheets: a table of samples, their files, and who is whose child; all that is wrong is told at once."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path

from dvplug.errors import InputError, Problems, near_misses
from dvplug.genome.pedigree import require_no_circle
from dvplug.genome.ploidy import Sex
from dvplug.reads.alignments import BAM_INDEXES, CRAM_INDEXES
from dvplug.system.locations import INDEX_MARK, Location, StrPath, is_remote, location, shown

COLUMNS: Mapping[str, Sequence[str]] = {
    "sample": ("sample", "sample_id", "sample_name"),
    "patient": ("patient", "individual", "subject"),
    "reads": ("reads", "bam", "cram"),
    "index": ("bai", "crai", "index"),
    "tech": ("tech", "technology"),
    "sex": ("sex", "gender"),
    "father": ("father", "paternal_id"),
    "mother": ("mother", "maternal_id"),
    "family": ("family", "family_id"),
    "model": ("model",),
    "status": ("status",),
    "lane": ("lane",),
}
"""What is understood, and how headers name it; those of nf-core's sheets are among them."""
_ALIASES = {alias: name for name, aliases in COLUMNS.items() for alias in aliases}
_UNKNOWN = ("", "na", "n/a", "nan", "none", "null", ".", "-", "?", "unknown")
_OF_PED = ("sex", "father", "mother", "family")
"""Where 0 is unknown, as in PED files."""
_SEXES: Mapping[str, Sex | None] = {
    "male": "male", "m": "male", "xy": "male", "1": "male",
    "female": "female", "f": "female", "xx": "female", "2": "female",
    "other": None,
}  # fmt: skip
"""As people write them, as nf-core does, and as PED files do."""
_NAME = re.compile(r"(?!0\Z)[^\s/\\.#-][^\s/\\]*")
_FAMILY = re.compile(r"[^\s#]\S*")
RESERVED = "cohort"
"""The files of the whole cohort begin with it."""


@dataclass(frozen=True)
class SheetSample:
    """A sample of a sheet, as all of its lines together describe it; what is not known is empty or None."""

    name: str
    lines: tuple[int, ...]
    reads: tuple[Location, ...]
    tech: str = ""
    sex: Sex | None = None
    father: str = ""
    mother: str = ""
    family: str = ""
    model: str = ""


@dataclass(frozen=True)
class Sheet:
    """A sheet without faults in itself: whether its files can be used is looked at elsewhere.

    Attributes
    ----------
    unused
        Names of columns that mean nothing here.
    """

    path: Path
    samples: tuple[SheetSample, ...]
    unused: tuple[str, ...] = ()

    def where(self, sample: SheetSample) -> str:
        """Say where a sample stands, for messages."""
        return f"{_lines(sample.lines)} of {self.path}, sample '{sample.name}'"

    @property
    def has_parents(self) -> bool:
        """Whether it names a parent of somebody."""
        return any(sample.father or sample.mother for sample in self.samples)

    def pedigree(self) -> str:
        """Return the text of a PED file: of all samples, each family as the sheet names it, or by its first sample."""
        sexes = {"male": "1", "female": "2", None: "0"}
        families = _families(self.samples)
        return "".join(
            "\t".join(
                (families[one.name], one.name, one.father or "0", one.mother or "0", sexes[one.sex], "-9")
            )
            + "\n"
            for one in self.samples
        )


def _families(samples: Sequence[SheetSample]) -> dict[str, str]:
    """The family of each sample: its own, or that of those with whom parents join it."""
    joined = {one.name: {one.name} for one in samples}
    for one in samples:
        for parent in filter(None, (one.father, one.mother)):
            together = joined[one.name] | joined[parent]
            joined.update(dict.fromkeys(together, together))
    named: dict[str, str] = {}  # by somebody of the family
    for one in samples:
        if one.family:
            named |= dict.fromkeys(joined[one.name] - named.keys(), one.family)
    for one in samples:
        named |= dict.fromkeys(joined[one.name] - named.keys(), one.name)
    return {one.name: one.family or named[one.name] for one in samples}


@dataclass
class _Row:
    """One line, by what its columns mean."""

    line: int
    cells: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def text(self, name: str) -> str:
        """What is said under this meaning; empty where it is not known."""
        return next(iter(self.cells.get(name, ())), "")

    @property
    def sample(self) -> str:
        return self.text("sample") or self.text("patient")


def read_sheet(path: StrPath) -> Sheet:
    """Read a sheet: a table divided by tabs or commas, as its header is, in UTF-8.

    Several lines of one sample, and several files divided by ``,`` or ``;``, are that sample's files together.

    Raises
    ------
    InputError
        It cannot be read or lacks columns, or lines are wrong or contradict each other: all of them at once, each with
        its number.
    """
    place = Path(path)
    problems = Problems()
    rows, unused = _rows(place, problems)
    grouped: dict[str, list[_Row]] = {}
    for row in rows:
        with problems.collect():
            _require_name(row, place)
            grouped.setdefault(row.sample, []).append(row)
    samples = []
    for name, own in grouped.items():
        if sample := _sample(name, own, place, problems):
            samples.append(sample)
    sheet = Sheet(place, tuple(samples), unused)
    _check_together(sheet, set(grouped), problems)
    problems.raise_all()
    if not samples:
        raise InputError(f"Sample sheet {place} has no samples", repair="Add a line for each.")
    return sheet


def _rows(path: Path, problems: Problems) -> tuple[list[_Row], tuple[str, ...]]:
    """Lines that are not empty, and the columns that mean nothing; lines that are too long become problems."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"Sample sheet {path} cannot be read", cause=getattr(error, "strerror", "") or str(error)
        ) from error
    lines = (line for line in text.splitlines() if line.strip())
    head = next((line for line in lines if not _is_comment(re.split(r"[\t,]", line))), "")
    read = _read(text, "\t" if "\t" in head else ",", path)
    table = list(dropwhile(lambda line: _is_comment(line[1]), (line for line in read if any(line[1]))))
    if not table:
        raise InputError(f"Sample sheet {path} is empty", repair="The columns are sample, reads, ...")
    names = [_column(cell) for cell in table[0][1]]
    _require_columns(names, path)
    rows = []
    for number, cells in table[1:]:
        if cells[0].startswith("#"):
            continue
        with problems.collect():
            rows.append(_row(number, cells, names, path))
    unused = tuple(cell for cell, name in zip(table[0][1], names, strict=True) if name not in _ALIASES)
    return rows, unused


def _column(cell: str) -> str:
    return cell.lower().lstrip("#").strip().replace(" ", "_")


def _is_comment(cells: Sequence[str]) -> bool:
    """Whether a line before any header is none: that may begin with # too."""
    return cells[0].startswith("#") and not any(_column(cell) in _ALIASES for cell in cells)


def _read(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each line's number and cells; raises InputError where a quote would make one of several."""
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    first = 1
    try:
        for cells in reader:
            if any("\n" in cell for cell in cells):
                raise InputError(
                    f"Line {first} of {path} opens a quote that does not end in it",
                    cause=f"lines {first} to {reader.line_num} would be one",
                    repair='Leave out the ", and line breaks within cells.',
                )
            yield first, [cell.strip() for cell in cells]
            first = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"Sample sheet {path} is no table", cause=str(error)) from error


def _require_columns(names: Sequence[str], path: Path) -> None:
    meant = {_ALIASES[name] for name in names if name in _ALIASES}
    doubled = sorted({name for name in names if name in _ALIASES and names.count(name) > 1})
    if doubled:
        raise InputError(f"Sample sheet {path} has the column '{doubled[0]}' twice", repair="Leave one out.")
    missing = [] if meant & {"sample", "patient"} else ["sample"]
    missing += [] if "reads" in meant else ["reads (or bam, cram)"]
    if missing:
        fastq = any("fastq" in name or name == "fq" for name in names)
        raise InputError(
            f"Sample sheet {path} has no column {' and no column '.join(missing)}",
            cause=f"the header is {', '.join(names)}",
            repair="Align the reads first: variants are called from BAM or CRAM files."
            if fastq and "reads" not in meant
            else "Name them in the first line, divided by tabs or by commas.",
        )


def _row(number: int, cells: Sequence[str], names: Sequence[str], path: Path) -> _Row:
    if len(cells) > len(names) and any(cells[len(names) :]):
        raise InputError(
            f"Line {number} of {path} has {len(cells)} columns, and the header {len(names)}",
            cause=f"'{cells[len(names)]}' stands under nothing",
            repair="Divide all lines as the first; in a CSV, put several files into quotes, or ; between them.",
        )
    row = _Row(number)
    for name, cell in zip(names, cells, strict=False):
        column = _ALIASES.get(name, "")
        if column and cell.lower() not in _UNKNOWN and not (cell == "0" and column in _OF_PED):
            row.cells[column].append(cell)
    return row


def _require_name(row: _Row, path: Path) -> None:
    name, where = row.sample, f"Line {row.line} of {path}"
    if not name:
        raise InputError(f"{where} names no sample", repair="Fill in the column sample.")
    if not (_NAME.fullmatch(name) and name.isprintable()):
        raise InputError(
            f"{where}: the sample's name {name!r} cannot be used",
            cause="files are called by it, and it is a word in the pedigree",
            repair="Leave out blanks and slashes, and #, dots and hyphens at its beginning; 0 is nobody.",
        )
    if name.lower() == RESERVED:
        raise InputError(
            f"{where}: a sample cannot be called '{name}'",
            cause="the files of the whole cohort are called so",
            repair="Give it another name.",
        )


def _sample(name: str, rows: Sequence[_Row], path: Path, problems: Problems) -> SheetSample | None:
    """Put the lines of a sample together; None, and a problem more, where they are wrong."""
    found = len(problems.found)
    said: dict[str, str] = {}
    for column in ("tech", "sex", "father", "mother", "family", "model", "status"):
        with problems.collect():
            said[column] = _agreed(column, name, rows, path)
    where = f"{_lines([row.line for row in rows])} of {path}"
    sex: Sex | None = None
    if said.get("sex"):
        with problems.collect():
            sex = _sex(said["sex"], where)
    if said.get("status") not in (None, "", "0"):
        problems.found.append(
            InputError(
                f"{where}: status {said['status']} of sample '{name}' is not that of germline",
                cause="0 is normal and 1 a tumour, whose somatic variants are not what is called here",
                repair="Leave the sample out, or call its normal one.",
            )
        )
    if (family := said.get("family", "")) and not _FAMILY.fullmatch(family):
        problems.found.append(
            InputError(
                f"{where}: the family's name '{family}' cannot be used",
                cause="it is a word in the pedigree",
                repair="Leave out blanks, and # at its beginning.",
            )
        )
    reads: list[Location] = []
    for row in rows:
        with problems.collect():
            reads += _files(row, path, reads)
    if len(problems.found) > found:
        return None
    lines = tuple(row.line for row in rows)
    return SheetSample(
        name,
        lines,
        tuple(reads),
        said["tech"],
        sex,
        said["father"],
        said["mother"],
        said["family"],
        said["model"],
    )


def _agreed(column: str, name: str, rows: Sequence[_Row], path: Path) -> str:
    """What the lines of a sample say; raises InputError where they contradict each other."""
    said: dict[object, tuple[str, int]] = {}  # by what it means
    for row in rows:
        if text := row.text(column):
            said.setdefault(_SEXES.get(text.lower(), text) if column == "sex" else text, (text, row.line))
    if len(said) > 1:
        (first, a), (second, b) = list(said.values())[:2]
        raise InputError(
            f"Lines {a} and {b} of {path} contradict each other",
            cause=f"sample '{name}' has the {column} '{first}' in one and '{second}' in the other",
            repair="Several lines of one name are files of one sample: correct one, or rename a sample.",
        )
    return next((text for text, _ in said.values()), "")


def _sex(text: str, where: str) -> Sex | None:
    if text.lower() not in _SEXES:
        raise InputError(
            f"{where}: sex '{text}' is none",
            cause=near_misses(text.lower(), list(_SEXES)),
            repair="Write male or female (or XY, XX, 1, 2), or leave it empty.",
        )
    return _SEXES[text.lower()]


def _files(row: _Row, path: Path, before: Sequence[Location]) -> list[Location]:
    """The files of a line, each with its index where that is a URL; raises InputError."""
    where = f"Line {row.line} of {path}"
    texts = [text for cell in row.cells.get("reads", ()) for text in _several(cell)]
    indexes = [text for cell in row.cells.get("index", ()) for text in _several(cell)]
    if not texts:
        raise InputError(f"{where} names no reads", repair="Fill in the column reads, or leave the line out.")
    if indexes and len(indexes) != len(texts):
        raise InputError(f"{where} has {len(texts)} files and {len(indexes)} indexes")
    found: list[Location] = []
    for number, text in enumerate(texts):
        place = location(text)
        if indexes:
            place = _with_index(place, location(indexes[number]), where)
        if any(shown(place) == shown(other) for other in [*before, *found]):
            raise InputError(
                f"{where} names {shown(place)} again",
                cause="its reads would count twice",
                repair="Leave one of the lines out.",
            )
        found.append(place)
    return found


def _several(cell: str) -> list[str]:
    return [part.strip() for part in re.split(r"[;,]", cell) if part.strip()]


def _with_index(place: Location, index: Location, where: str) -> Location:
    if is_remote(place):
        return place if INDEX_MARK in str(place) else f"{place}{INDEX_MARK}{index}"
    file = Path(place)
    suffixes = (*BAM_INDEXES, *CRAM_INDEXES)
    beside = {Path(f"{file}{suffix}") for suffix in suffixes} | {file.with_suffix(s) for s in suffixes}
    if Path(index) not in beside:
        raise InputError(
            f"{where}: the index {index} is not where that of {file} is looked for",
            cause="it is looked for beside the file",
            repair=f"ln -s {index} {file}{Path(index).suffix}",
        )
    return place


def _check_together(sheet: Sheet, named: set[str], problems: Problems) -> None:
    """Look at what lines say of each other: parents, and names of outputs that several samples have."""
    by_name = {one.name: one for one in sheet.samples}
    roles: dict[str, str] = {}
    first: dict[str, SheetSample] = {}
    for sample in sheet.samples:
        where = sheet.where(sample)
        if sample.father and sample.father == sample.mother:
            problems.found.append(
                InputError(
                    f"{where} has '{sample.father}' as father and as mother", repair="Correct one of them."
                )
            )
            continue
        for parent, sex in ((sample.father, "male"), (sample.mother, "female")):
            with problems.collect():
                if parent:
                    _require_parent(parent, sex, where, named, by_name.get(parent))
                    _require_role(parent, sex, where, roles)
        others = [first.setdefault(output, sample) for output in _outputs(sample)]
        if other := next((one for one in others if one is not sample), None):
            problems.found.append(
                InputError(
                    f"{where} has the same names of outputs as sample '{other.name}' ({_lines(other.lines)})",
                    repair="Rename one of them.",
                )
            )
    with problems.collect():
        require_no_circle({s.name: (s.father, s.mother) for s in sheet.samples}, f"Sample sheet {sheet.path}")


def _require_parent(parent: str, sex: str, where: str, named: set[str], known: SheetSample | None) -> None:
    what = "father" if sex == "male" else "mother"
    if parent not in named:
        raise InputError(
            f"{where}: its {what} '{parent}' is not in the sheet",
            cause=near_misses(parent, sorted(named)),
            repair="Name a sample of the sheet, or leave it empty.",
        )
    if known and known.sex and known.sex != sex:
        raise InputError(
            f"{where}: its {what} '{parent}' is {known.sex} in {_lines(known.lines).lower()}",
            repair="Correct one of them.",
        )


def _require_role(parent: str, sex: str, where: str, roles: dict[str, str]) -> None:
    if roles.setdefault(parent, sex) != sex:
        raise InputError(
            f"{where}: '{parent}' is father of one sample and mother of another",
            repair="Correct one of them.",
        )


def _outputs(sample: SheetSample) -> list[str]:
    """Names of a sample's outputs, as file systems see them that do not tell upper and lower case apart."""
    return [f"{sample.name}{suffix}".lower() for suffix in (".vcf.gz", ".g.vcf.gz", ".html")]


def _lines(numbers: Sequence[int]) -> str:
    return f"Line{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
