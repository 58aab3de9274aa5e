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
    from dvplug.report.calls import write_call_report
    from dvplug.system.console import info
    from dvplug.system.outputs import Output, reserved

    with reserved([Output("--out", out, (".html",))], [vcf]):
        found = write_call_report(vcf, out)
    info(f"{out}: {sum(found.records.values()):,} records of {found.sample}.")
