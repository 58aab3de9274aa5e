"""Write the judged records as VCFs that say what was found."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from pathlib import Path

import pysam

from dvplug.errors import InputError, unwritable
from dvplug.evaluate.variants import open_vcf
from dvplug.evaluate.verdicts import Verdict
from dvplug.system.htslib import isolated_htslib
from dvplug.system.locations import StrPath
from dvplug.system.outputs import TBI_MAX, VCF_INDEXES, Output, Together, told

ANNOTATED = ("tp.vcf.gz", "fp.vcf.gz", "fn.vcf.gz")
"""The files, of which each has a .tbi."""
WHY_LINE = (
    "##INFO=<ID=EVAL_WHY,Number=1,Type=String,"
    'Description="Why there is no match: genotype_mismatch (same alleles'
    ' in another genotype), allele_mismatch (other alleles in the same place) or absent">'
)


def annotated_outputs(out_dir: Path) -> list[Output]:
    """What `write_annotated` writes into a folder."""
    return [Output("--out-dir", out_dir / name, (".vcf.gz",)) for name in ANNOTATED]


def write_annotated(
    folder: Path,
    truth: StrPath,
    query: StrPath,
    truth_verdicts: Iterable[Verdict],
    query_verdicts: Iterable[Verdict],
) -> None:
    """Write tp.vcf.gz and fp.vcf.gz (from the query) and fn.vcf.gz (from the truth), bgzipped and indexed.

    Raises InputError when a VCF is not sorted.
    """
    query_verdicts = list(query_verdicts)
    for name, path, verdicts in zip(
        ANNOTATED, (query, query, truth), (query_verdicts, query_verdicts, truth_verdicts), strict=True
    ):
        status = name.partition(".")[0].upper()
        chosen = {v.variant.record: v.why for v in verdicts if v.status == status}
        _write(folder / name, path, chosen)


def take_annotated(folder: Path, out_dir: Path, group: Together) -> None:
    """Have what `write_annotated` wrote into one folder appear in another; raises InputError."""
    for name in ANNOTATED:
        index = next(suffix for suffix in VCF_INDEXES if (folder / f"{name}{suffix}").exists())
        group.take(folder / name, out_dir / name)
        with told(f"Output {out_dir / name}"):
            group.take_index(folder / f"{name}{index}", out_dir / name, index)


@isolated_htslib()
def _write(out: Path, source: StrPath, chosen: dict[int, str]) -> None:
    """Copy the records whose number is in `chosen`, with the reason in INFO/EVAL_WHY."""
    last: dict[str, int] = {}  # start of the last record of each contig, in order
    is_sorted, longest = True, 0
    try:
        with open_vcf(source) as records:  # closing it tells of damage, too
            # The header then declares what it did not: htslib exits where a copy lacks that.
            deque(records, maxlen=0)
            records.reset()
            header = records.header.copy()
            header.add_line(WHY_LINE)
            with pysam.VariantFile(str(out), "wz", header=header) as written:
                for number, record in enumerate(records):
                    if number in chosen:
                        record.translate(header)
                        if chosen[number]:
                            record.info["EVAL_WHY"] = chosen[number]
                        written.write(record)
                        if record.chrom in last:
                            is_sorted &= record.start >= last[record.chrom] and record.chrom == next(
                                reversed(last)
                            )
                        last[record.chrom], longest = record.start, max(longest, record.stop)
    except (OSError, ValueError) as error:
        raise InputError(
            f"Records of '{source}' cannot be copied to {out.name}",
            cause=str(error),
            repair="Check that its records fit its header (`bcftools view`), and the free space.",
        ) from error
    try:
        pysam.tabix_index(str(out), preset="vcf", force=True, csi=longest > TBI_MAX)
    except OSError as error:
        if is_sorted:
            raise unwritable(f"The index of {out.name}", error) from error
        raise InputError(f"'{source}' is not sorted", repair="Sort it with `bcftools sort`") from error
