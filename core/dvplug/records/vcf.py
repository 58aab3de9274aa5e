"""Write VCF 4.2: the header, record lines, and files that appear only when whole."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, TextIO

import pysam

from dvplug._version import __version__
from dvplug.errors import InputError, unwritable
from dvplug.line.record import Note, VcfRecord
from dvplug.system.bgzf import BlockWriter
from dvplug.system.outputs import TBI_MAX, VCF_SUFFIXES, Together, is_compressed, require_place

MAX_PL = 990
"""Of genotypes with an allele that is not listed, and of reference blocks (DeepVariant)."""

LENGTH_LINES = """\
##INFO=<ID=SVTYPE,Number=1,Type=String,Description="INS or DEL, of an indel of 50 bp or more">
##INFO=<ID=SVLEN,Number=.,Type=Integer,Description="Difference in length between REF and ALT alleles">
"""
_FIELDS = f"""\
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=RefCall,Description="The called genotype is homozygous reference">
##FILTER=<ID=LowQual,Description="QUAL is below the threshold of this run">
##FILTER=<ID=LowGQ,Description="GQ is below the threshold of this run">
##FILTER=<ID=NoCall,Description="The site was proposed, but no read tells of it">
##INFO=<ID=PROPOSED,Number=0,Type=Flag,Description="Genotyped because the user proposed it">
{LENGTH_LINES}##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Phred probability that the genotype is wrong">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads used at the site">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads that support each allele">
##FORMAT=<ID=VAF,Number=A,Type=Float,Description="Fraction of DP that supports each alternate allele">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred likelihood of each genotype, the best 0">
"""
PHASE_LINE = (
    '##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set: position of its block\'s first call">'
)
LONG_INDEL = 50
"""bp of an indel from which on a record has SVTYPE and SVLEN."""
_UNWRITABLE = ("Cc", "Cs", "Zl", "Zp")
"""Categories of Unicode: control characters, bytes of a name that is not UTF-8, separators of lines and paragraphs."""
_SPECIAL = '"\\<>,='
"""What ends a value in a structured line of a header."""
_GVCF_FIELDS = """\
##ALT=<ID={name},Description="Any allele that is not listed">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last position of a reference block">
##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Least number of reads at a base of the block">
"""


def header(
    lengths: Mapping[str, int],
    sample: str,
    *,
    reference: str,
    command: str,
    model: str,
    model_sha256: str,
    plugins: Mapping[str, str],
    gvcf_symbol: str = "",
) -> str:
    """Return the header text, with its final newline. It has no date: same run, same bytes.

    Parameters
    ----------
    lengths
        Length of each contig of the reference, in its order. Their names, and the sample's, were checked.
    sample
        Name of the only sample.
    reference
        Path of the reference; only its file name is written.
    command
        What was run. Leave out of it what must not change the bytes, such as the number of workers. In it, in file
        names and in names of plugins, control characters are written ``%1B`` (VCF 4.3, section 1.2).
    model, model_sha256
        ``name@version`` and the digest of its weights.
    plugins
        Distribution to version, of all plugins that took part.
    gvcf_symbol
        In a gVCF: the allele that stands for all that are not listed.
    """
    contigs = "".join(f"##contig=<ID={name},length={length}>\n" for name, length in lengths.items())
    used = "".join(
        f'##dvplugPlugin=<ID={_encoded(name, _SPECIAL)},Version="{_encoded(version, _SPECIAL)}">\n'
        for name, version in sorted(plugins.items())
    )
    return (
        "##fileformat=VCFv4.2\n"
        f"{_FIELDS}"
        f"{_GVCF_FIELDS.format(name=gvcf_symbol.strip('<>')) if gvcf_symbol else ''}"
        f"##source=dvplug {__version__}\n"
        f"##dvplugCommand={_encoded(' '.join(command.split()))}\n"
        f'##dvplugModel=<ID={model},SHA256="{model_sha256}">\n'
        f"{used}"
        f"##reference={_encoded(Path(reference).name)}\n"
        f"{contigs}"
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n"
    )


def _encoded(text: str, special: str = "") -> str:
    """Percent-encode the bytes of control characters, of what is no text, and of these characters."""
    return "".join(
        "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))
        if character in special or unicodedata.category(character) in _UNWRITABLE
        else character
        for character in text
    )


def format_record(record: VcfRecord, symbol: str = "") -> str:
    """Return the line of a record, with its newline.

    Parameters
    ----------
    symbol
        In a gVCF: the allele that stands for all that are not listed, ``<*>`` or ``<NON_REF>``. No read supports it.
    """
    return _formatted(record, (symbol,))[0]


def format_in_both(record: VcfRecord, symbol: str) -> tuple[str, str]:
    """Return its lines in a VCF and in a gVCF with this symbol, in little more time than one of them takes."""
    in_vcf, in_gvcf = _formatted(record, ("", symbol))
    return in_vcf, in_gvcf


def _formatted(record: VcfRecord, symbols: Sequence[str]) -> list[str]:
    """The line of a record for each symbol."""
    contig, start, ref, alts, qual, filter_, gt, gq, dp, ad, vaf, pl, proposed, notes, phased, block = record
    place = f"{contig}\t{start + 1}\t.\t{ref}\t{','.join(alts)}"
    quality = f"{qual:g}\t{filter_}"
    call = f"{('|' if phased else '/').join(map(str, gt)) or './.'}:{gq}:{dp}:{','.join(map(str, ad))}"
    fractions, likelihoods = ",".join([f"{fraction:.4g}" for fraction in vaf]), ",".join(map(str, pl))
    lines = []
    for symbol in symbols:
        alt, reads, fraction, likelihood = "", "", "", ""
        if symbol:
            alt, reads, fraction = f",{symbol}", ",0", ",0"
            likelihood = f",{MAX_PL}" * (1 if len(pl) == len(alts) + 1 else len(alts) + 2)
        info = with_lengths("PROPOSED" if proposed else ".", ref, (*alts, symbol) if symbol else alts)
        keys, values = "", ""
        if notes:
            info, keys, values = _noted(info, notes, symbol)
        if block is not None:
            keys, values = f"{keys}:PS", f"{values}:{block}"
        lines.append(
            f"{place}{alt}\t{quality}\t{info}\tGT:GQ:DP:AD:VAF:PL{keys}\t"
            f"{call}{reads}:{fractions}{fraction}:{likelihoods}{likelihood}{values}\n"
        )
    return lines


def with_lengths(info: str, ref: str, alts: Sequence[str]) -> str:
    """INFO with SVTYPE, by the alt that differs most, and SVLEN of each alt, below 0 of deletions (VCF 4.2, 5.3).

    It stays as it is where no alt differs in length by `LONG_INDEL` bp. Of ``*`` and alleles as `<*>` nothing is told.
    """
    if max(map(len, (ref, *alts))) <= LONG_INDEL:
        return info
    lengths = [None if alt[0] in "*<" else len(alt) - len(ref) for alt in alts]
    longest = max((length for length in lengths if length is not None), key=abs, default=0)
    if abs(longest) < LONG_INDEL:
        return info
    values = ",".join("." if length is None else str(length) for length in lengths)
    told = f"SVTYPE={'INS' if longest > 0 else 'DEL'};SVLEN={values}"
    return told if info == "." else f"{info};{told}"


def _noted(info: str, notes: Sequence[Note], symbol: str) -> tuple[str, str, str]:
    """INFO with what annotations added, and what they add to FORMAT and to its values."""
    infos, keys, values = [] if info == "." else [info], "", ""
    for note in notes:
        more = (
            (".",) if symbol and note.number in ("A", "R") else ()
        )  # of the allele that stands for all others
        text = ",".join((*note.values, *more))
        if note.column == "INFO":
            infos.append(f"{note.id}={text}" if note.number != "0" else note.id)
        else:
            keys, values = f"{keys}:{note.id}", f"{values}:{text}"
    return ";".join(infos) or ".", keys, values


def with_header_lines(text: str, lines: Iterable[str]) -> str:
    """Return a header with these ``##`` lines, without their ends, put before its contigs."""
    at = text.find("\n##contig=") + 1 or text.index("\n#CHROM") + 1
    return text[:at] + "".join(f"{line}\n" for line in lines) + text[at:]


class VcfWriter:
    """Write a VCF file that appears under its name, with its index, only when it is whole.

    A path that ends in ``.vcf.gz`` is compressed with BGZF and indexed, ``.vcf`` is text, ``-`` is text on
    stdout, which cannot be taken back. As a context manager it commits at the end, or removes what it wrote
    when an exception passes.

    Parameters
    ----------
    group
        Files that it shall appear with: then it is moved in, or removed, with them.

    Raises
    ------
    InputError
        The output cannot be written: said by the constructor where that can be known before any work, and
        by the other methods when, for example, the disk is full.
    """

    def __init__(self, path: str | Path, header: str, group: Together | None = None) -> None:
        self.path = Path(path)
        self._is_stdout = str(path) == "-"
        self._index = _index_suffix(header) if is_compressed(self.path) else ""
        self._group, self._is_alone = group or Together(), group is None
        self.unfinished: Path | None = None
        if self._is_stdout:
            self._file: Any = _stdout()
        else:
            require_place(self.path, VCF_SUFFIXES, "--out")
            try:
                self.unfinished = self._group.begin(self.path, ".vcf.gz" if self._index else ".vcf")
                self._file = BlockWriter(self.unfinished) if self._index else self.unfinished.open("wb")
            except OSError as error:
                raise self._failed(error) from error
        self.write_text(header)

    def write(self, records: Iterable[VcfRecord]) -> None:
        """Write records; all that come must be sorted."""
        self.write_text("".join(map(format_record, records)))

    def write_text(self, lines: str) -> None:
        """Write whole lines, such as those of a region that a worker formatted; aborts when that fails."""
        self.write_bytes(lines.encode())

    def write_bytes(self, lines: bytes | memoryview) -> None:
        """Write whole lines, in UTF-8; aborts when that fails."""
        try:
            self._file.write(str(lines, "utf-8") if self._file is sys.stdout else lines)
        except BrokenPipeError:  # of stdout: what reads it has enough
            raise
        except OSError as error:
            self.abort()
            raise self._failed(error) from error

    def close(self) -> None:
        """Finish the file and index it, and move both into place if it is alone; nothing is left if that fails."""
        try:
            if self._is_stdout:
                self._file.flush()
                return
            self._file.close()
            if self._index:
                made = Path(f"{self.unfinished}{self._index}")
                self._make_index(made)
                self._group.take_index(made, self.path, self._index)
            if self._is_alone:
                self._group.keep()
        except BrokenPipeError:
            raise
        except OSError as error:
            self.abort()
            raise self._failed(error) from error
        except BaseException:  # such as Ctrl-C
            self.abort()
            raise

    def _make_index(self, _made: Path) -> None:
        pysam.tabix_index(str(self.unfinished), preset="vcf", force=True, csi=self._index == ".csi")

    def abort(self) -> None:
        """Remove what was written; what was under the name before stays."""
        if self._is_stdout:
            return
        with suppress(OSError):  # the file goes, so that its last block no longer matters
            self._file.close()
        with suppress(OSError):
            Path(f"{self.unfinished}{self._index or '.tbi'}").unlink(missing_ok=True)
        self._group.discard()

    def _failed(self, error: OSError) -> InputError:
        return unwritable(f"Output {'to stdout' if self._is_stdout else self.path}", error)

    def __enter__(self) -> VcfWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


def _stdout() -> BinaryIO | TextIO:
    """Stdout, for UTF-8 whatever the locale if it is a file; raises InputError where it is closed."""
    if sys.stdout is None:
        raise InputError(
            "Output to stdout cannot be written", cause="it is closed", repair="Name a file with --out."
        )
    sys.stdout.flush()
    return getattr(sys.stdout, "buffer", sys.stdout)  # a notebook has text alone


def _index_suffix(header: str) -> str:
    longest = max(map(int, re.findall(r"^##contig=.*length=(\d+)", header, re.MULTILINE)), default=0)
    return ".csi" if longest > TBI_MAX else ".tbi"
