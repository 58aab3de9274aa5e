"""`dvplug report`."""

from __future__ import annotations

from pathlib import Path


def report(vcf: Path, *, out: Path) -> None:
    """Draw the statistics of a VCF of one sample as a web page that needs no network.

    Parameters
    ----------
    vcf
        Calls: .vcf.gz or .vcf.
    out
        Page to write: .html.
    """
    from dvplug.console import info
    from dvplug.outputs import require_place
    from dvplug.report.calls import write_call_report

    require_place(out, ".html", "--out")
    found = write_call_report(vcf, out)
    info(f"{out}: {sum(found.records.values()):,} records of {found.sample}.")
