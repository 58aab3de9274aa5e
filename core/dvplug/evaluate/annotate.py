"""Write the judged records as VCFs that say what was found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dvplug.errors import InputError
from dvplug.evaluate.variants import open_vcf
from dvplug.evaluate.verdicts import Verdict
from dvplug.system.locations import StrPath
from dvplug_registry.files import whole_files

WHY_LINE = (
    "##INFO=<ID=EVAL_WHY,Number=1,Type=String,"
    'Description="Why there is no match: genotype_mismatch (same alleles'
    ' in another genotype), allele_mismatch (other alleles in the same place) or absent">'
)


def write_annotated(
    out_dir: StrPath,
    truth: StrPath,
    query: StrPath,
    truth_verdicts: Iterable[Verdict],
    query_verdicts: Iterable[Verdict],
) -> None:
    """Write tp.vcf.gz and fp.vcf.gz (from the query) and fn.vcf.gz (from the truth), bgzipped and indexed.

    All six files appear together, when they are whole. Raises InputError when a VCF is not sorted.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    query_verdicts = list(query_verdicts)
    with whole_files(out_dir) as unfinished:
        for status, path, verdicts in (
            ("TP", query, query_verdicts),
            ("FP", query, query_verdicts),
            ("FN", truth, truth_verdicts),
        ):
            chosen = {v.variant.record: v.why for v in verdicts if v.status == status}
            _write(unfinished / f"{status.lower()}.vcf.gz", path, chosen)


def _write(out: Path, source: StrPath, chosen: dict[int, str]) -> None:
    """Copy the records whose number is in `chosen`, with the reason in INFO/EVAL_WHY."""
    import pysam

    from dvplug.system.htslib import isolated_htslib

    with open_vcf(source) as records:
        header = records.header.copy()
        header.add_line(WHY_LINE)
        try:
            with pysam.VariantFile(str(out), "wz", header=header) as written:
                for number, record in enumerate(records):
                    if number in chosen:
                        record.translate(header)
                        if chosen[number]:
                            record.info["EVAL_WHY"] = chosen[number]
                        written.write(record)
        except (OSError, ValueError) as error:
            raise InputError(
                f"Records of '{source}' cannot be copied to {out.name}",
                cause=str(error),
                repair="Check that its records fit its header (`bcftools view`), and the free space.",
            ) from error
    try:
        with isolated_htslib():
            pysam.tabix_index(str(out), preset="vcf", force=True)
    except OSError as error:
        raise InputError(f"'{source}' is not sorted", repair="Sort it with `bcftools sort`") from error
